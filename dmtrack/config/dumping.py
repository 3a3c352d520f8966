"""A config as text that reads back to the same values, and its hash."""

from __future__ import annotations

import hashlib
import json
import keyword
import math
from collections.abc import Mapping
from typing import Any

from dmtrack.errors import ConfigError

_WIDTH = 100


def dump_config(config: Mapping[str, Any]) -> str:
    """The config in the `.py` style.

    Raises:
        ConfigError: a value that no config can hold.
    """
    blocks = []
    for key, value in config.items():
        if not _is_name(key):
            raise ConfigError(f"top-level key {key!r} is no name and cannot be written in a .py config")
        blocks.append(f"{key} = {_format(value, 0, len(key) + 3)}\n")
    return "".join(blocks)


def config_hash(config: Mapping[str, Any]) -> str:
    """12 hex digits that change with any value, not with the order of keys or with list against tuple."""
    if config.get("precision") == "auto":
        # What the configs that ship said before there was `auto`, so that results of that time are still theirs. How
        # training computes changes neither weights at hand nor tracking, whose precision is recorded by itself.
        config = {**config, "precision": "bf16"}
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _format(value: Any, indent: int, used: int) -> str:
    """On one line if it fits, else one item per line."""
    line = _one_line(value)
    if indent + used + len(line) <= _WIDTH or not isinstance(value, (Mapping, list, tuple)) or not value:
        return line
    inner = " " * (indent + 4)
    if isinstance(value, Mapping):
        opening, closing, keys = _dict_style(value)
        items = [
            f"{written}{_format(item, indent + 4, len(str(key)) + 4)}"
            for written, (key, item) in zip(keys, value.items(), strict=True)
        ]
    else:
        opening, closing = "[]" if isinstance(value, list) else "()"
        items = [_format(item, indent + 4, 1) for item in value]
    lines = "".join(f"{inner}{item},\n" for item in items)
    return f"{opening}\n{lines}{' ' * indent}{closing}"


def _one_line(value: Any) -> str:
    if isinstance(value, Mapping):
        opening, closing, keys = _dict_style(value)
        items = (f"{written}{_one_line(item)}" for written, item in zip(keys, value.values(), strict=True))
        return f"{opening}{', '.join(items)}{closing}"
    if isinstance(value, list):
        return f"[{', '.join(map(_one_line, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_one_line, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, float) and not math.isfinite(value):
        # The subset has no names for these, but arithmetic that gives them.
        return "1e999" if value > 0 else "-1e999" if value < 0 else "(1e999 - 1e999)"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    raise ConfigError(f"a config holds no {type(value).__name__}: {value!r}")


def _dict_style(value: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    """What opens and closes a dict, and its keys with the sign before their values."""
    if all(map(_is_name, value)):
        return "dict(", ")", [f"{key}=" for key in value]
    return "{", "}", [f"{key!r}: " for key in value]


def _is_name(key: Any) -> bool:
    """Whether Python reads it back as the same keyword argument; of other letters it normalises some."""
    if not isinstance(key, str) or not key.isascii():
        return False
    return key.isidentifier() and not keyword.iskeyword(key) and key != "__debug__"

"""From `dict(type='X', ...)` to an instance of the registered `X`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from dmtrack.config.checking import Checker, find_entry
from dmtrack.config.signatures import is_foreign, keys_of_callable, options_of
from dmtrack.errors import ConfigError
from dmtrack.registry import Registry


def build(node: Mapping[str, Any], registry: Registry, **extra: Any) -> Any:
    """Instantiates the class that `node["type"]` names.

    Values are passed as they stand, except that a list becomes a tuple where the signature says tuple, a dict becomes
    a dataclass where it says one, and a `dict(type=...)` is built where it admits an object but no dict.

    Args:
        node: the config dict; it is not changed.
        registry: where the class is looked up.
        extra: arguments from code; a key that the config gives itself takes precedence.

    Raises:
        ConfigError: no or unknown `type`, unknown or missing keys, values of a wrong type.
    """
    if not isinstance(node, Mapping) or not isinstance(node.get("type"), str):
        raise ConfigError(f"a {registry.kind} must be given as dict(type=..., ...), got {node!r}")
    entry = registry.get(node["type"])
    known = keys_of_callable(entry)
    Checker(f"{registry.kind} {node['type']}").keys(node, known, (), given=extra)
    arguments = dict(extra)
    for key, value in node.items():
        if key != "type":
            arguments[key] = convert(value, known.keys[key].annotation, key) if key in known.keys else value
    uncovered = [key for key, one in known.keys.items() if one.required and key not in arguments]
    if uncovered:
        raise ConfigError(f"{registry.kind} {node['type']}: {uncovered[0]!r} is missing")
    return entry(**arguments)


def convert(value: Any, annotation: Any, key: str = "") -> Any:
    """A checked value as its annotation wants it: a tuple for a list, a dataclass or an object for a dict.

    Args:
        value: what the config holds.
        annotation: of the parameter or field.
        key: its name, which tells in which registry a `type` is looked up first.
    """
    options = options_of(annotation)
    if isinstance(value, Mapping):
        if any(_admits_dict(option) for option in options):
            return value
        for option in options:
            if dataclasses.is_dataclass(option) and isinstance(option, type):
                known = keys_of_callable(option).keys
                return option(**{name: convert(item, known[name].annotation, name) for name, item in value.items()})
        if isinstance(value.get("type"), str) and any(is_foreign(option) for option in options):
            entry = find_entry(value["type"], (key,))
            known = keys_of_callable(entry).keys
            items = {name: item for name, item in value.items() if name != "type"}
            return entry(
                **{
                    name: convert(item, known[name].annotation, name) if name in known else item
                    for name, item in items.items()
                }
            )
        return value
    if isinstance(value, (list, tuple)):
        for option in options:
            kind, arguments = get_origin(option) or option, get_args(option)
            if kind is tuple and arguments:
                fixed = arguments[-1] is not Ellipsis
                return tuple(
                    convert(item, arguments[index] if fixed else arguments[0], key) for index, item in enumerate(value)
                )
            if arguments and kind is not tuple:
                return type(value)(convert(item, arguments[0], key) for item in value)
            if kind is tuple:
                return tuple(value)
    return value


def _admits_dict(option: Any) -> bool:
    kind = get_origin(option) or option
    if kind in (Any, object):
        return True
    return isinstance(kind, type) and issubclass(dict, kind) and kind is not object

"""Dictionaries that know where each of their keys was written, so that errors can name file and line.

They inherit as mm configs do: dicts merge, everything else replaces, `_delete_` drops.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from dmtrack.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top of a config down to a value."""


DELETE = "_delete_"


class LocatedDict(dict[str, Any]):
    """A dict while it is read and merged.

    Attributes:
        where: "file:line" of each key that has a known origin.
    """

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), where: str | None = None) -> None:
        super().__init__(items)
        self.where: dict[str, str] = {}
        if where is not None:
            self.where = dict.fromkeys(self, where)

    def put(self, key: str, value: Any, where: str | None) -> None:
        """Sets a key together with its origin."""
        self[key] = value
        if where is not None:
            self.where[key] = where


class Config(dict[str, Any]):
    """A merged config: a dict whose nested values are plain dicts, lists, tuples and scalars.

    It is pickled without its locations and as a standard type, so that a checkpoint that holds one can be loaded by
    `torch.load(weights_only=True)`.

    Attributes:
        source: what errors call it, in general the file.
        locations: "file:line" by key path, of every key that was read from a file or set by an override.
    """

    def __init__(
        self, items: Mapping[str, Any], source: str = "config", locations: Mapping[KeyPath, str] | None = None
    ) -> None:
        super().__init__(items)
        self.source = source
        self.locations: dict[KeyPath, str] = dict(locations or {})

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return OrderedDict, (), None, None, iter(self.items())

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        return Config(copy.deepcopy(dict(self), memo), self.source, self.locations)


def locate(value: Any, where: str | None = None) -> Any:
    """Plain containers as located ones, all of whose keys were written at one place; without one, located ones stay."""
    if where is None and isinstance(value, LocatedDict):
        return value
    if isinstance(value, Mapping):
        return LocatedDict(((key, locate(item, where)) for key, item in value.items()), where)
    if isinstance(value, (list, tuple)):
        return type(value)(locate(item, where) for item in value)
    return value


def merge(base: LocatedDict, child: LocatedDict, path: str = "") -> LocatedDict:
    """`child` over `base`, as a new dict; neither is changed.

    A dict of the child that holds `_delete_=True` replaces the base's dict instead of merging into it.

    Raises:
        ConfigError: a dict is to be merged into something that is none.
    """
    result = LocatedDict(base)
    result.where = dict(base.where)
    for key, value in child.items():
        if key == DELETE:
            continue
        where = child.where.get(key)
        if isinstance(value, LocatedDict) and key in base and base[key] is not None and not value.get(DELETE, False):
            if not isinstance(base[key], LocatedDict):
                raise ConfigError(
                    f"{where}: {path}{key} is a dict here but {base[key]!r} in the base; "
                    "add _delete_=True to the dict to replace it"
                )
            value = merge(base[key], value, f"{path}{key}.")
        result.put(key, without_delete(value), where)
    return result


def without_delete(value: Any) -> Any:
    """The value without `_delete_` keys at any depth, which have done their work."""
    if isinstance(value, LocatedDict):
        result = LocatedDict()
        for key, item in value.items():
            if key != DELETE:
                result.put(key, without_delete(item), value.where.get(key))
        return result
    if isinstance(value, (list, tuple)):
        return type(value)(without_delete(item) for item in value)
    return value


def finish(located: Mapping[str, Any], source: str) -> Config:
    """Plain containers and one table of locations out of nested `LocatedDict`s."""
    locations: dict[KeyPath, str] = {}

    def plain(value: Any, path: KeyPath) -> Any:
        if isinstance(value, Mapping):
            for key, where in getattr(value, "where", {}).items():
                if key in value:
                    locations[(*path, key)] = where
            return {key: plain(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(plain(item, (*path, index)) for index, item in enumerate(value))
        return value

    return Config(plain(located, ()), source, locations)


def dotted(path: KeyPath) -> str:
    """`("data", "stages", 0, "until")` -> `"data.stages.0.until"`."""
    return ".".join(str(key) for key in path)

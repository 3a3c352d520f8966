"""Inheritance of configs with the semantics of mm configs: dicts merge, everything else replaces, `_delete_` drops."""

from __future__ import annotations

from typing import Any

from dmtrack.config.located import LocatedDict
from dmtrack.errors import ConfigError

DELETE = "_delete_"


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

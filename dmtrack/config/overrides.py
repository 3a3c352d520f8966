"""`--set a.b.0.c=value` on a config or an experiment."""

from __future__ import annotations

from typing import Any, cast

from dmtrack.config.located import KeyPath, LocatedDict, dotted, locate, without_delete
from dmtrack.config.python_reader import read_expression
from dmtrack.config.yaml_reader import read_yaml_value
from dmtrack.errors import ConfigError
from dmtrack.registry import did_you_mean


def apply_override(config: LocatedDict, override: str) -> LocatedDict:
    """A copy of the config with one value replaced or, in an existing dict, added.

    Args:
        config: the merged config or the experiment.
        override: `key.path=value`; numbers in the path index lists; the value is a Python literal (with `dict(...)`),
            else a YAML value (`true`, `null`), else a string.

    Raises:
        ConfigError: no `=`, or a path that does not exist.
    """
    keys, text = split_override(override)
    value: Any = text
    for read in (read_expression, read_yaml_value):  # `true` and a bare word are no Python
        try:
            value = read(text)
            break
        except ConfigError:
            continue
    value = locate(without_delete(value), f"--set {override}")
    return cast(LocatedDict, _replace(config, keys, value, override, ()))


def split_override(override: str) -> tuple[list[str], str]:
    """The keys and the text of the value of `key.path=value`.

    Raises:
        ConfigError: no `=`, or an empty key.
    """
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override}: expected key.path=value, such as --set optimizer.lr=0.01")
    return keys, text


def _replace(container: Any, keys: list[str], value: Any, override: str, path: KeyPath) -> Any:
    key, rest = keys[0], keys[1:]
    origin = f"--set {override}"
    here = dotted(path)
    length = len(container) if isinstance(container, (list, tuple)) else 0
    if isinstance(container, LocatedDict):
        if key not in container and rest:
            raise ConfigError(f"{origin}: there is no key {dotted((*path, key))!r}{did_you_mean(key, container)}")
        result = LocatedDict(container)
        result.where = dict(container.where)
        result.put(key, _replace(container[key], rest, value, override, (*path, key)) if rest else value, origin)
        return result
    if isinstance(container, (list, tuple)):
        if not key.isdecimal() or int(key) >= length:
            raise ConfigError(f"{origin}: {here} is a list of {length}; expected an index below that, got {key!r}")
        index = int(key)
        new = _replace(container[index], rest, value, override, (*path, index)) if rest else value
        return type(container)([*container[:index], new, *container[index + 1 :]])
    raise ConfigError(
        f"{origin}: {here} is {container!r}, which has no key {key!r}; set {here}=dict({key}=...) instead"
    )

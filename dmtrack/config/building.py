"""From checked values to objects: a config to its schema, a section to its dataclass, `dict(type='X')` to an `X`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from dmtrack.config.checking import Checker, ConfigValueError, best_first, find_entry
from dmtrack.config.signatures import Keys, is_foreign, items_of, keys_of_callable, keys_of_dataclass, options_of
from dmtrack.config.top_level import TopLevel
from dmtrack.errors import ConfigError
from dmtrack.files import at_home
from dmtrack.registry import Registry

Section = TypeVar("Section")


def parse_config(config: Mapping[str, Any], source: str | None = None) -> TopLevel:
    """A merged config as an instance of the schema: sections are dataclasses, absent keys have their defaults.

    Args:
        config: a `Config`, whose locations errors then name, or a plain dict.
        source: what errors call it where no line is known; by default the config's own file.

    Raises:
        ConfigError: an unknown key (with the nearest known one), a missing key, a value of a wrong type or out of
            range; names the file, the line where it is known, and the dotted key.
    """
    return parse_section(config, TopLevel, source=source, name="a config")


def parse_section(
    values: Mapping[str, Any], kind: type[Section], key: str = "", source: str | None = None, name: str | None = None
) -> Section:
    """Values as an instance of the dataclass that declares their keys, types and ranges.

    Args:
        values: a `Config`, whose locations errors then name, or a plain dict.
        kind: the dataclass; `Within` in its annotations gives the ranges of numbers, `Literal` the choices.
        key: dotted, under which the values stand; empty for a whole file.
        source: what errors call the place where no line is known; by default the config's own file.
        name: what errors call the keys together; by default the name of the class.

    Raises:
        ConfigError: as `parse_config`.
    """
    own_source = str(getattr(values, "source", "config"))
    checker = Checker(own_source if source is None else source, getattr(values, "locations", {}))
    path = tuple(key.split(".")) if key else ()
    checker.keys(values, Keys(name or kind.__name__, keys_of_dataclass(kind).keys), path)
    try:
        section: Section = convert(values, kind)
    except ConfigValueError as error:
        raise checker.error(error.path, str(error)) from None
    return section


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
    Checker(f"{registry.kind} {node['type']}").arguments(node, known, (), given=extra)
    arguments = {**extra, **_arguments(node, known)}
    uncovered = [key for key, one in known.keys.items() if one.required and key not in arguments]
    if uncovered:
        raise ConfigError(f"{registry.kind} {node['type']}: {uncovered[0]!r} is missing")
    return entry(**arguments)


def convert(value: Any, annotation: Any, key: str = "") -> Any:
    """A checked value as its annotation wants it: a tuple for a list, a path, a dataclass or an object for a dict.

    Args:
        value: what the config holds.
        annotation: of the parameter or field.
        key: its name, which tells in which registry a `type` is looked up first.
    """
    options = options_of(annotation)
    if isinstance(value, Mapping):
        for option in options:
            kind = get_origin(option) or option
            if kind in (Any, object) or (isinstance(kind, type) and issubclass(dict, kind)):
                return value
        for option in options:
            if dataclasses.is_dataclass(option) and isinstance(option, type):
                known = keys_of_dataclass(option).keys
                return option(
                    **{
                        known[name].parameter: convert(item, known[name].annotation, name)
                        for name, item in value.items()
                    }
                )
        if isinstance(value.get("type"), str) and any(is_foreign(option) for option in options):
            entry = find_entry(value["type"], (key,))
            return entry(**_arguments(value, keys_of_callable(entry)))
        return value
    if isinstance(value, str) and Path in options and str not in options:
        return at_home(value)
    if isinstance(value, (list, tuple)):
        for option in best_first(value, options):
            kind, arguments = get_origin(option) or option, get_args(option)
            annotations = items_of(option, len(value))
            if arguments and annotations is not None:
                items = (convert(item, annotation, key) for item, annotation in zip(value, annotations, strict=True))
                return tuple(items) if kind is tuple else type(value)(items)
            if kind is tuple and not arguments:
                return tuple(value)
    return value


def _arguments(values: Mapping[str, Any], known: Keys) -> dict[str, Any]:
    """The checked values of a dict as arguments of the class whose keys they are."""
    arguments = {}
    for name, value in values.items():
        if name in known.keys:
            arguments[known.keys[name].parameter] = convert(value, known.keys[name].annotation, name)
        elif name != "type":
            arguments[name] = value
    return arguments

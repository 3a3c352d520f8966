"""Compares what a config holds with annotations: those of the schema and of the classes that it names."""

from __future__ import annotations

import difflib
from collections import abc
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, is_typeddict

from dmtrack import registry as registries
from dmtrack.config.located import KeyPath, dotted
from dmtrack.config.signatures import (
    Keys,
    describe,
    is_foreign,
    items_of,
    keys_of,
    keys_of_callable,
    keys_of_dataclass,
    options_of,
    range_of,
)
from dmtrack.errors import ConfigError
from dmtrack.registry import Registry, did_you_mean

_REGISTRY_OF_KEY = {
    "model": registries.MODELS,
    "backbone": registries.BACKBONES,
    "neck": registries.NECKS,
    "bbox_head": registries.HEADS,
    "tracker": registries.TRACKERS,
    "policy": registries.ASSOCIATIONS,
    "train": registries.DATASETS,
    "val": registries.DATASETS,
    "datasets": registries.DATASETS,
    "source": registries.DATASETS,
    "recipe": registries.TRANSFORMS,
    "transforms": registries.TRANSFORMS,
    "teacher": registries.TEACHERS,
}
_PLAIN = (bool, int, float, str, type(None), list, tuple, Mapping)
_ALL_REGISTRIES = tuple(dict.fromkeys(_REGISTRY_OF_KEY.values()))


class ConfigValueError(ConfigError):
    """Values of the right types that make no sense together; the `__post_init__` of a section raises it.

    Args:
        message: one sentence that begins with the key.
        key: dotted, from the top of the file.

    Attributes:
        path: the key as a path, to look up where it was written.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.path: KeyPath = tuple(int(part) if part.isdecimal() else part for part in key.split("."))


def check_fields(section: Any, name: str = "") -> None:
    """Checks the numbers and choices of a dataclass that code made; its `__post_init__` calls this.

    Args:
        section: an instance of a dataclass, some of whose fields are annotated with `Literal` or `Within`.
        name: of the section, for errors.

    Raises:
        ConfigError: a value is out of range or none of the choices.
    """
    for key, known in keys_of_dataclass(type(section)).keys.items():
        value = getattr(section, known.parameter)
        none_of_them = bool(known.choices) and isinstance(value, str) and value not in known.choices
        outside = known.limits is not None and isinstance(value, (int, float)) and not known.limits.admits(value)
        if none_of_them or outside:
            Checker("").value(value, known.annotation, (name, key) if name else (key,))


@dataclass(frozen=True)
class Checker:
    """Compares values with annotations.

    Attributes:
        source: what errors call the config; empty for nothing.
        locations: "file:line" by key path.
    """

    source: str
    locations: Mapping[KeyPath, str] = field(default_factory=dict)

    def error(self, path: KeyPath, message: str) -> ConfigError:
        """An error at a key, or at the innermost dict around it that has a known place."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.locations:
                return ConfigError(f"{self.locations[path[:length]]}: {message}")
        return ConfigError(f"{self.source}: {message}" if self.source else message)

    def keys(self, node: Mapping[str, Any], known: Keys, path: KeyPath, given: Collection[str] = ()) -> None:
        """Checks the keys of one dict.

        Args:
            node: the dict, without a `type` that has been looked at.
            known: what it may hold.
            path: where it stands.
            given: keys that code passes.
        """
        # Classes come last: a wrong number elsewhere is refused before PyTorch is imported for them.
        for key, value in sorted(
            node.items(), key=lambda item: item[0] in known.keys and known.keys[item[0]].names_classes
        ):
            if key not in known.keys:
                if not known.is_open:
                    raise self.error((*path, key), self._unknown(key, known, path))
                self.free(value, (*path, key))
            else:
                self.value(value, known.keys[key].annotation, (*path, key))
        for key, description in known.keys.items():
            if description.required and not description.injected and key not in node and key not in given:
                typed = (*path, "type")
                raise self.error(
                    typed if typed in self.locations else path,
                    f"{dotted((*path, key))!r} is missing: {known.name} needs {describe(description.annotation)} there",
                )

    def value(self, value: Any, annotation: Any, path: KeyPath) -> None:
        """Checks one value."""
        options = options_of(annotation)
        # A dataclass beside a plain dict says more about what may be inside.
        structured = [option for option in options if keys_of(option) is not None]
        if structured and isinstance(value, Mapping):
            options = tuple(structured)
        first: ConfigError | None = None
        for option in best_first(value, options):
            if _has_shape(value, option):
                try:
                    self._inside(value, option, path)
                except ConfigError as error:
                    first = first or error
                else:
                    break
        else:
            choices = [choice for option in options if get_origin(option) is Literal for choice in get_args(option)]
            near = difflib.get_close_matches(value, choices, 1) if isinstance(value, str) else []
            hint = f"; did you mean {near[0]!r}?" if near else ""
            text = repr(value)
            got = f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
            raise first or self.error(path, f"{dotted(path)!r} must be {describe(annotation)}, got {got}{hint}")
        limits = range_of(annotation)
        if limits is not None and isinstance(value, (int, float)) and not limits.admits(value):
            expected = limits.describe(whole=float not in options)
            raise self.error(path, f"{dotted(path)} is {value!r}: expected {expected}")

    def free(self, value: Any, path: KeyPath) -> None:
        """Checks the dicts with a `type` inside a value that may be anything."""
        if isinstance(value, Mapping):
            if isinstance(value.get("type"), str):
                self.typed(value, path)
                return
            for key, item in value.items():
                self.free(item, (*path, key))
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                self.free(item, (*path, index))

    def typed(self, node: Mapping[str, Any], path: KeyPath) -> None:
        """Checks a dict against the class that its `type` names."""
        entry = find_entry(node["type"], path)
        if entry is None:
            registry = _preferred(path)
            names = list(registry) if registry else [name for every in _ALL_REGISTRIES for name in every]
            kind = registry.kind if registry else "type"
            raise self.error(
                (*path, "type"),
                f"unknown {kind} {node['type']!r} at {dotted((*path, 'type'))!r}{did_you_mean(node['type'], names)}",
            )
        self.arguments(node, keys_of_callable(entry), path)

    def arguments(self, node: Mapping[str, Any], known: Keys, path: KeyPath, given: Collection[str] = ()) -> None:
        """Checks a dict whose `type` has named the class that takes the rest; arguments are those of `keys`."""
        rest = {key: value for key, value in node.items() if key != "type" or key in known.keys}
        self.keys(rest, known, path, given)

    def _inside(self, value: Any, option: Any, path: KeyPath) -> None:
        """Checks what the value holds, its outer kind being right."""
        structure = keys_of(option)
        if isinstance(value, Mapping):
            if structure is not None:
                self.keys(value, structure, path)
            elif is_foreign(option) and not isinstance(value.get("type"), str):
                raise self.error(path, f"{dotted(path)!r} must be dict(type=...), the key 'type' is missing")
            elif isinstance(value.get("type"), str):
                self.typed(value, path)
            else:
                items = (get_args(option) or (Any, Any))[-1]
                for key, item in value.items():
                    self.value(item, items, (*path, key))
        elif isinstance(value, (list, tuple)):
            self._items(value, option, path)

    def _items(self, value: list[Any] | tuple[Any, ...], option: Any, path: KeyPath) -> None:
        annotations = items_of(option, len(value))
        assert annotations is not None  # the value has the shape of the option
        for index, (item, annotation) in enumerate(zip(value, annotations, strict=True)):
            if annotation is Any:
                self.free(item, (*path, index))
            else:
                self.value(item, annotation, (*path, index))

    def _unknown(self, key: str, known: Keys, path: KeyPath) -> str:
        hint = did_you_mean(key, known.keys)
        if not difflib.get_close_matches(key, known.keys, 1, cutoff=0.8):  # perhaps it belongs to a section
            for outer, description in known.keys.items():
                sections = (keys_of(option) for option in options_of(description.annotation))
                if any(section is not None and key in section.keys for section in sections):
                    hint = f"; did you mean {dotted((*path, outer, key))!r}?"
                    break
        message = f"unknown key {dotted((*path, key))!r} of {known.name}{hint}"
        here, of_type = self.locations.get((*path, key), ""), self.locations.get((*path, "type"), "")
        file = here.rpartition(":")[0]
        inherited = file not in ("", self.source) and not here.startswith("--set")
        if of_type and inherited and file != of_type.rpartition(":")[0]:
            message += f" (it is inherited; add _delete_=True where {of_type} sets the type to drop the base's keys)"
        return message


def _has_shape(value: Any, option: Any) -> bool:
    """Whether the value is of the outer kind that the annotation asks for."""
    kind = get_origin(option) or option
    if kind in (Any, object):
        return True
    if kind is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(option))
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (bool, type(None)):
        return isinstance(value, kind)
    if kind in (str, Path):
        return isinstance(value, (str, kind))
    if keys_of(option) is not None:
        return isinstance(value, Mapping if is_typeddict(kind) else (Mapping, kind))
    if is_foreign(option):
        return isinstance(value, Mapping) or not isinstance(value, _PLAIN)
    if isinstance(value, Mapping):
        return issubclass(dict, kind) and not issubclass(kind, abc.Sequence)
    if isinstance(value, (list, tuple)):
        return (
            any(issubclass(container, kind) for container in (list, tuple)) and items_of(option, len(value)) is not None
        )
    return isinstance(value, kind)


def best_first(value: Any, options: Iterable[Any]) -> list[Any]:
    """Annotations of which one is meant; those that fit every item of a list come first.

    A pair of pairs is not a pair of numbers.
    """

    def misses(option: Any) -> bool:
        if not isinstance(value, (list, tuple)) or (annotations := items_of(option, len(value))) is None:
            return True
        return not all(
            any(_has_shape(item, kind) for kind in options_of(annotation))
            for item, annotation in zip(value, annotations, strict=True)
        )

    return sorted(options, key=misses)


def find_entry(name: str, path: KeyPath) -> Any:
    """The registered class of that name, looked for first where the key suggests; None if there is none."""
    preferred = _preferred(path)
    for registry in ((preferred,) if preferred else ()) + _ALL_REGISTRIES:
        if name in registry:
            return registry.get(name)
    return None


def _preferred(path: KeyPath) -> Registry | None:
    names = [key for key in path if isinstance(key, str)]
    return _REGISTRY_OF_KEY.get(names[-1]) if names else None

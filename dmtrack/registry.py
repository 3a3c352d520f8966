"""Names to classes: what a config's `type='DMTrackGS'` refers to.

A registry knows which modules define its classes and imports them on the first look-up, so that reading a config or
printing help costs no import of torch. People's own classes join through the same decorator, from a module named with
`--import my_module` or from an entry point in the group `dmtrack.plugins`.
"""

from __future__ import annotations

import difflib
import importlib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from dmtrack.errors import ConfigError, DMTrackError

Registered = TypeVar("Registered", bound=Callable[..., object])


class Registry:
    """Classes (or functions) of one kind, by name.

    Args:
        kind: what the entries are, as errors call it ("backbone").
        modules: modules whose import registers the entries that ship with dmtrack.
    """

    def __init__(self, kind: str, modules: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self._modules = modules
        self._entries: dict[str, Callable[..., object]] = {}
        self._loaded = False

    def register(self, entry: Registered) -> Registered:
        """Decorator: makes the class known under its own name."""
        name = entry.__name__
        known = self._entries.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (entry.__module__, entry.__qualname__):
            raise ConfigError(f"two {self.kind}s are called {name!r}: {known.__module__} and {entry.__module__}")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> Callable[..., object]:
        """The entry of that name.

        Raises:
            ConfigError: there is none; the message names the nearest one.
        """
        self._load()
        if name not in self._entries:
            raise ConfigError(f"unknown {self.kind} {name!r}{did_you_mean(name, self._entries)}")
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            for module in self._modules:
                importlib.import_module(module)
            load_plugins()


MOST_LISTED = 20
"""So many names are listed when nothing is near what was given; more would hide the sentence."""


def did_you_mean(name: str, candidates: object) -> str:
    """`"; did you mean 'x'?"`; when nothing is near, the list of what exists, or of many the three nearest."""
    names = sorted(str(candidate) for candidate in candidates)  # type: ignore[attr-defined]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    if len(names) > MOST_LISTED:
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.0)
        return f"; the nearest of {len(names)}: {', '.join(nearest)}"
    return f"; known: {', '.join(names)}" if names else ""


def import_module(name: str) -> ModuleType:
    """Imports a user's module, so that its registrations take effect; modules of the current folder are found too.

    Raises:
        ConfigError: there is no such module, or it fails to import.
    """
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"module {name}: {error}; give one that Python can import from here") from error
    except DMTrackError:
        raise
    except Exception as error:  # a module of the user's may fail in any way
        text, frame = str(error), traceback.extract_tb(error.__traceback__)[-1]
        file, line = frame.filename, frame.lineno
        if isinstance(error, SyntaxError):
            text, file, line = error.msg, error.filename or name, error.lineno
        reason = f"{type(error).__name__}: {text} ({file}:{line})"
        raise ConfigError(f"module {name} fails to import: {reason}; mend it there") from error


_plugins_loaded = False


def load_plugins(modules: Iterable[str] = ()) -> None:
    """Imports every installed entry point of the group `dmtrack.plugins`, once, and the modules that `--import` names.

    Raises:
        ConfigError: see `import_module`.
    """
    global _plugins_loaded
    if not _plugins_loaded:
        _plugins_loaded = True
        for entry_point in entry_points(group="dmtrack.plugins"):
            entry_point.load()
    for name in modules:
        import_module(name)


MODELS = Registry(
    "model",
    (
        "dmtrack.models.fairmot",
        "dmtrack.models.faster_rcnn",
        "dmtrack.models.global_search",
        "dmtrack.models.reid",
        "dmtrack.models.siamrpn",
        "dmtrack.models.yolox",
    ),
)
BACKBONES = Registry("backbone", ("dmtrack.models.backbones",))
NECKS = Registry("neck", ("dmtrack.models.necks", "dmtrack.models.siamrpn"))
HEADS = Registry("head", ("dmtrack.models.global_search", "dmtrack.models.reid", "dmtrack.models.siamrpn"))
DATASETS = Registry("dataset", ("dmtrack.data.sources", "dmtrack.data.sampling", "dmtrack.data.synthetic"))
TRANSFORMS = Registry("transform", ("dmtrack.data.transforms", "dmtrack.data.siamese"))
TRACKERS = Registry(
    "tracker",
    (
        "dmtrack.tracking.global_search",
        "dmtrack.tracking.reid",
        "dmtrack.tracking.siamrpn",
        "dmtrack.tracking.track_by_detection",
    ),
)
ASSOCIATIONS = Registry("association policy", ("dmtrack.association.policies",))
TEACHERS = Registry("teacher", ("dmtrack.training.distillation",))

"""Building a tracker from a config and weights, from a weights file alone, or from somebody's own class."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmtrack.config import Config, build, check_config, config_hash, load_config, require
from dmtrack.config.located import LocatedDict, finish
from dmtrack.config.overrides import apply_override
from dmtrack.errors import ConfigError, DMTrackError, WeightsError
from dmtrack.files import sha256
from dmtrack.registry import MODELS, TRACKERS, did_you_mean
from dmtrack.tracking.adapter import as_tracker
from dmtrack.tracking.base import Tracker
from dmtrack.tracking.device import check_precision, choose_device

DEFAULT_CONFIG = "dmtrackGS_tiny"

_PLUGIN = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<name>[A-Za-z_]\w*)")


@dataclass(frozen=True)
class LoadedTracker:
    """A tracker and where it comes from.

    Attributes:
        tracker: ready for `init`.
        config: what it was built from; None for a class given as `my_module:MyTracker`.
        config_name: file or name of the config, or `my_module:MyTracker`.
        weights_path: file of its weights, None for a tracker without.
    """

    tracker: Tracker
    config: dict[str, Any] | None
    config_name: str
    weights_path: Path | None

    def origin(self) -> dict[str, Any]:
        """What is kept beside results: tracker, config and its hash, weights and their sha256, device, precision."""
        return {
            "tracker": self.tracker.name,
            "config": self.config_name,
            "config_hash": None if self.config is None else config_hash(self.config),
            "weights": None if self.weights_path is None else str(self.weights_path),
            "weights_sha256": None if self.weights_path is None else sha256(self.weights_path),
            "device": str(getattr(self.tracker, "device", "")) or None,
            "precision": getattr(self.tracker, "precision", None),
        }


def assemble_tracker(
    config: str | Path | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    overrides: Sequence[str] = (),
) -> LoadedTracker:
    """`dmtrack.load_tracker` for those who also record where the tracker comes from; the arguments are the same.

    Raises:
        ConfigError: the config, a key, the device or the precision is unknown.
        WeightsError: there are no weights, or they do not fit the model.
    """
    # Both before the model is built: a wrong word should not cost seconds.
    chosen_device = None if device is None else str(choose_device(device))
    chosen_precision = None if precision is None else check_precision(precision)
    plugin = _PLUGIN.fullmatch(str(config)) if config is not None else None
    if plugin and not Path(str(config)).exists():
        return _load_plugin(plugin["module"], plugin["name"], device, precision)
    node, name, weights_path = _config_and_weights(config, weights, overrides)
    settings = dict(node.get("tracker") or {"type": "GlobalSearchTracker"})
    settings.setdefault("device", None)
    if chosen_device is not None:
        settings["device"] = chosen_device
    if chosen_precision is not None:
        settings["precision"] = chosen_precision
    settings.setdefault("name", Path(name).stem)
    require(node, "model", purpose="tracking")
    model = build(node["model"], MODELS)
    load_into(model, read_weights(weights_path))
    return LoadedTracker(build(settings, TRACKERS, model=model), node, name, weights_path)


def _load_plugin(module_name: str, name: str, device: str | None, precision: str | None) -> LoadedTracker:
    """An instance of a user's class, made without arguments."""
    spec = f"{module_name}:{name}"
    if device is not None or precision is not None:
        raise ConfigError(f"device and precision belong to a config; the class {spec} decides them itself")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"tracker {spec}: {error}; give a module that Python can import from here") from error
    if not hasattr(module, name):
        raise ConfigError(f"tracker {spec}: module {module_name} has no {name!r}{did_you_mean(name, vars(module))}")
    factory = getattr(module, name)
    try:
        made = factory() if callable(factory) else factory
    except TypeError as error:
        raise ConfigError(
            f"tracker {spec} cannot be made without arguments ({error}); give a class or function that needs none"
        ) from error
    try:
        tracker = as_tracker(made)
    except DMTrackError as error:
        raise ConfigError(f"tracker {spec}: {error}") from error
    return LoadedTracker(tracker, None, spec, None)


def _config_and_weights(
    config: str | Path | None, weights: str | Path | None, overrides: Sequence[str]
) -> tuple[Config, str, Path]:
    """The config, what it is called, and the file of the weights."""
    if config is not None and Path(config).suffix == ".safetensors":
        if weights is not None and Path(weights) != Path(config):
            raise ConfigError(f"{config} and {weights} are both weights files; give a config and one weights file")
        config, weights = None, config
    if config is None and weights is not None:
        return _config_of_weights(Path(weights), overrides), str(weights), Path(weights)
    name = str(config or DEFAULT_CONFIG)
    node = load_config(name, overrides)
    return node, name, Path(weights) if weights is not None else find_weights(Path(name).stem)


def _config_of_weights(path: Path, overrides: Sequence[str]) -> Config:
    """The config that a weights file carries."""
    stored = read_weights(path).metadata.get("config")
    if not isinstance(stored, dict):
        raise WeightsError(f"weights {path} do not say which config they were trained with; give it with --config")
    located = _located(stored)
    for override in overrides:
        located = apply_override(located, override)
    config = finish(located, str(path))
    check_config(config)
    return config


def _located(value: Any) -> Any:
    """Dicts of JSON as the dicts that overrides work on."""
    if isinstance(value, dict):
        return LocatedDict({key: _located(item) for key, item in value.items()})
    return [_located(item) for item in value] if isinstance(value, list) else value

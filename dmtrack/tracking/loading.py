"""Building a tracker from a config and weights, from a weights file alone, or from somebody's own class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dmtrack.config import Config, as_config, build, config_hash, load_config, require
from dmtrack.config.choices import DEFAULT_CONFIG, PLUGIN, WEIGHTS_SUFFIXES, baseline_class, shipped_weights
from dmtrack.errors import ConfigError, DMTrackError, WeightsError
from dmtrack.registry import MODELS, TRACKERS, did_you_mean, import_module
from dmtrack.tracking.adapter import as_tracker
from dmtrack.tracking.base import MultiTracker, Tracker
from dmtrack.tracking.device import choose_device, resolve_precision
from dmtrack.tracking.multi_object import Detector
from dmtrack.tracking.track_by_detection import detector_of
from dmtrack.weights import WeightsFile, find_weights, load_into, read_weights


@dataclass(frozen=True)
class LoadedTracker:
    """A tracker and where it comes from.

    Attributes:
        tracker: ready for `init`, or for the first frame where it follows everything.
        config: what it was built from; None for a class given as `my_module:MyTracker`.
        config_name: file or name of the config, or `my_module:MyTracker`.
        weights_path: file of its weights, None for a tracker without.
        weights_sha256: hex digest of that file.
    """

    tracker: Tracker | MultiTracker
    config: dict[str, Any] | None
    config_name: str
    weights_path: Path | None = None
    weights_sha256: str | None = None

    @property
    def target_tracker(self) -> Tracker:
        """The tracker, where one target is to be followed.

        Raises:
            ConfigError: it follows everything.
        """
        if isinstance(self.tracker, MultiTracker):
            raise ConfigError(
                f"{self.config_name}: {type(self.tracker).__name__} follows everything in sight, and no given target; "
                "run it with `dmtrack mot track`, or give the config of another tracker"
            )
        return self.tracker

    def origin(self) -> dict[str, Any]:
        """What is kept beside results: tracker, config and its hash, weights and their sha256, device, precision."""
        return {
            "tracker": self.tracker.name,
            "config": self.config_name,
            "config_hash": None if self.config is None else config_hash(self.config),
            "weights": None if self.weights_path is None else str(self.weights_path),
            "weights_sha256": self.weights_sha256,
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
    chosen_device = str(choose_device(device))
    asked: dict[str, Any] = {}
    if precision is not None:
        asked["precision"] = resolve_precision(precision, torch.device(chosen_device))
    if device is not None:
        asked["device"] = chosen_device
    config = None if config is None else baseline_class(str(config)) or config
    plugin = PLUGIN.fullmatch(str(config)) if config is not None else None
    if plugin and not Path(str(config)).exists():
        return _load_plugin(plugin["module"], plugin["name"], device, precision)
    node, name, stored = config_and_weights(config, weights, overrides)
    settings = tracker_section(node)
    accepted = inspect.signature(TRACKERS.get(settings["type"])).parameters
    defaults = {"name": Path(name).stem, "device": chosen_device}
    settings = {**{key: value for key, value in defaults.items() if key in accepted}, **settings, **asked}
    parts: dict[str, Any] = {}
    if stored is None:
        parameter = accepted.get("model")
        if parameter is None or parameter.default is parameter.empty:
            require(node, "model", purpose="tracking")
    else:
        parts["model"], _ = _model(node, stored)
    tracker: Tracker | MultiTracker = build(settings, TRACKERS, **parts)
    tracker.loaded = LoadedTracker(
        tracker, node, name, *((None, None) if stored is None else (stored.path, stored.sha256))
    )
    return tracker.loaded


def _model(config: Config, stored: WeightsFile | None) -> tuple[Any, WeightsFile]:
    """The network of a config with its weights; they are there where the config has a model."""
    require(config, "model", purpose="tracking")
    assert stored is not None
    model = build(config["model"], MODELS)
    load_into(model, stored.state_dict, stored.path, metadata=stored.metadata)
    return model, stored


def tracker_section(config: Mapping[str, Any]) -> dict[str, Any]:
    """The `tracker` of a config, or the usual one of its model; one that detects everything follows everything."""
    if config.get("tracker"):
        return dict(config["tracker"])
    kind = MODELS.get(config["model"]["type"]) if "type" in config.get("model", {}) else None
    if not hasattr(kind, "detect"):
        return {"type": "GlobalSearchTracker"}
    return {"type": "TrackByDetection", "policy": {"type": getattr(kind, "published_policy", "ByteTrack")}}


def _load_plugin(module_name: str, name: str, device: str | None, precision: str | None) -> LoadedTracker:
    """An instance of a user's class, made without arguments."""
    spec = f"{module_name}:{name}"
    if device is not None or precision is not None:
        raise ConfigError(f"device and precision belong to a config; the class {spec} decides them itself")
    module = import_module(module_name)
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
    tracker.loaded = LoadedTracker(tracker, None, spec)
    return tracker.loaded


def assemble_detector(
    config: str | Path,
    weights: str | Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    overrides: Sequence[str] = (),
) -> tuple[Detector, Mapping[str, Any], dict[str, Any]]:
    """The detector of a multi-object tracker, the policy of its config or of its paper, and where it comes from.

    Args:
        config: name or file of a config whose model detects everything in an image, such as `configs/yolox/*.py`.
        weights: a weights file; without it, the one that ships under the config's name.
        device: as in `load_tracker`.
        precision: as in `load_tracker`.
        overrides: as in `load_tracker`.

    Raises:
        ConfigError: the config, a key, the device or the precision is unknown, or the model needs to be shown a target.
        WeightsError: there are no weights, or they do not fit the model.
    """
    chosen_device = choose_device(device)
    chosen_precision = resolve_precision(precision or "fp32", chosen_device)
    node, name, stored = config_and_weights(config, weights, overrides)
    model, stored = _model(node, stored)
    return (
        detector_of(model, str(chosen_device), chosen_precision, name),
        tracker_section(node).get("policy") or {"type": "ByteTrack"},
        {
            "config": name,
            "config_hash": config_hash(node),
            "weights": str(stored.path),
            "weights_sha256": stored.sha256,
            "device": str(chosen_device),
            "precision": chosen_precision,
            "classes": list(getattr(model, "class_names", ())),
        },
    )


def config_and_weights(
    config: str | Path | None, weights: str | Path | None, overrides: Sequence[str]
) -> tuple[Config, str, WeightsFile | None]:
    """The config, what it is called, and the weights, all as `assemble_tracker` finds them; nothing is built of them.

    The weights are None where the config has no model.

    Raises:
        ConfigError: the config or a key is unknown.
        WeightsError: there are no weights, or they cannot be read.
    """
    if config is not None and Path(config).suffix in WEIGHTS_SUFFIXES:
        if weights is not None:
            raise ConfigError(f"{config} and {weights} are both weights files; give a config and one weights file")
        config, weights = None, config
    if config is None and weights is not None and find_weights(weights) == shipped_weights().get(str(weights)):
        config = weights  # its tracker may have been tuned since the weights were written
    if config is None and weights is not None:
        stored = read_weights(find_weights(weights))
        return _config_of_weights(stored, overrides), stored.path.stem, stored
    name = str(config or DEFAULT_CONFIG)
    # The config comes first: a wrong word in it should not cost the reading of a large file.
    node = load_config(name, overrides)
    if "model" not in node and weights is None:
        return node, name, None
    return node, name, read_weights(find_weights(weights if weights is not None else Path(name).stem))


def _config_of_weights(stored: WeightsFile, overrides: Sequence[str]) -> Config:
    """The config that a weights file carries."""
    carried = stored.metadata.get("config")
    if not isinstance(carried, dict):
        raise WeightsError(f"weights {stored.path} do not say which config they belong to; give it with --config")
    # The data set that the weights were trained on may be somebody's own class; tracking does not need it.
    return as_config(carried, overrides, str(stored.path), checked=("model", "tracker"))

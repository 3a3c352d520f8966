"""How a trial gets the boxes of a sequence: from shared network outputs, from stored detections, or by a full run."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Detections
from dmtrack.association.policy import Association, TargetPolicy
from dmtrack.boxes import Boxes
from dmtrack.config import config_hash
from dmtrack.data.sequences import Sequence
from dmtrack.errors import ConfigError
from dmtrack.evaluation.results import BOX_DECIMALS
from dmtrack.registry import TRACKERS, load_plugins
from dmtrack.running.cached_tracker import describe
from dmtrack.running.detection_cache import DetectionCache
from dmtrack.running.one_sequence import first_box_of, track_sequence
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.running.sweeps.running import cache_of
from dmtrack.running.trackers import TrackerChoice
from dmtrack.search.space import (
    SIAMRPN_SPACE,
    Parameters,
    Space,
    changed,
    parse_range,
    published_grid,
    usual_space,
)
from dmtrack.tracking.loading import assemble_tracker, config_and_weights
from dmtrack.tracking.siamrpn import SiamRPNTracker


class TrialTracker(Protocol):
    """Tracks sequences with any parameters of a space."""

    def track(self, sequence: Sequence, parameters: Parameters) -> Boxes:
        """(frames, 4) boxes xywh, rounded as results are stored; the first is the given one."""

    def facts(self) -> dict[str, Any]:
        """JSON values for reports: how network passes were shared, and how often."""


class StoredSequence(Protocol):
    """What a replay needs of a sequence: `CachedDetections` has it, and so may anything else."""

    @property
    def template_embedding(self) -> NDArray[np.float16]:
        """(channels,) of the first frame's template, empty where there is none."""

    def __iter__(self) -> Iterator[Detections]:
        """What was found in each frame, the first one included."""


class Stored(Protocol):
    """Where stored detections are opened: `DetectionCache` does it."""

    def open(self, sequence: Sequence) -> StoredSequence:
        """The detections in a sequence."""


def policy_of(kind: Any, settings: Mapping[str, Any], parameters: Parameters) -> TargetPolicy:
    """What decides in a trial.

    Args:
        kind: a tracker class with `policy(settings)`.
        settings: of the config's `tracker` section.
        parameters: of the trial.

    Raises:
        ConfigError: a parameter is unknown or out of range.
    """
    changed = with_parameters(settings, parameters)
    changed.pop("type", None)
    policy: TargetPolicy = kind.policy(changed)
    return policy


class ReplayedDetections:
    """Policies on stored detections; exact, because all trials decide on the very same candidates.

    Args:
        kind: a tracker class with `policy(settings)`.
        settings: of the config's `tracker` section.
        stored: where the detections are.
    """

    def __init__(self, kind: Any, settings: Mapping[str, Any], stored: Stored) -> None:
        self._kind, self._settings, self._stored = kind, dict(settings), stored
        self._opened: dict[str, StoredSequence] = {}
        self._frames = 0

    def track(self, sequence: Sequence, parameters: Parameters) -> Boxes:
        """See `TrialTracker`."""
        policy, stored = policy_of(self._kind, self._settings, parameters), self._open(sequence)
        boxes = [first_box_of(sequence)]
        for index, found in enumerate(stored):
            if index == 0:
                policy.start(boxes[0].copy(), stored.template_embedding, found)
            else:
                boxes.append(policy.step(found).box_xywh)
        self._frames += len(boxes)
        return np.asarray(np.round(np.array(boxes), BOX_DECIMALS), dtype=np.float64)

    def facts(self) -> dict[str, Any]:
        """See `TrialTracker`."""
        return {"sharing": "replay of stored detections", "exact": True, "frames": self._frames, "network_passes": 0}

    def _open(self, sequence: Sequence) -> StoredSequence:
        if sequence.name not in self._opened:
            self._opened[sequence.name] = self._stored.open(sequence)
        return self._opened[sequence.name]


class FullRuns:
    """The tracker itself, as `dmtrack test` runs it; nothing is shared.

    Args:
        choice: which tracker.
        settings: its `tracker` section, to which the parameters of a trial go.
    """

    def __init__(self, choice: TrackerChoice, settings: Mapping[str, Any]) -> None:
        self._choice, self._settings, self._frames = choice, dict(settings), 0
        self._built: tuple[dict[str, Any], Any] | None = None

    def track(self, sequence: Sequence, parameters: Parameters) -> Boxes:
        """See `TrialTracker`."""
        wanted = dict(parameters)
        if self._built is None or self._built[0] != wanted:
            choice = self._choice
            # The whole section: a single key can only be set where its section exists.
            section = with_parameters(self._settings, wanted)
            overrides = (*choice.overrides, f"tracker={section!r}")
            loaded = assemble_tracker(choice.config, choice.weights, choice.device, choice.precision, overrides)
            self._built = (wanted, loaded.tracker)
        self._frames += len(sequence)
        return track_sequence(self._built[1], sequence).boxes_xywh

    def facts(self) -> dict[str, Any]:
        """See `TrialTracker`."""
        return {"sharing": "none (full runs)", "exact": True, "frames": self._frames, "network_passes": self._frames}


def with_parameters(settings: Mapping[str, Any], parameters: Parameters) -> dict[str, Any]:
    """A `tracker` section with other values; inner sections are copied."""
    changed: dict[str, Any] = dict(settings)
    for name, value in parameters.items():
        *outer, last = name.split(".")
        section = changed
        for key in outer:
            section[key] = dict(section.get(key) or {})
            section = section[key]
        section[last] = value
    return changed


@dataclass(frozen=True)
class Origin:
    """A tracker whose parameters are searched, before its network is built.

    Attributes:
        name: of the tracker.
        kind: its class.
        settings: its section of the config.
        config: all of it.
        config_hash: of the config.
        weights_sha256: of the weights file.
        weights: path of that file.
    """

    name: str
    kind: Any
    settings: dict[str, Any]
    config: dict[str, Any]
    config_hash: str
    weights_sha256: str | None
    weights: str

    @cached_property
    def _association(self) -> Association | None:
        """The policy that decides, with its usual settings; None for trackers without."""
        chosen = getattr(self.kind, "association_of", None)
        return None if chosen is None else type(chosen({"policy": self.settings.get("policy")}))()

    @property
    def way(self) -> str:
        """How its trials get their boxes: "shared", "replay" or "full"."""
        if issubclass(self.kind, SiamRPNTracker):
            return "shared"
        return "replay" if hasattr(self.kind, "policy") else "full"

    def default_space(self) -> Space | None:
        """What is searched unless ranges are given; None where nothing is usual."""
        if self.way == "shared":
            return SIAMRPN_SPACE
        section = "policy" if self.settings.get("policy") else "association"
        return None if self._association is None else usual_space(self._association, section)

    def is_whole(self, name: str) -> bool:
        """Whether a parameter takes integers alone: by the kind of its default, or of its value where it has none."""
        default = self._default(name)
        value = self._value(name) if default is None else default
        return isinstance(value, int) and not isinstance(value, bool)

    def current(self, space: Space) -> dict[str, Any]:
        """The config's own values of the parameters, defaults where it has none; those without are left out."""
        values = {name: self._value(name) for name in space.names}
        return {name: value for name, value in values.items() if isinstance(value, (int, float))}

    def _value(self, name: str) -> Any:
        """What the config says of a parameter, or its default; None where neither says anything."""
        section: Any = self.settings
        for key in name.split("."):
            if not isinstance(section, Mapping) or key not in section:
                return self._default(name)
            section = section[key]
        return section

    def _default(self, name: str) -> Any:
        """Of a parameter that the config need not name; None where there is none."""
        section, _, key = name.rpartition(".")
        if section in ("association", "policy"):
            return getattr(self._association, key, None)
        parameter = inspect.signature(self.kind).parameters.get(name)
        return None if parameter is None or parameter.default is parameter.empty else parameter.default


def origin_of(choice: TrackerChoice) -> Origin:
    """What a choice of tracker is made of.

    Raises:
        ConfigError: the config or a key is unknown, or it is somebody's own class, whose parameters are not declared.
        WeightsError: there are no weights.
    """
    load_plugins(choice.imports)
    if choice.config is not None and ":" in choice.config:
        raise ConfigError(f"{choice.config} has no config whose values could be searched; give --config")
    config, name, stored = config_and_weights(choice.config, choice.weights, choice.overrides)
    plain = dict(config)
    settings = dict(plain.get("tracker") or {"type": "GlobalSearchTracker"})
    kind: Any = TRACKERS.get(settings["type"])
    label = str(settings.get("name") or Path(name).stem)
    return Origin(label, kind, settings, plain, config_hash(plain), stored.sha256, str(stored.path))


def chosen_space(
    origin: Origin, ranges: Iterable[tuple[str, str, str]], published: str | None, only: bool, sampler: str
) -> Space:
    """What is searched: given ranges beside the usual ones of a tracker, or beside a published grid.

    Args:
        origin: of the tracker.
        ranges: (option that they were given by, key, values), see `parse_range`.
        published: name of a published grid.
        only: search the given ranges alone.
        sampler: "grid" has no usual ranges, which have no steps.

    Raises:
        ConfigError: a range cannot be read, or there is nothing to search.
    """
    given = [
        parse_range(option, key, values, option == "--range" and origin.is_whole(key)) for option, key, values in ranges
    ]
    if published is not None:
        return changed(published_grid(published), given)
    usual = origin.default_space()
    if not only and usual is not None and sampler != "grid":
        return changed(usual, given)
    if not given:
        raise ConfigError(
            f"nothing says what to search for {origin.name} ({origin.kind.__name__}) with sampler {sampler}; give "
            "--range KEY=LOW,HIGH[,STEP]"
        )
    return Space(tuple(given))


def stored_detections(root: Path, benchmark: BenchmarkChoice, tracker: TrackerChoice) -> DetectionCache:
    """The detections of a tracker's model on a benchmark.

    Raises:
        EvaluationError: there are none, or those of another model.
    """
    cache = cache_of(root, benchmark, describe(tracker).detections)
    cache.require()
    return cache

"""How a trial gets the boxes of a sequence: from shared network outputs, from stored detections, or by a full run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dmtrack.association.policy import Association
from dmtrack.config import config_hash
from dmtrack.data.sequences import MultiObjectSequence, Sequence
from dmtrack.errors import ConfigError
from dmtrack.evaluation.results import SequenceResult
from dmtrack.registry import TRACKERS, did_you_mean, load_plugins
from dmtrack.running.detection_cache import DetectionCache
from dmtrack.running.detection_file import CachedDetections
from dmtrack.running.one_sequence import track_sequence
from dmtrack.running.replay import replay_everything, replay_sequence
from dmtrack.running.trackers import TrackerChoice
from dmtrack.search.space import PUBLISHED_GRIDS, SIAMRPN_SPACE, Parameters, Space, changed, parse_range, usual_space
from dmtrack.tracking.loading import assemble_tracker, config_and_weights, tracker_section
from dmtrack.tracking.siamrpn import SiamRPNTracker

TrackWith = Callable[[Sequence, Parameters], SequenceResult]
"""Tracks a sequence with any parameters of a space; numbers are rounded as results are stored."""


def policy_of(kind: Any, settings: Mapping[str, Any], parameters: Parameters) -> Any:
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
    return kind.policy(changed)


class ReplayedDetections:
    """Policies on stored detections; exact, because all trials decide on the very same candidates.

    Args:
        kind: a tracker class with `policy(settings)`.
        settings: of the config's `tracker` section.
        stored: where the detections are: its `open(sequence)` gives those of every frame, the first one included, with
            a `template_embedding`.

    Attributes:
        facts: JSON values for reports: how network passes were shared, and how often.
    """

    def __init__(self, kind: Any, settings: Mapping[str, Any], stored: DetectionCache) -> None:
        self._kind, self._settings, self._stored = kind, dict(settings), stored
        self._opened: dict[str, CachedDetections] = {}
        self.facts: dict[str, Any] = {
            "sharing": "replay of stored detections",
            "exact": True,
            "frames": 0,
            "network_passes": 0,
        }

    def track(self, sequence: Sequence, parameters: Parameters) -> SequenceResult:
        """See `TrackWith`."""
        policy = policy_of(self._kind, self._settings, parameters)
        if sequence.name not in self._opened:
            self._opened[sequence.name] = self._stored.open(sequence)
        stored = self._opened[sequence.name]
        self.facts["frames"] += len(stored)
        if isinstance(sequence, MultiObjectSequence):
            return replay_everything(stored, policy).result()
        return replay_sequence(sequence, stored, stored.template_embedding, policy).result()


class FullRuns:
    """The tracker itself, as `dmtrack test` runs it; nothing is shared."""

    def __init__(self, choice: TrackerChoice, settings: Mapping[str, Any]) -> None:
        self._choice, self._settings = choice, dict(settings)
        self._built: tuple[dict[str, Any], Any] | None = None
        self.facts: dict[str, Any] = {"sharing": "none (full runs)", "exact": True, "frames": 0, "network_passes": 0}

    def track(self, sequence: Sequence, parameters: Parameters) -> SequenceResult:
        """See `TrackWith`."""
        wanted = dict(parameters)
        if self._built is None or self._built[0] != wanted:
            choice = self._choice
            # The whole section: a single key can only be set where its section exists.
            section = with_parameters(self._settings, wanted)
            overrides = (*choice.overrides, f"tracker={section!r}")
            loaded = assemble_tracker(choice.config, choice.weights, choice.device, choice.precision, overrides)
            self._built = (wanted, loaded.tracker)
        self.facts["frames"] += len(sequence)
        # Trackers that see given detections have no network.
        self.facts["network_passes"] += len(sequence) * (not hasattr(self._built[1], "frames_of"))
        return track_sequence(self._built[1], sequence)


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


@dataclass
class Origin:
    """A tracker whose parameters are searched, before its network is built.

    Attributes:
        settings: its section of the `config`.
        weights: path of the weights file.
        way: how trials get their boxes: "shared", "replay" or "full".
        association: the policy that decides, with its usual settings; None for trackers without.
    """

    name: str
    kind: Any
    settings: dict[str, Any]
    config: dict[str, Any]
    config_hash: str
    weights_sha256: str | None
    weights: str
    way: str = field(init=False)
    association: Association | None = field(init=False)

    def __post_init__(self) -> None:
        chosen = getattr(self.kind, "association_of", None)
        self.association = None if chosen is None else type(chosen({"policy": self.settings.get("policy")}))()
        self.way = "replay" if hasattr(self.kind, "policy") and "model" in self.config else "full"
        if issubclass(self.kind, SiamRPNTracker):
            self.way = "shared"

    def default_space(self) -> Space | None:
        """What is searched unless ranges are given; None where nothing is usual."""
        if self.way == "shared":
            return SIAMRPN_SPACE
        flat = "association" in inspect.signature(self.kind).parameters and not self.settings.get("policy")
        section = "association" if flat else "policy"
        return None if self.association is None else usual_space(self.association, section)

    def is_whole(self, name: str) -> bool:
        """Whether a parameter takes integers alone: by the kind of its default, or of its value where it has none."""
        value, default = self._value_and_default(name)
        telling = value if default is None else default
        return isinstance(telling, int) and not isinstance(telling, bool)

    def current(self, space: Space) -> dict[str, Any]:
        """The config's own values of the parameters, defaults where it has none; those without are left out."""
        values = {name: self._value_and_default(name)[0] for name in space.names}
        return {name: value for name, value in values.items() if isinstance(value, (int, float))}

    def _value_and_default(self, name: str) -> tuple[Any, Any]:
        """What the config says of a parameter, or its default; and the default, None where there is none."""
        outer, _, key = name.rpartition(".")
        if outer in ("association", "policy"):
            default = getattr(self.association, key, None)
        else:
            parameter = inspect.signature(self.kind).parameters.get(name)
            default = None if parameter is None or parameter.default is parameter.empty else parameter.default
        value: Any = self.settings
        for key in name.split("."):
            if not isinstance(value, Mapping) or key not in value:
                return default, default
            value = value[key]
        return value, default


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
    settings = tracker_section(plain)
    kind: Any = TRACKERS.get(settings["type"])
    label = str(settings.get("name") or Path(name).stem)
    weights = (None, "") if stored is None else (stored.sha256, str(stored.path))
    return Origin(label, kind, settings, plain, config_hash(plain), *weights)


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
        if published not in PUBLISHED_GRIDS:
            raise ConfigError(f"unknown published grid {published!r}{did_you_mean(published, PUBLISHED_GRIDS)}")
        return changed(PUBLISHED_GRIDS[published], given)
    usual = origin.default_space()
    if not only and usual is not None and sampler != "grid":
        return changed(usual, given)
    if not given:
        raise ConfigError(
            f"nothing says what to search for {origin.name} ({origin.kind.__name__}) with sampler {sampler}; give "
            "--range KEY=LOW,HIGH[,STEP]"
        )
    return Space(tuple(given))

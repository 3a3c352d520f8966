"""Trackers that run from stored detections, without images and without the network, to the very same boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack import registry
from dmtrack.association.detections import Detections
from dmtrack.association.policy import Association, TargetPolicy
from dmtrack.config import config_hash
from dmtrack.data.sequences import Sequence
from dmtrack.errors import DMTrackError, EvaluationError
from dmtrack.registry import TRACKERS
from dmtrack.running.detection_cache import DetectionCache, detection_identity
from dmtrack.running.trackers import TrackerChoice
from dmtrack.tracking.base import MultiTracker, Tracker, TrackResult
from dmtrack.tracking.multi_object import MultiObjectTracker


class CachedTracker(Tracker):
    """A policy on stored detections. Its frames are what is stored of a sequence, not images.

    Args:
        name: of the tracker in results and reports.
        cache: where the detections lie.
        policy: decides.
    """

    def __init__(self, name: str, cache: DetectionCache, policy: TargetPolicy) -> None:
        super().__init__(name)
        self.cache, self.policy = cache, policy
        self._template: NDArray[np.float16] = np.zeros(0, np.float16)

    def frames_of(self, sequence: Sequence) -> Iterator[Detections]:
        """What `init` and `step` take in place of the images of a sequence.

        Raises:
            EvaluationError: nothing is stored of it, or what is stored is of another sequence or model.
        """
        stored = self.cache.open(sequence)
        self._template = stored.template_embedding
        return iter(stored)

    def init(self, image: Any, box: ArrayLike) -> None:
        """Takes the first frame's detections and the target's box (x, y, w, h in pixels)."""
        self.policy.start(np.asarray(box, np.float64), self._template, _checked(image))

    def step(self, image: Any) -> TrackResult:
        """Decides on the next frame's detections."""
        return self.policy.step(_checked(image))


class CachedMultiTracker(MultiObjectTracker):
    """A multi-object policy on stored detections.

    Args:
        name: of the tracker in results and reports.
        cache: where the detections lie.
        policy: its settings.
    """

    def __init__(self, name: str, cache: DetectionCache, policy: Association) -> None:
        super().__init__(policy, name=name)
        self.cache = cache

    def frames_of(self, sequence: Sequence) -> Iterator[Detections]:
        """As of `CachedTracker`."""
        return iter(self.cache.open(sequence))


def _checked(frame: Any) -> Detections:
    if not isinstance(frame, Detections):
        raise DMTrackError("a tracker that runs from a cache takes the frames that its frames_of() gives, not images")
    return frame


@dataclass(frozen=True)
class PolicyOrigin:
    """A tracker that decides on detections, and what identifies it and them; nothing of the network is built.

    Attributes:
        name: its own, or that of its config.
        policy: makes what decides, in the state before the first frame.
        identity: of the tracker, as results keep it.
        details: paths.
        detections: identity of what it decides on, see `detection_identity`.
        association: settings of the policy.
        many_objects: it follows everything, and not one target.
    """

    name: str
    policy: Callable[[], Any]
    identity: dict[str, Any]
    details: dict[str, Any]
    detections: dict[str, Any]
    association: Association
    many_objects: bool


def describe(choice: TrackerChoice) -> PolicyOrigin:
    """What a choice of tracker would decide on, and how.

    Raises:
        ConfigError: the config or a key is unknown.
        WeightsError: there are no weights.
        EvaluationError: the tracker is somebody's own class, or does not decide on detections alone.
    """
    registry.load_plugins(choice.imports)
    from dmtrack.tracking.device import choose_device, resolve_precision
    from dmtrack.tracking.loading import config_and_weights, tracker_section

    if choice.config is not None and ":" in choice.config and not Path(choice.config).exists():
        raise EvaluationError(
            f"tracker {choice.config} sees images, so it cannot run from a cache; give a config, or leave --cache out"
        )
    config, config_name, stored = config_and_weights(choice.config, choice.weights, choice.overrides)
    settings = tracker_section(config)
    if stored is None:
        raise EvaluationError(f"{config_name} has no model whose detections could be stored; leave --cache out")
    if choice.precision is not None:
        settings["precision"] = choice.precision
    if settings.get("precision") == "auto":
        device = choose_device(choice.device or settings.get("device"))
        settings["precision"] = resolve_precision("auto", device)
    name = str(settings.get("name") or Path(config_name).stem)
    kind: Any = TRACKERS.get(settings["type"])
    if not hasattr(kind, "policy"):
        raise EvaluationError(
            f"tracker {settings['type']} does not decide on detections alone, so it cannot run from a cache; leave "
            "--cache out"
        )
    own, many = {key: value for key, value in settings.items() if key != "type"}, issubclass(kind, MultiTracker)
    precision = settings.get("precision", "fp32")
    identity = {
        "tracker": name,
        "config_hash": config_hash(config),
        "weights_sha256": stored.sha256,
        "precision": precision,
        "detections": "stored",
    }
    details = {"config": config_name, "weights": str(stored.path)}
    found = detection_identity({"model": config["model"], "tracker": settings}, stored.sha256)
    return PolicyOrigin(name, lambda: kind.policy(own), identity, details, found, kind.association_of(own), many)


def build_cached(choice: TrackerChoice, cache: DetectionCache) -> CachedTracker | CachedMultiTracker:
    """The tracker of a choice, running from a cache; can be sent to other processes with `functools.partial`."""
    origin = describe(choice)
    if origin.many_objects:
        return CachedMultiTracker(origin.name, cache, origin.association)
    return CachedTracker(origin.name, cache, origin.policy())

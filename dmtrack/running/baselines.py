"""Baselines beside which a score says something: doing nothing, OpenCV's trackers, and one that knows the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dmtrack.boxes import Boxes, pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.tracking.base import Tracker, TrackResult


class StaticBox(Tracker):
    """Answers with the first box for ever: the score that a set of sequences gives away for free."""

    def __init__(self, name: str = "static box") -> None:
        super().__init__(name)
        self._box_xywh: Boxes = np.zeros(4)

    def init(self, image: Any, box: ArrayLike) -> None:
        """Remembers the box."""
        self._box_xywh = np.asarray(box, dtype=np.float64)

    def step(self, image: Any) -> TrackResult:
        """Gives it back."""
        return TrackResult(self._box_xywh, 1.0, True)


class FrameWithTruth(NamedTuple):
    """What the oracle is given in place of a frame.

    Attributes:
        frame: what the tracker beneath takes.
        truth_xywh: (4,) the true box; NaN where the target is absent.
    """

    frame: Any
    truth_xywh: Boxes


class DetectionOracle(Tracker):
    """The best that any choice among a tracker's candidates could get: an upper bound, not a tracker.

    In every frame it takes the candidate that overlaps most with the truth, and it knows whether the target is there.
    What is missing to 1 is what the detector does not find; what a real tracker misses to this is what it chooses
    wrongly. Where no candidate overlaps, the tracker's own answer stands.

    Args:
        tracker: whose results list candidates: a `GlobalSearchTracker`, or a `CachedTracker` on stored detections.
        name: in results and reports.
        identity: JSON values that decide the tracker's candidates, such as the hash of its weights.
    """

    def __init__(self, tracker: Tracker, name: str | None = None, identity: Mapping[str, Any] | None = None) -> None:
        super().__init__(name or f"oracle of {tracker.name}")
        self.tracker = tracker
        self.identity = {"oracle": True, **(identity or {})}

    def frames_of(self, sequence: Sequence) -> Iterator[FrameWithTruth]:
        """What `init` and `step` take: the tracker's frames, each with its true box."""
        own = getattr(self.tracker, "frames_of", None)
        frames = sequence.frames() if own is None else own(sequence)
        for frame, box, present in zip(frames, sequence.boxes_xywh, sequence.present, strict=True):
            yield FrameWithTruth(frame, box if present else np.full(4, np.nan))

    def init(self, image: Any, box: ArrayLike) -> None:
        """Initializes the tracker beneath."""
        self.tracker.init(_checked(image).frame, box)

    def step(self, image: Any) -> TrackResult:
        """Chooses with the truth at hand.

        Raises:
            EvaluationError: the frame comes without its truth.
        """
        given = _checked(image)
        result = self.tracker.step(given.frame)
        if not np.isfinite(given.truth_xywh).all():
            return TrackResult(result.box_xywh, 0.0, False, result.candidates)
        overlaps = pairwise_iou_xyxy(xywh_to_xyxy(result.candidates.boxes_xywh), xywh_to_xyxy(given.truth_xywh))[:, 0]
        if not len(overlaps) or overlaps.max() <= 0:
            return TrackResult(result.box_xywh, result.score, True, result.candidates)
        best = int(overlaps.argmax())
        box, score = result.candidates.boxes_xywh[best], float(result.candidates.scores[best])
        return TrackResult(box, score, True, result.candidates)


def detection_oracle(config: str | Path | None = None, weights: str | Path | None = None) -> DetectionOracle:
    """The oracle over the candidates of a global-search model; without arguments, of the default one.

    Raises:
        ConfigError: the config is unknown.
        WeightsError: there are no weights, or they do not fit.
    """
    from dmtrack.tracking.loading import assemble_tracker

    loaded = assemble_tracker(config, weights)
    origin = loaded.origin()
    return DetectionOracle(
        loaded.target_tracker, identity={f"oracle_{key}": origin.get(key) for key in ("config_hash", "weights_sha256")}
    )


def _checked(image: Any) -> FrameWithTruth:
    if not isinstance(image, FrameWithTruth):
        raise EvaluationError(
            "the oracle needs the truth, which images alone do not have: run it with dmtrack test, or give it the "
            "frames of its frames_of(sequence)"
        )
    return image

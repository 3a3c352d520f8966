"""What a global search found in one frame, before anything decides which of it is the target.

Detecting and deciding are apart so that a policy can run again on stored detections, without the network, and give the
very boxes of the live run: both see the numbers that stand in `FrameDetections`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import Boxes, inclusive_xyxy_to_xywh, xyxy_to_xywh


@dataclass(frozen=True)
class Candidates:
    """Everything that looked like the target in one frame, best first.

    Attributes:
        boxes_xywh: (candidates, 4) float64 pixels of the frame.
        scores: (candidates,) float64 in [0, 1], descending.
        embeddings: (candidates, channels) float32 unit vectors of what each looks like; None for models without.
    """

    boxes_xywh: Boxes = field(default_factory=lambda: np.zeros((0, 4)))
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    embeddings: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TrackResult:
    """What a tracker says of one frame.

    Attributes:
        box_xywh: (4,) float64 pixels of the frame: the best guess, also where `present` is False; the last box where
            nothing at all was found.
        score: how sure it is that the box is the target, in [0, 1].
        present: whether the target is in the frame.
        candidates: all that was considered.
    """

    box_xywh: Boxes
    score: float
    present: bool
    candidates: Candidates = field(default_factory=Candidates)


def _no_embeddings() -> NDArray[np.float16]:
    return np.zeros((0, 0), np.float16)


@dataclass(frozen=True)
class FrameDetections:
    """The candidates of one target in one frame, best first, in the precision in which they are stored.

    Attributes:
        boxes_xyxy: (k, 4) float32 corners in pixels of the frame, in the model's convention.
        scores: (k,) float32 in [0, 1], descending.
        centerness: (k,) float32 in [0, 1], or None where the model does not say.
        embeddings: (k, channels) float16 unit vectors; channels is 0 for models without.
        inclusive: whether the right and bottom corners name the last pixel instead of the border behind it.
    """

    boxes_xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    centerness: NDArray[np.float32] | None = None
    embeddings: NDArray[np.float16] = field(default_factory=_no_embeddings)
    inclusive: bool = False

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def boxes_xywh(self) -> Boxes:
        """(k, 4) float64 pixels of the frame."""
        corners = self.boxes_xyxy.astype(np.float64)
        return (inclusive_xyxy_to_xywh if self.inclusive else xyxy_to_xywh)(corners)


def best_candidate(found: FrameDetections, last_box_xywh: Boxes, presence_threshold: float) -> TrackResult:
    """The best box of the frame, or the last one where nothing was found; present from the threshold on."""
    embeddings = found.embeddings.astype(np.float32) if found.embeddings.shape[1] else None
    candidates = Candidates(found.boxes_xywh, found.scores.astype(np.float64), embeddings)
    if not len(found):
        return TrackResult(last_box_xywh, 0.0, False, candidates)
    score = float(candidates.scores[0])
    return TrackResult(candidates.boxes_xywh[0], score, score >= presence_threshold, candidates)


class CandidatePolicy(Protocol):
    """Decides from detections alone which of them is the target.

    A tracker class whose decision is one of these has a class method `policy(settings)` that makes it from the
    `tracker` section of a config (without its `type`); then it can run from stored detections.
    """

    def start(self, box_xywh: Boxes, template_embedding: NDArray[np.float16], found: FrameDetections) -> None:
        """The first frame: (4,) float64 box, (channels,) embedding of the template, what else was found there."""

    def step(self, found: FrameDetections) -> TrackResult:
        """The next frame."""


class TopCandidate:
    """The decision of `GlobalSearchTracker`: the best box of every frame.

    Args:
        presence_threshold: the target counts as present where the best score reaches this, in [0, 1].
    """

    def __init__(self, presence_threshold: float = 0.0) -> None:
        self.presence_threshold = presence_threshold
        self._last_box_xywh: Boxes = np.zeros(4)

    def start(self, box_xywh: Boxes, template_embedding: NDArray[np.float16], found: FrameDetections) -> None:
        """Keeps the box for frames in which nothing is found; looks at nothing else."""
        self._last_box_xywh = box_xywh

    def step(self, found: FrameDetections) -> TrackResult:
        """The next frame."""
        result = best_candidate(found, self._last_box_xywh, self.presence_threshold)
        self._last_box_xywh = result.box_xywh
        return result

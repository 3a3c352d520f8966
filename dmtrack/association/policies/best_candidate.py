"""The best candidate of every frame, whatever was before: the decision of DMTrack-GS (CVPR 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Decision, Detections
from dmtrack.association.policy import Affine, Association, TargetPolicy, TimelineView
from dmtrack.boxes import Boxes
from dmtrack.registry import ASSOCIATIONS


@ASSOCIATIONS.register
@dataclass(frozen=True)
class BestCandidate(Association):
    """There is nothing to set."""

    def target_policy(self, presence_threshold: float) -> TargetPolicy:
        """The policy of one target."""
        return BestCandidatePolicy(presence_threshold)


class BestCandidatePolicy:
    """The best box of the frame, or the last one where nothing was found.

    Args:
        presence_threshold: the target counts as present where the best score reaches this, in [0, 1].
    """

    timeline_view: ClassVar[TimelineView | None] = None

    def __init__(self, presence_threshold: float = 0.0) -> None:
        self.presence_threshold = presence_threshold
        self._last_box_xywh: Boxes = np.zeros(4)

    def start(
        self,
        box_xywh: Boxes,
        template_embedding: NDArray[np.floating] | None,
        found: Detections,
        others_xywh: Boxes | None = None,
        others_embeddings: NDArray[np.floating] | None = None,
    ) -> Decision:
        """Keeps the box for frames in which nothing is found; looks at nothing else."""
        self._last_box_xywh = box_xywh
        return Decision(box_xywh, 1.0, True, found)

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Decision:
        """The next frame."""
        if not len(found):
            return Decision(self._last_box_xywh, 0.0, False, found)
        score = float(found.scores[0])
        self._last_box_xywh = found.boxes_xywh[0]
        return Decision(self._last_box_xywh, score, score >= self.presence_threshold, found)

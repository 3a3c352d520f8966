"""Boxes as the first one was drawn: with or without the tail, close or loose.

What a detector makes of the target in the very frame in which its box was drawn tells how that box was meant: by the
same shares of its size the borders of every later box are moved. Own design. It changes what is answered, never what is
decided, and needs nothing but detections, so stored ones are replayed to the same boxes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Decision, Detections
from dmtrack.association.policy import Affine, TargetPolicy, TimelineView
from dmtrack.boxes import Boxes, pairwise_iou_xyxy, xywh_to_xyxy, xyxy_to_xywh

SAME_THING = 0.5
"""What is found in the first frame is the target where it overlaps the given box more than this."""


class CorrectedBorders:
    """A policy whose answers have the borders that the given box would have.

    Args:
        policy: decides.
        share: how far the borders move, in [0, 1]. The box of one frame is drawn a little at random; the less exactly
            it is, the less should be made of it.
    """

    def __init__(self, policy: TargetPolicy, share: float) -> None:
        self.policy, self.share = policy, share
        self._shares = np.zeros(4)

    @property
    def timeline_view(self) -> TimelineView | None:
        """That of the policy which decides."""
        return self.policy.timeline_view

    def start(
        self,
        box_xywh: Boxes,
        template_embedding: NDArray[np.floating] | None,
        found: Detections,
        others_xywh: Boxes | None = None,
        others_embeddings: NDArray[np.floating] | None = None,
    ) -> Decision:
        """As `TargetPolicy.start`; `found` tells what the detector makes of the target."""
        self._shares = self.share * border_shares(found.boxes_xywh, box_xywh)
        return self.policy.start(box_xywh, template_embedding, found, others_xywh, others_embeddings)

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Decision:
        """As `TargetPolicy.step`."""
        decision = self.policy.step(found, camera_motion)
        corners = xywh_to_xyxy(decision.box_xywh)
        return replace(decision, box_xywh=xyxy_to_xywh(corners + self._shares * np.tile(decision.box_xywh[2:], 2)))


def with_drawn_borders(policy: TargetPolicy, share: float) -> TargetPolicy:
    """The policy, with its answers corrected by `share` as `CorrectedBorders` does; itself where that is 0."""
    return CorrectedBorders(policy, share) if share else policy


def border_shares(found_xywh: Boxes, given_xywh: Boxes) -> NDArray[np.float64]:
    """By how much of its width or height each border of the found box has to move to be where it was drawn.

    Args:
        found_xywh: (n, 4) candidates in the first frame, of which the one that overlaps the given box most is meant.
        given_xywh: (4,) the box that was drawn.

    Returns:
        (4,) left, top, right, bottom; zeros where no candidate is the target.
    """
    given, corners = xywh_to_xyxy(np.asarray(given_xywh, np.float64)), xywh_to_xyxy(found_xywh).reshape(-1, 4)
    overlaps = pairwise_iou_xyxy(given[None], corners)[0]
    if not np.max(overlaps, initial=0.0) > SAME_THING:
        return np.zeros(4)
    own = int(overlaps.argmax())
    return np.asarray((given - corners[own]) / np.tile(found_xywh[own, 2:], 2))

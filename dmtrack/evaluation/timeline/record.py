"""What a policy decided, frame by frame, in a form that can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.tracking.association.observations import Decision

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lane:
    """One tracklet.

    Attributes:
        tracklet_id: its number.
        frames: (k,) frames in which it was seen.
        scores: (k,) of what it was seen as.
        boxes_xywh: (k, 4).
        truth_share: share of these frames in which it covers the true target (IoU of at least 0.5); NaN without truth.
    """

    tracklet_id: int
    frames: NDArray[np.int64]
    scores: Floats
    boxes_xywh: Floats
    truth_share: float


@dataclass(frozen=True)
class Timeline:
    """One sequence.

    Attributes:
        name: of the sequence.
        decisions: one per frame, the first frame included.
        truth_xywh: (frames, 4) true boxes, NaN rows where the target is absent; None where nobody knows.
    """

    name: str
    decisions: Sequence[Decision]
    truth_xywh: Floats | None = None

    def __len__(self) -> int:
        return len(self.decisions)

    @property
    def target_ids(self) -> NDArray[np.int64]:
        """(frames,) the tracklet that was thought to be the target."""
        return np.array([decision.target_id for decision in self.decisions], np.int64)

    @property
    def scores(self) -> Floats:
        """(frames,) of the answers."""
        return np.array([decision.score for decision in self.decisions])

    @property
    def present(self) -> NDArray[np.bool_]:
        """(frames,) whether the target was thought present."""
        return np.array([decision.present for decision in self.decisions])

    @property
    def margins(self) -> Floats:
        """(frames,) nats between the target's tracklet and the runner-up in sight; inf without one."""
        return np.array([decision.margin for decision in self.decisions])

    @property
    def truth_iou(self) -> Floats:
        """(frames,) of the answers with the truth; NaN where there is no target or nobody knows."""
        if self.truth_xywh is None:
            return np.full(len(self), np.nan)
        answers = np.array([decision.box_xywh for decision in self.decisions])
        iou = paired_iou_xyxy(xywh_to_xyxy(answers), xywh_to_xyxy(self.truth_xywh))
        return np.where(np.isnan(self.truth_xywh).any(axis=1), np.nan, iou)

    @property
    def events(self) -> list[tuple[int, str]]:
        """Frames in which something changed, and what."""
        return [(frame, text) for frame, decision in enumerate(self.decisions) for text in decision.events]

    def lanes(self, most: int = 12) -> list[Lane]:
        """The tracklets that were seen most, those that were the target first; in the order in which they appeared."""
        seen: dict[int, list[tuple[int, float, Floats]]] = {}
        for frame, decision in enumerate(self.decisions):
            view = decision.tracklets
            if view is None:
                continue
            for row in np.flatnonzero(view.unseen == 0):
                entry = (frame, float(view.scores[row]), view.boxes_xywh[row])
                seen.setdefault(int(view.ids[row]), []).append(entry)
        targets = set(self.target_ids.tolist())
        ranked = sorted(seen, key=lambda number: (number not in targets, -len(seen[number])))[:most]
        return [self._lane(number, seen[number]) for number in sorted(ranked, key=lambda number: seen[number][0][0])]

    def _lane(self, number: int, entries: list[tuple[int, float, Floats]]) -> Lane:
        frames = np.array([entry[0] for entry in entries], np.int64)
        boxes = np.array([entry[2] for entry in entries])
        share = np.nan
        if self.truth_xywh is not None:
            truth = self.truth_xywh[frames]
            known = ~np.isnan(truth).any(axis=1)
            if known.any():
                iou = paired_iou_xyxy(xywh_to_xyxy(boxes[known]), xywh_to_xyxy(truth[known]))
                share = float((iou >= 0.5).mean())
        return Lane(number, frames, np.array([entry[1] for entry in entries]), boxes, share)

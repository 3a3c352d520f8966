"""A second template of each target: how it last looked where nothing could be taken for it.

A search from the first frame's view alone loses what turns, bends or comes nearer. Own design, after the dynamic
templates of trackers such as STARK (ICCV 2021, section 3.3), with two rules against drift: only what the first frame's
template finds beyond doubt becomes the recent view, so that a wrong one never begets the next; and what the recent view
finds counts for a little less, so that the first frame's template has its way wherever it finds the same.

Which frames are taken depends on the detections alone, never on what a policy makes of them: detections that are stored
are the same for every policy that replays them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dmtrack.association.detections import Detections
from dmtrack.boxes import pairwise_iou_xyxy
from dmtrack.config import Count, Share

SAME_THING = 0.5
"""Candidates that overlap more are one thing: of two, the better one stays."""
ELSEWHERE = 0.3
"""Candidates that overlap the best one less are another thing."""


@dataclass(frozen=True)
class RecentView:
    """When a frame's best candidate becomes the recent view, and how much that counts. Chosen on clips of DAVIS.

    Attributes:
        score: the best candidate of the first frame's template has at least this score.
        others: no candidate elsewhere in the frame has more than this.
        interval: frames between two views at least.
        trust: scores of what the recent view finds are multiplied by this.
    """

    score: Share = 0.7
    others: Share = 0.3
    interval: Count = 5
    trust: Share = 0.9

    def takes(self, found: Detections) -> bool:
        """Whether the best of what the first frame's template found is the target beyond doubt."""
        if not len(found) or found.scores[0] < self.score:
            return False
        corners = found.boxes_xyxy.astype(np.float64)
        elsewhere = pairwise_iou_xyxy(corners[:1], corners)[0] < ELSEWHERE
        return bool(np.max(found.scores[elsewhere], initial=0.0) <= self.others)

    def join(self, found: Detections, recently: Detections, most: int) -> Detections:
        """What the two templates of a target found, each thing once, best first.

        Args:
            found: with the first frame's template, best first.
            recently: with the recent view.
            most: so many candidates are kept.
        """
        both = Detections.concatenate([found, replace(recently, scores=recently.scores * np.float32(self.trust))])
        both = both.select(np.argsort(-both.scores, kind="stable"))
        corners = both.boxes_xyxy.astype(np.float64)
        same = np.triu(pairwise_iou_xyxy(corners, corners) > SAME_THING, 1)
        kept = np.ones(len(both), bool)
        for row in range(len(both)):
            if kept[row]:
                kept &= ~same[row]
        return both.select(kept.nonzero()[0][:most])

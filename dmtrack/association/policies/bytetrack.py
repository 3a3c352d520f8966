"""ByteTrack (Zhang et al., ECCV 2022, algorithm 1): every detection counts, those of low scores for tracks in sight.

Nothing but overlap is compared. Tracks meet the detections of high scores first; those that were in sight just now and
found none meet those of low scores, which are often the same things half covered. Low scores never begin a track.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dmtrack.association.detections import Detections
from dmtrack.association.life_cycle import StagedAssociation, StagedPolicy
from dmtrack.association.policy import MultiObjectPolicy
from dmtrack.association.track_table import Floats, Integers
from dmtrack.config import Amount, Share
from dmtrack.registry import ASSOCIATIONS


@ASSOCIATIONS.register
@dataclass(frozen=True)
class ByteTrack(StagedAssociation):
    """Settings; the defaults are those of the published code for MOT17.

    Attributes:
        track_score: detections above are high.
        low_score: detections above, and not high, are low; those below are not looked at.
        birth_margin: a detection begins a track where its score is so much above `track_score`.
        match_limit: pairs of the first stage that cost more are no match: 1 - IoU times score.
        fuse_scores: the overlap with a detection counts by its score; off for MOT20.
    """

    track_score: Share = 0.6
    low_score: Share = 0.1
    birth_margin: Share = 0.1
    match_limit: Amount = 0.9
    fuse_scores: bool = True

    search_space: ClassVar[Mapping[str, str]] = {
        "track_score": "0.2,0.8",
        "low_score": "0.01,0.3,log",
        "match_limit": "0.5,1",
        "track_buffer": "5,120",
    }

    def multi_object_policy(self) -> MultiObjectPolicy:
        """The policy of everything in sight."""
        return ByteTrackPolicy(self)


class ByteTrackPolicy(StagedPolicy[ByteTrack]):
    """Tracks of one video."""

    compares_looks = False

    def _split(self, found: Detections) -> tuple[Detections, Integers, Integers | None, Integers]:
        settings, scores = self.settings, found.scores
        high, begins = scores > settings.track_score, scores >= settings.track_score + settings.birth_margin
        low = (scores > settings.low_score) & (scores < settings.track_score)
        return found, np.flatnonzero(high), np.flatnonzero(low), np.flatnonzero(begins)

    def _costs(self, rows: Integers, found: Detections, columns: Integers, sure: bool) -> Floats:
        costs = self._overlap_costs(rows, found, columns)
        if self.settings.fuse_scores:
            # In place: these are the largest arrays of a frame. High scores are above 0, so that infinity stays.
            np.subtract(1.0, costs, out=costs)
            costs *= found.scores[columns]
            np.subtract(1.0, costs, out=costs)
        return costs

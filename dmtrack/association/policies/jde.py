"""FairMOT's association (Zhang et al., IJCV 2021, section 4.4), which is that of JDE: looks and motion, then overlap.

A frame's detections meet the tracks by cosine distance to a moving average of their embeddings, within reach of the
Kalman filter; what is left, by overlap with the tracks that were in sight just now. A detection that nothing claims
begins a track, which is told from the second sighting on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from dmtrack.association.detections import Detections
from dmtrack.association.life_cycle import StagedAssociation, StagedPolicy
from dmtrack.association.matching import appearance_costs, motion_gated_costs
from dmtrack.association.policy import MultiObjectPolicy
from dmtrack.association.track_table import Floats, Integers, unit_looks
from dmtrack.config import Amount, Share
from dmtrack.registry import ASSOCIATIONS


@ASSOCIATIONS.register
@dataclass(frozen=True)
class JDE(StagedAssociation):
    """Settings; the defaults are those of FairMOT's code.

    Attributes:
        min_score: detections of this score and below are not looked at (0.4 for MOT16 and MOT17, 0.3 for MOT15 and
            MOT20).
        match_limit: pairs of the first stage that cost more are no match; the cost is mostly the cosine distance.
        memory_rate: share of a new embedding in the moving average of its track.
    """

    min_score: Share = 0.4
    match_limit: Amount = 0.4
    memory_rate: Share = 0.1

    search_space: ClassVar[Mapping[str, str]] = {
        "min_score": "0.1,0.8",
        "match_limit": "0.1,0.8",
        "memory_rate": "0.01,0.5,log",
        "track_buffer": "5,120",
    }

    def multi_object_policy(self) -> MultiObjectPolicy:
        """The policy of everything in sight."""
        return JDEPolicy(self)


class JDEPolicy(StagedPolicy[JDE]):
    """Tracks of one video."""

    compares_looks = True

    def _split(self, found: Detections) -> tuple[Detections, Integers, Integers | None, Integers]:
        looks = unit_looks(found, "JDE") if len(found) else self.tracks.looks[:0]
        high = np.flatnonzero(found.scores > self.settings.min_score)
        return replace(found, embeddings=looks), high, None, high

    def _costs(self, rows: Integers, found: Detections, columns: Integers, sure: bool) -> Floats:
        if not sure:
            return self._overlap_costs(rows, found, columns)
        if found.embeddings is None or not len(rows) or not len(columns):
            return np.zeros((len(rows), len(columns)))
        tracks = self.tracks
        looks = appearance_costs(tracks.looks[rows], found.embeddings[columns])
        costs = motion_gated_costs(looks, tracks.states(rows), found.boxes_xywh[columns])
        return self._apart(costs, rows, columns)

    def _see(self, rows: Integers, columns: Integers, found: Detections, again: Integers) -> None:
        tracks, rate, scores = self.tracks, self.settings.memory_rate, self.tracks.scores[again]
        super()._see(rows, columns, found, again)
        if self.settings.compat:
            # In the published code a track that comes back keeps the score that it was lost with.
            tracks.scores[again] = scores
        if len(rows) and found.embeddings is not None:
            mixed = (1 - rate) * tracks.looks[rows] + rate * found.embeddings[columns]
            tracks.looks[rows] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)

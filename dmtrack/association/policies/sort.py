"""SORT (Bewley et al., ICIP 2016): a Kalman filter per track, matched with the detections of every frame by overlap.

Nothing is known of what things look like, so a track that is lost for more than a few frames begins again with another
identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dmtrack.association import area_filter
from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.matching import iou_costs
from dmtrack.association.policy import Affine, MultiObjectAssociation, MultiObjectPolicy
from dmtrack.association.track_table import TablePolicy, TrackTable, apart_by_class, class_numbers
from dmtrack.config import Count, CountOrZero, Share
from dmtrack.registry import ASSOCIATIONS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@ASSOCIATIONS.register
@dataclass(frozen=True)
class Sort(MultiObjectAssociation):
    """Settings; the defaults are those of the paper and its code.

    Attributes:
        min_score: detections below are not looked at.
        iou_threshold: a track and a detection that overlap less are not the same object.
        min_hits: frames in a row in which a track must have been seen before it is told, except at the very start.
        max_age: a track unseen for more frames is forgotten.
    """

    min_score: Share = 0.0
    iou_threshold: Share = 0.3
    min_hits: CountOrZero = 3
    max_age: Count = 1

    search_space: ClassVar[Mapping[str, str]] = {
        "min_score": "0.001,0.9,log",
        "iou_threshold": "0.1,0.7",
        "min_hits": "0,5",
        "max_age": "1,60",
    }

    def multi_object_policy(self) -> MultiObjectPolicy:
        """The policy of everything in sight."""
        return SortPolicy(self)


class SortPolicy(TablePolicy[Sort, TrackTable]):
    """Tracks of one video, oldest first; memory grows with what is in sight, not with the length of the video."""

    def _begin(self, found: Detections) -> TrackTable:
        states = area_filter.start(area_filter.xywh_to_uvsr(found.boxes_xywh))
        # A first sighting is none in a row.
        return TrackTable.begin(states, found, self._next_id, self._frame, 0, np.zeros((len(found), 0)))

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The tracks seen in the next frame, youngest first; the camera's motion is not used."""
        settings = self.settings
        self._frame += 1
        found = found.select(found.scores >= settings.min_score)
        tracks = area_filter.predict(self.tracks)
        tracks.hits[tracks.seen < self._frame - 1] = 0
        boxes_xywh = area_filter.uvsr_to_xywh(tracks.means)
        overlap = 1.0 - apart_by_class(iou_costs(boxes_xywh, found.boxes_xywh), tracks.classes, class_numbers(found))
        rows, columns, free = match_by_overlap(np.maximum(overlap, 0.0), settings.iou_threshold)
        measured = area_filter.xywh_to_uvsr(found.boxes_xywh)[columns]
        tracks.put(rows, area_filter.update(tracks.select(rows), measured))
        tracks.seen[rows], tracks.scores[rows] = self._frame, found.scores[columns]
        tracks.hits[rows] += 1
        tracks = tracks.joined(self._begin(found.select(free)))
        self._next_id += len(free)
        sure = (tracks.hits >= settings.min_hits) | (self._frame <= settings.min_hits)
        told = np.flatnonzero((tracks.seen == self._frame) & sure)[::-1]
        self.tracks = tracks.select(self._frame - tracks.seen <= settings.max_age)
        return tracks.told(told, area_filter.uvsr_to_xywh(tracks.means[told]))


def match_by_overlap(
    overlap: Floats, threshold: float, gains: Floats | None = None
) -> tuple[Integers, Integers, Integers]:
    """Assignment that maximises total overlap, of which pairs below a threshold are taken apart (as SORT's code does).

    Args:
        overlap: (n, m) IoU of tracks and detections.
        threshold: pairs that overlap less are none.
        gains: (n, m) what is maximised in place of the overlap.

    Returns:
        Tracks and their detections, pair by pair, and the detections that belong to none: ascending, those whose pair
        was taken apart last.
    """
    # Detections are the rows, as in the published code: it decides which of several equally good answers is found.
    overlap = overlap.T
    near = overlap > threshold
    if near.any() and near.sum(axis=0).max() == 1 and near.sum(axis=1).max() == 1:
        columns, rows = near.nonzero()
    else:
        columns, rows = linear_sum_assignment(overlap if gains is None else gains.T, maximize=True)
    untouched = np.setdiff1d(np.arange(len(overlap)), columns)
    good = overlap[columns, rows] >= threshold
    return rows[good], columns[good], np.concatenate([untouched, columns[~good]])

"""DeepSORT (Wojke et al., ICIP 2017): looks and motion, those seen most recently first, then overlap.

A track keeps the views of its last sightings and is as far from a detection as the nearest of them. Tracks meet the
detections in the order in which they were last seen (the matching cascade, section 2.3): uncertainty grows while a
track is out of sight, and would favour those that are lost for longest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dmtrack.association import kalman
from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.kalman import CHI_SQUARE_95
from dmtrack.association.matching import appearance_costs, iou_costs
from dmtrack.association.policy import Affine, MultiObjectAssociation, MultiObjectPolicy
from dmtrack.association.track_table import (
    Floats,
    Integers,
    TablePolicy,
    TrackTable,
    apart_by_class,
    class_numbers,
    unit_looks,
)
from dmtrack.config import Amount, Count, CountOrZero, Share
from dmtrack.registry import ASSOCIATIONS

_JUST_ABOVE = 1e-5
"""Pairs above the limit cost this much more than it, all alike."""


@ASSOCIATIONS.register
@dataclass(frozen=True)
class DeepSORT(MultiObjectAssociation):
    """Settings; the defaults are those of the published code.

    Attributes:
        min_score: detections below are not looked at.
        appearance_limit: pairs of a greater cosine distance are no match.
        overlap_limit: pairs of a greater 1 - IoU are no match.
        gallery_size: views kept of every track.
        min_hits: frames in a row in which a track must have been seen, its first ones, before it is told.
        max_age: a track is forgotten where it is not seen again within so many frames.
        compat: do exactly what the published code does: a track that was not seen in a frame is told once more, where
            its motion leads.
    """

    min_score: Share = 0.3
    appearance_limit: Amount = 0.2
    overlap_limit: Share = 0.7
    gallery_size: Count = 100
    min_hits: CountOrZero = 3
    max_age: Count = 30
    compat: bool = False

    search_space: ClassVar[Mapping[str, str]] = {
        "min_score": "0.05,0.8",
        "appearance_limit": "0.05,0.6",
        "overlap_limit": "0.3,0.9",
        "min_hits": "1,5",
        "max_age": "5,120",
    }

    def multi_object_policy(self) -> MultiObjectPolicy:
        """The policy of everything in sight."""
        return DeepSORTPolicy(self)


class DeepSORTPolicy(TablePolicy[DeepSORT, TrackTable]):
    """Tracks of one video, oldest first; memory grows with what is in sight or lost of late."""

    def reset(self) -> None:
        """To the state before the first frame of a video; identities begin at 1 again."""
        super().reset()
        # Views of every track, (n, gallery_size, channels); row i of it is track i.
        self._gallery: NDArray[np.float32] = np.zeros((0, self.settings.gallery_size, 0), np.float32)
        self._confirmed = np.zeros(0, bool)

    def _begin(self, found: Detections) -> TrackTable:
        states = kalman.start(kalman.xywh_to_xyah(found.boxes_xywh))
        return TrackTable.begin(states, found, self._next_id, self._frame, 1, np.zeros((len(found), 0)))

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The confirmed tracks of the next frame, in which nothing may have been found."""
        settings = self.settings
        self._frame += 1
        found = found.select(found.scores >= settings.min_score)
        looks = unit_looks(found, "DeepSORT")
        if not len(found):
            looks = np.zeros((0, self._gallery.shape[2]))
        elif not len(self.tracks):
            self._gallery = np.zeros((0, settings.gallery_size, looks.shape[1]), np.float32)
        tracks = self.tracks if camera_motion is None else kalman.warp(self.tracks, camera_motion)
        tracks = kalman.predict(tracks)
        rows, columns, free = self._match(tracks, found, looks)
        seen = kalman.update(tracks.select(rows), kalman.xywh_to_xyah(found.boxes_xywh[columns]))
        tracks.put(rows, seen)
        tracks.seen[rows], tracks.scores[rows] = self._frame, found.scores[columns]
        # The oldest view makes room.
        self._gallery[rows, tracks.hits[rows] % settings.gallery_size] = looks[columns]
        tracks.hits[rows] += 1
        self._confirmed[rows] |= tracks.hits[rows] >= settings.min_hits
        tracks = self._renew(tracks, found.select(free), looks[free])
        told = np.flatnonzero(self._confirmed & (self._frame - tracks.seen <= int(settings.compat)))
        return tracks.told(told, tracks.boxes_xywh[told])

    def _renew(self, tracks: TrackTable, found: Detections, looks: Floats) -> TrackTable:
        """Forgets tracks that were not seen for long, or not at once again, and begins those of free detections."""
        unseen = self._frame - tracks.seen
        keep = (unseen == 0) | (self._confirmed & (unseen <= self.settings.max_age))
        if not keep.all():
            tracks, self._confirmed, self._gallery = tracks.select(keep), self._confirmed[keep], self._gallery[keep]
        if len(found):
            tracks = tracks.joined(self._begin(found))
            self._next_id += len(found)
            # A view fills the places of those that are still to come: the nearest one counts.
            views = np.repeat(looks.astype(np.float32)[:, None], self.settings.gallery_size, axis=1)
            self._gallery = np.concatenate([self._gallery, views])
            self._confirmed = np.append(self._confirmed, np.zeros(len(found), bool))
        self.tracks = tracks
        return tracks

    def _match(self, tracks: TrackTable, found: Detections, looks: Floats) -> tuple[Integers, Integers, Integers]:
        """Tracks and their detections, pair by pair, and the detections that belong to none."""
        settings = self.settings
        unseen = self._frame - tracks.seen
        sure = np.flatnonzero(self._confirmed)
        free, pairs = np.arange(len(found)), [np.zeros((0, 2), np.int64)]
        if len(sure) and len(found):
            views = int(np.minimum(tracks.hits[sure], settings.gallery_size).max())
            gallery = self._gallery[sure, :views].swapaxes(0, 1)
            costs = np.full((len(tracks), len(found)), np.inf)
            measured = kalman.xywh_to_xyah(found.boxes_xywh)
            far = kalman.gating_distances(tracks.select(sure), measured) > CHI_SQUARE_95[4]
            costs[sure] = np.where(far, np.inf, appearance_costs(gallery, looks.astype(np.float32)))
            costs = apart_by_class(costs, tracks.classes, class_numbers(found))
            # As in the published cascade, a track whose time is over this very frame is not looked for any more.
            for age in np.unique(unseen[sure][unseen[sure] <= settings.max_age]):
                matched, free = cut(costs, sure[unseen[sure] == age], free, settings.appearance_limit)
                pairs.append(matched)
        # The published code holds rows in a set, whose order decides between equally good answers and numbers tracks.
        alone = np.array(list(set(sure.tolist()) - set(np.concatenate(pairs)[:, 0].tolist())), np.int64)
        candidates = np.concatenate([np.flatnonzero(~self._confirmed), alone[unseen[alone] == 1]])
        near = apart_by_class(iou_costs(tracks.boxes_xywh, found.boxes_xywh), tracks.classes, class_numbers(found))
        matched, free = cut(near, candidates, free, settings.overlap_limit)
        rows, columns = np.concatenate([*pairs, matched]).T
        return rows, columns, free


def cut(costs: Floats, rows: Integers, columns: Integers, limit: float) -> tuple[Integers, Integers]:
    """The cheapest full assignment of some rows and columns, cut at the limit afterwards.

    Args:
        costs: of all rows and columns.
        rows: (n,) that are to be matched.
        columns: (m,) likewise.
        limit: pairs that cost more are taken apart.

    Returns:
        (k, 2) rows and columns that belong together, and the columns that stay alone: those that no row was given
        first, then those of pairs that were taken apart.
    """
    some = costs[np.ix_(rows, columns)]
    some = np.where(some > limit, limit + _JUST_ABOVE, some)
    one, other = linear_sum_assignment(some)
    good = some[one, other] <= limit
    untouched = np.ones(len(columns), bool)
    untouched[other] = False
    alone = np.concatenate([columns[untouched], columns[other[~good]]])
    return np.stack([rows[one[good]], columns[other[good]]], axis=1), alone

"""Tracktor (Bergmann et al., ICCV 2019): the detector's own regression of boxes carries tracks from frame to frame.

The box that a track had in the frame before, moved along with the camera, is put to the second stage of a detector,
which says where the thing is now and how sure it is. Detections begin tracks only where no track is; those that look
like a lost track, and lie near where it was, go on with its identity (section 2.3, with the thresholds of MMTracking).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.kalman import BoxStates, warp_boxes
from dmtrack.association.matching import assign, iou_costs
from dmtrack.association.policy import Affine, MultiObjectAssociation, MultiObjectPolicy, Regressor
from dmtrack.association.track_table import Floats, Integers, TablePolicy, TrackTable, apart_by_class, class_numbers
from dmtrack.config import Amount, Count, Share
from dmtrack.registry import ASSOCIATIONS

_IMPOSSIBLE = 1e6


@ASSOCIATIONS.register
@dataclass(frozen=True)
class Tracktor(MultiObjectAssociation):
    """Settings; the defaults are those of MMTracking.

    Attributes:
        min_score: detections of this score and below begin no tracks.
        keep_score: a track whose regressed box has this score or less is lost.
        duplicate_iou: of two regressed boxes that overlap more, the one of the lower score is lost.
        covered_iou: a detection that overlaps a track as much is that track.
        appearance_limit: distance of embeddings, up to which a detection is a lost track.
        near_iou: a detection that overlaps the last box of a lost track less is another thing.
        views: the mean of so many embeddings of a track is compared.
        max_age: a track lost for as many frames is forgotten.
        compat: do exactly what MMTracking does: identities begin at 0, and lost tracks and detections are all assigned
            before pairs that are too far apart are dropped, so that one of these can force apart two that fit.
    """

    min_score: Share = 0.5
    keep_score: Share = 0.5
    duplicate_iou: Share = 0.6
    covered_iou: Share = 0.3
    appearance_limit: Amount = 2.0
    near_iou: Share = 0.2
    views: Count = 10
    max_age: Count = 10
    compat: bool = False

    search_space: ClassVar[Mapping[str, str]] = {
        "min_score": "0.1,0.9",
        "keep_score": "0.1,0.9",
        "duplicate_iou": "0.3,0.9",
        "covered_iou": "0.1,0.7",
        "appearance_limit": "0.2,2",
        "max_age": "2,60",
    }

    def multi_object_policy(self) -> MultiObjectPolicy:
        """The policy of everything in sight."""
        return TracktorPolicy(self)


@dataclass(eq=False)
class PlacedTracks(TrackTable):
    """Tracks without a filter: their means are boxes, left, top, width, height.

    Attributes:
        seen_looks: (n, views, channels) embeddings; sighting k stands in place k modulo views.
    """

    seen_looks: Floats


class TracktorPolicy(TablePolicy[Tracktor, PlacedTracks]):
    """Tracks of one video; memory grows with what is in sight or lost of late.

    Attributes:
        regressor: where things are in the coming frame whose boxes (n, 4) left, top, width, height are given, row by
            row with scores, and embeddings if there are any. None: the detection that a box overlaps most stands for
            it, with score 0 where there is none, so that detections of a file will do.
    """

    regressor: Regressor | None = None

    def reset(self) -> None:
        """To the state before the first frame of a video; identities begin again."""
        super().reset()
        if self.settings.compat:
            self._next_id = 0

    def _begin(self, found: Detections) -> PlacedTracks:
        count = len(found)
        looks = np.zeros((count, 0)) if found.embeddings is None else found.embeddings.astype(np.float64)
        views = np.zeros((count, self.settings.views, looks.shape[1]))
        views[:, 0] = looks
        states = BoxStates(found.boxes_xywh.copy(), np.zeros((count, 0, 0)))
        return PlacedTracks.begin(states, found, self._next_id, self._frame, 1, np.zeros((count, 0)), seen_looks=views)

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The tracks of the next frame: those that were in sight by score, then those that come back, then new ones."""
        settings = self.settings
        self._frame += 1
        tracks = self.tracks
        if camera_motion is not None:
            tracks.means = warp_boxes(tracks.means, camera_motion)
        active = np.flatnonzero(tracks.seen == self._frame - 1)
        moved = self._regressed(tracks.select(active), found)
        kept = self._distinct(tracks.select(active), moved)
        self._see(tracks, active[kept], moved.select(kept))
        here = tracks.select(active[kept])
        found = found.select(found.scores > settings.min_score)
        uncovered = (
            1.0 - apart_by_class(iou_costs(here.means, found.boxes_xywh), here.classes, class_numbers(found))
        ) < settings.covered_iou
        found = found.select(np.flatnonzero(uncovered.all(axis=0)))
        lost = np.flatnonzero(tracks.seen < self._frame)
        rows, columns = self._known_again(tracks.select(lost), found)
        self._see(tracks, lost[rows], found.select(columns))
        born = self._begin(found.select(np.setdiff1d(np.arange(len(found)), columns)))
        self._next_id += len(born)
        order = np.concatenate([active[kept], lost[rows]])
        told = tracks.select(order)
        if len(born):
            if not len(tracks):
                tracks = told = born.select(slice(0, 0))
            told, tracks = told.joined(born), tracks.joined(born)
        self.tracks = tracks.select(self._frame - tracks.seen < settings.max_age)
        return told.told(np.arange(len(told)), told.means)

    def _regressed(self, tracks: PlacedTracks, found: Detections) -> Detections:
        """Where tracks are now, row by row."""
        if self.regressor is not None and len(tracks):
            return self.regressor(tracks.means)
        if not len(found) or not len(tracks):
            return Detections.from_xywh(
                tracks.means, np.zeros(len(tracks)), embeddings=np.zeros((len(tracks), tracks.seen_looks.shape[2]))
            )
        costs = apart_by_class(iou_costs(tracks.means, found.boxes_xywh), tracks.classes, class_numbers(found))
        nearest = found.select(costs.argmin(axis=1))
        scores = np.where(costs.min(axis=1) < 1.0, nearest.scores, 0.0)
        return Detections(nearest.boxes_xyxy, scores, nearest.classes, nearest.embeddings, inclusive=nearest.inclusive)

    def _distinct(self, tracks: PlacedTracks, moved: Detections) -> Integers:
        """Rows of regressed boxes that are kept, best first: sure ones, each thing once."""
        overlap = 1.0 - iou_costs(moved.boxes_xywh, moved.boxes_xywh)
        overlap *= tracks.classes[:, None] == tracks.classes
        kept: list[int] = []
        for row in np.argsort(-moved.scores, kind="stable").tolist():
            if not kept or overlap[row, kept].max() <= self.settings.duplicate_iou:
                kept.append(row)
        rows = np.array(kept, np.int64)
        return rows[moved.scores[rows] > self.settings.keep_score]

    def _known_again(self, tracks: PlacedTracks, found: Detections) -> tuple[Integers, Integers]:
        """Lost tracks and the detections that they come back as, pair by pair."""
        settings, nobody = self.settings, np.zeros(0, np.int64)
        if found.embeddings is None or not len(tracks) or not len(found) or not tracks.seen_looks.shape[2]:
            return nobody, nobody
        kept = np.arange(settings.views) < tracks.hits[:, None]
        total = (tracks.seen_looks * kept[:, :, None]).sum(axis=1)
        mean_looks = total / np.maximum(kept.sum(axis=1), 1)[:, None]
        apart = np.linalg.norm(mean_looks[:, None] - found.embeddings.astype(np.float64), axis=2)
        far = 1.0 - iou_costs(tracks.means, found.boxes_xywh) < settings.near_iou
        costs = np.where(far | (tracks.classes[:, None] != class_numbers(found)), _IMPOSSIBLE, apart)
        if settings.compat:
            rows, columns = linear_sum_assignment(costs)
            good = costs[rows, columns] <= settings.appearance_limit
            return rows[good], columns[good]
        rows, columns = assign(costs, settings.appearance_limit).matches.T
        return rows, columns

    def _see(self, tracks: PlacedTracks, rows: Integers, found: Detections) -> None:
        """Puts what was seen of some tracks into them, row by row."""
        tracks.means[rows] = found.boxes_xywh
        tracks.seen[rows], tracks.scores[rows] = self._frame, found.scores
        if found.embeddings is not None and tracks.seen_looks.shape[2]:
            tracks.seen_looks[rows, tracks.hits[rows] % self.settings.views] = found.embeddings
        tracks.hits[rows] += 1

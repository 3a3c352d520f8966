"""OC-SORT (Cao et al., CVPR 2023): SORT that trusts what was seen more than what its filter made of it.

Three things are added to SORT. A match counts for more where it lies in the direction in which the track went (OCM,
section 4.2). What is left is matched with the places where tracks were last seen (OCR, section 4.3). And a track that
comes back goes over the frames out of sight once more, as if it had been seen on the straight way between them
(ORU, section 4.1), so that the errors of the blind prediction do not stay in its filter.
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
from dmtrack.association.kalman import BoxStates
from dmtrack.association.matching import iou_costs
from dmtrack.association.policies.sort import match_by_overlap
from dmtrack.association.policy import Affine, MultiObjectAssociation, MultiObjectPolicy
from dmtrack.association.track_table import Floats, Integers, TablePolicy, TrackTable, apart_by_class, class_numbers
from dmtrack.config import Amount, Count, CountOrZero, Share
from dmtrack.registry import ASSOCIATIONS

_NEVER = -1e6
"""Gain of a pair of different classes."""


@ASSOCIATIONS.register
@dataclass(frozen=True)
class OCSort(MultiObjectAssociation):
    """Settings; the defaults are those of the paper and its code.

    Attributes:
        min_score: detections of this score and below are not looked at, but for `second_stage`.
        iou_threshold: a track and a detection that overlap less are not the same object.
        min_hits: frames in a row in which a track must have been seen before it is told, except at the very start.
        max_age: a track unseen for more frames is forgotten.
        direction_frames: the direction of a track is that from where it was so many frames ago.
        direction_weight: what the same direction counts, beside the overlap.
        second_stage: tracks that found nothing may match detections of scores between `low_score` and `min_score`.
        low_score: of `second_stage`.
        compat: do exactly what the published code does: the first sighting of a track is not one of its observations,
            and the detection with which a track comes back is put into its filter twice.
    """

    min_score: Share = 0.6
    iou_threshold: Share = 0.3
    min_hits: CountOrZero = 3
    max_age: Count = 30
    direction_frames: Count = 3
    direction_weight: Amount = 0.2
    second_stage: bool = False
    low_score: Share = 0.1
    compat: bool = False

    search_space: ClassVar[Mapping[str, str]] = {
        "min_score": "0.1,0.8",
        "iou_threshold": "0.1,0.7",
        "max_age": "5,120",
        "direction_frames": "1,6",
        "direction_weight": "0,1",
    }

    def multi_object_policy(self) -> MultiObjectPolicy:
        """The policy of everything in sight."""
        return OCSortPolicy(self)


@dataclass(eq=False)
class ObservedTracks(TrackTable):
    """Tracks with what was seen of them.

    Attributes:
        observed: (n,) observations so far.
        last_xywh: (n, 4) the last one; a box without area where there is none.
        past_xywh: (n, frames, 4) of the frames before, the last one first; NaN where it was not seen.
        direction: (n, 2) unit vectors in the picture; zero where none is known.
        left_means: (n, 7) states as they were predicted for the first frame out of sight.
        left_covariances: (n, 7, 7) of them.
    """

    observed: Integers
    last_xywh: Floats
    past_xywh: Floats
    direction: Floats
    left_means: Floats
    left_covariances: Floats

    def earlier_xywh(self) -> Floats:
        """(n, 4) where each was when it was seen first in the frames that are kept; the last place where in none."""
        earlier = self.last_xywh.copy()
        for back in range(self.past_xywh.shape[1]):
            seen = ~np.isnan(self.past_xywh[:, back, 0])
            earlier[seen] = self.past_xywh[seen, back]
        return earlier


class OCSortPolicy(TablePolicy[OCSort, ObservedTracks]):
    """Tracks of one video, oldest first; memory grows with what is in sight or lost of late."""

    def _begin(self, found: Detections) -> ObservedTracks:
        states = area_filter.start(area_filter.xywh_to_uvsr(found.boxes_xywh))
        count, known = len(found), int(not self.settings.compat)
        past = np.full((count, self.settings.direction_frames, 4), np.nan)
        last = np.full((count, 4), [-1.0, -1, 0, 0])
        if known:
            last = past[:, 0] = found.boxes_xywh.copy()
        return ObservedTracks.begin(
            states,
            found,
            self._next_id,
            self._frame,
            0,
            np.zeros((count, 0)),
            observed=np.full(count, known),
            last_xywh=last,
            past_xywh=past,
            direction=np.zeros((count, 2)),
            left_means=states.means.copy(),
            left_covariances=states.covariances.copy(),
        )

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The tracks seen in the next frame, youngest first, where they were seen; the camera's motion is not used."""
        settings = self.settings
        self._frame += 1
        low = found.select((found.scores > settings.low_score) & (found.scores < settings.min_score))
        found = found.select(found.scores > settings.min_score)
        tracks = area_filter.predict(self.tracks)
        tracks = tracks.select(tracks.means[:, 2] * tracks.means[:, 3] > 0)
        tracks.hits[tracks.seen < self._frame - 1] = 0
        just_left = tracks.seen == self._frame - 1
        tracks.left_means[just_left] = tracks.means[just_left]
        tracks.left_covariances[just_left] = tracks.covariances[just_left]
        rows, columns, free = self._first_match(tracks, found)
        seen_xywh = np.full((len(tracks), 4), np.nan)
        self._see(tracks, rows, found.select(columns), seen_xywh)
        alone = np.setdiff1d(np.arange(len(tracks)), rows)
        if settings.second_stage:
            some = tracks.select(alone)
            pairs = self._rest(some, area_filter.uvsr_to_xywh(some.means), low)
            self._see(tracks, alone[pairs[0]], low.select(pairs[1]), seen_xywh)
            alone = np.delete(alone, pairs[0])
        some, left = tracks.select(alone), found.select(free)
        pairs = self._rest(some, some.last_xywh, left)
        self._see(tracks, alone[pairs[0]], left.select(pairs[1]), seen_xywh)
        if len(pairs[1]):
            free = np.setdiff1d(free, free[pairs[1]])
        tracks.past_xywh = np.concatenate([seen_xywh[:, None], tracks.past_xywh[:, :-1]], axis=1)
        born = self._begin(found.select(free))
        self._next_id += len(born)
        tracks, seen_xywh = tracks.joined(born), np.concatenate([seen_xywh, found.boxes_xywh[free]])
        sure = (tracks.hits >= settings.min_hits) | (self._frame <= settings.min_hits)
        told = np.flatnonzero((tracks.seen == self._frame) & sure)[::-1]
        self.tracks = tracks.select(self._frame - tracks.seen <= settings.max_age)
        return tracks.told(told, seen_xywh[told])

    def _first_match(self, tracks: ObservedTracks, found: Detections) -> tuple[Integers, Integers, Integers]:
        """By overlap and direction; as `match_by_overlap`."""
        settings = self.settings
        costs = apart_by_class(
            iou_costs(area_filter.uvsr_to_xywh(tracks.means), found.boxes_xywh), tracks.classes, class_numbers(found)
        )
        overlap = np.maximum(1.0 - costs, 0.0)
        towards = _directions(tracks.earlier_xywh()[:, None], found.boxes_xywh[None])
        angle = np.arccos(np.clip((towards * tracks.direction[:, None]).sum(axis=2), -1, 1))
        agreement = (np.pi / 2 - angle) / np.pi * (tracks.observed > 0)[:, None]
        gains = overlap + settings.direction_weight * agreement * found.scores
        return match_by_overlap(overlap, settings.iou_threshold, np.where(np.isinf(costs), _NEVER, gains))

    def _rest(self, tracks: TrackTable, places_xywh: Floats, found: Detections) -> tuple[Integers, Integers]:
        """Rows and columns of the best full assignment by overlap with given places, where it is enough."""
        overlap = 1.0 - apart_by_class(iou_costs(places_xywh, found.boxes_xywh), tracks.classes, class_numbers(found)).T
        if not overlap.size or overlap.max() <= self.settings.iou_threshold:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        columns, rows = linear_sum_assignment(np.maximum(overlap, 0.0), maximize=True)
        good = overlap[columns, rows] >= self.settings.iou_threshold
        return rows[good], columns[good]

    def _see(self, tracks: ObservedTracks, rows: Integers, found: Detections, seen_xywh: Floats) -> None:
        """Puts detections into tracks, row by row, and where they were seen into the boxes of this frame."""
        boxes_xywh = found.boxes_xywh
        some = tracks.select(rows)
        known = some.observed > 0
        tracks.direction[rows[known]] = _directions(some.earlier_xywh(), boxes_xywh)[known]
        again = np.flatnonzero(known & (some.seen < self._frame - 1))
        states = BoxStates(some.means, some.covariances)
        if len(again):
            fresh = self._go_over(some.select(again), boxes_xywh[again])
            states.means[again], states.covariances[again] = fresh.means, fresh.covariances
        measured = area_filter.xywh_to_uvsr(boxes_xywh)
        once = np.arange(len(rows)) if self.settings.compat else np.setdiff1d(np.arange(len(rows)), again)
        updated = area_filter.update(states.select(once), measured[once])
        states.means[once], states.covariances[once] = updated.means, updated.covariances
        tracks.put(rows, states)
        tracks.last_xywh[rows] = seen_xywh[rows] = boxes_xywh
        tracks.seen[rows], tracks.scores[rows] = self._frame, found.scores
        tracks.observed[rows] += 1
        tracks.hits[rows] += 1

    def _go_over(self, tracks: ObservedTracks, boxes_xywh: Floats) -> BoxStates:
        """States (n) after the frames out of sight, as if each had been seen on the straight way to where it is now."""
        states = BoxStates(tracks.left_means.copy(), tracks.left_covariances.copy())
        gap = self._frame - tracks.seen
        first, last = (np.concatenate([box[:, :2] + box[:, 2:] / 2, box[:, 2:]], axis=1)
                       for box in (tracks.last_xywh, boxes_xywh))  # fmt: skip
        for number in range(1, int(gap.max()) + 1):
            on = np.flatnonzero(gap >= number)
            way = first[on] + (last[on] - first[on]) * (number / gap[on])[:, None]
            some = states.select(on)
            if number > 1:
                some = area_filter.predict(some, keep_area=False)
            virtual = np.concatenate([way[:, :2] - way[:, 2:] / 2, way[:, 2:]], axis=1)
            some = area_filter.update(some, area_filter.xywh_to_uvsr(virtual))
            states.means[on], states.covariances[on] = some.means, some.covariances
        return states


def _directions(from_xywh: NDArray[np.floating], to_xywh: NDArray[np.floating]) -> Floats:
    """Unit vectors between the centres of boxes (..., 4); nearly zero where they are in one place."""
    apart = to_xywh[..., :2] + to_xywh[..., 2:] / 2 - from_xywh[..., :2] - from_xywh[..., 2:] / 2
    return np.asarray(apart / (np.linalg.norm(apart, axis=-1, keepdims=True) + 1e-6))

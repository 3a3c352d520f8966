"""SORT (Bewley et al., ICIP 2016): a Kalman filter per track, matched with the detections of every frame by overlap.

The state of a track is (u, v, s, r) and the change of the first three per frame: centre in pixels, area in square
pixels, aspect ratio w / h, which is thought to be constant. Nothing is known of what things look like, so a track that
is lost for more than a few frames begins again with another identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.kalman import BoxStates, correct, propagate
from dmtrack.association.matching import iou_costs
from dmtrack.association.policy import Affine, MultiObjectAssociation, MultiObjectPolicy
from dmtrack.boxes import xywh_to_xyxy
from dmtrack.config import Count, CountOrZero, Share, check_fields
from dmtrack.registry import ASSOCIATIONS

Floats = NDArray[np.float64]

_TRANSITION = np.eye(7) + np.eye(7, k=4)
_START_VARIANCES = np.array([10.0, 10, 10, 10, 1e4, 1e4, 1e4])
"""The velocities of a new track are unknown."""
_STEP_VARIANCES = np.array([1.0, 1, 1, 1, 0.01, 0.01, 1e-4])
_MEASURED_VARIANCES = np.array([1.0, 1, 10, 10])


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

    def __post_init__(self) -> None:
        check_fields(self, "policy")

    def multi_object_policy(self) -> MultiObjectPolicy:
        """The policy of everything in sight."""
        return SortPolicy(self)


class SortPolicy:
    """Tracks of one video, oldest first; memory grows with what is in sight, not with the length of the video."""

    def __init__(self, settings: Sort | None = None) -> None:
        self.settings = settings or Sort()
        self.reset()

    def reset(self) -> None:
        """To the state before the first frame."""
        self.states = BoxStates(np.zeros((0, 7)), np.zeros((0, 7, 7)))
        # One row each: identities, frames since the last sighting, sightings in a row.
        self._counts = np.zeros((3, 0), np.int64)
        self._frame, self._next_id = 0, 1

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The tracks seen in the next frame, youngest first; the camera's motion is not used."""
        settings = self.settings
        self._frame += 1
        found = found.select(found.scores >= settings.min_score)
        # An area that would shrink below nothing stays.
        means = self.states.means
        means[means[:, 2] + means[:, 6] <= 0, 6] = 0.0
        self.states = propagate(self.states, _TRANSITION, _STEP_VARIANCES)
        _, unseen, streak = self._counts
        streak[unseen > 0] = 0
        unseen += 1
        rows, columns, free = self._match(found)
        measured = _xywh_to_uvsr(found.boxes_xywh)
        seen = correct(self.states.select(rows), measured[columns], _MEASURED_VARIANCES)
        self.states.means[rows], self.states.covariances[rows] = seen.means, seen.covariances
        unseen[rows] = 0
        streak[rows] += 1
        # What nothing claims begins a track.
        born = np.arange(self._next_id, self._next_id + len(free))
        self._next_id += len(free)
        fresh = np.concatenate([measured[free], np.zeros((len(free), 3))], axis=1)
        covariances = np.tile(np.diag(_START_VARIANCES), (len(free), 1, 1))
        self.states = BoxStates.concatenate(self.states, BoxStates(fresh, covariances))
        self._counts = np.concatenate([self._counts, np.stack([born, 0 * born, 0 * born])], axis=1)
        source = np.full(len(self._counts[0]), -1)
        source[rows], source[len(source) - len(free) :] = columns, free
        ids, unseen, streak = self._counts
        sure = (streak >= settings.min_hits) | (self._frame <= settings.min_hits)
        told = np.flatnonzero((unseen == 0) & sure)[::-1]
        boxes_xywh = _uvsr_to_xywh(self.states.means[told])
        classes = None if found.classes is None else found.classes[source[told]]
        tracks = Tracks(xywh_to_xyxy(boxes_xywh), found.scores[source[told]], classes, ids=ids[told])
        kept = np.flatnonzero(unseen <= settings.max_age)
        self.states, self._counts = self.states.select(kept), self._counts[:, kept]
        return tracks

    def _match(self, found: Detections) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Tracks and their detections, pair by pair, and the detections that belong to none."""
        overlap = 1.0 - iou_costs(found.boxes_xywh, _uvsr_to_xywh(self.states.means))
        near = overlap > self.settings.iou_threshold
        if near.any() and near.sum(axis=0).max() == 1 and near.sum(axis=1).max() == 1:
            columns, rows = near.nonzero()
        else:
            columns, rows = linear_sum_assignment(overlap, maximize=True)
        untouched = np.setdiff1d(np.arange(len(found)), columns)
        good = overlap[columns, rows] >= self.settings.iou_threshold
        return rows[good], columns[good], np.concatenate([untouched, columns[~good]])


def _xywh_to_uvsr(boxes_xywh: Floats) -> Floats:
    """(n, 4) left, top, width, height -> centre, area, width / height."""
    size = np.maximum(boxes_xywh[:, 2:], 1e-3)
    area, aspect = size[:, :1] * size[:, 1:], size[:, :1] / size[:, 1:]
    return np.concatenate([boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2, area, aspect], axis=1)


def _uvsr_to_xywh(states: Floats) -> Floats:
    """The inverse of `_xywh_to_uvsr`, of (n, 4 or more)."""
    width = np.sqrt(np.maximum(states[:, 2] * states[:, 3], 1e-6))
    size = np.stack([width, states[:, 2] / width], axis=1)
    return np.concatenate([states[:, :2] - size / 2, size], axis=1)

"""The life of a track in FairMOT and ByteTrack: seen or lost, matched in three stages, forgotten after a while.

What the two share is written here once, in the order of JDE's update (Wang et al., ECCV 2020), from which both come;
they differ in what the stages compare (`JDE`, `ByteTrack`). The table holds the tracks in sight first, in the order in
which they are told, and the lost ones behind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from dmtrack.association import kalman
from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.matching import assign, iou_costs
from dmtrack.association.policy import Affine, MultiObjectAssociation
from dmtrack.association.track_table import Floats, Integers, TrackTable, apart_by_class
from dmtrack.config import Count, CountOrZero, check_fields

SECOND_LIMIT, UNSURE_LIMIT = 0.5, 0.7
"""Costs of pairs, 1 - IoU: of tracks that were in sight just now, and of those that were seen once."""

SAME_TRACK = 0.15
"""A track in sight and a lost one that overlap by more than 1 - this are one thing: the older one stays."""


@dataclass(frozen=True)
class StagedAssociation(MultiObjectAssociation):
    """Settings that FairMOT and ByteTrack share.

    Attributes:
        track_buffer: frames at 30 per second after which a lost track is forgotten.
        frame_rate: frames per second of the video.
        compat: do exactly what the published code does. It keeps a forgotten track for one more frame, in which it may
            come back; if it does, it is forgotten at once when it is lost again.
    """

    track_buffer: CountOrZero = 30
    frame_rate: Count = 30
    compat: bool = False

    def __post_init__(self) -> None:
        check_fields(self, "policy")

    @property
    def most_lost_frames(self) -> int:
        """A track lost for longer is forgotten."""
        return int(self.frame_rate / 30.0 * self.track_buffer)


class StagedPolicy(ABC):
    """Tracks of one video; memory grows with what is in sight or lost of late, not with the length of the video.

    Attributes:
        tracks: those in sight, then the lost ones.
        in_sight: how many are.
        removed: how often a track was given up so far; with `compat` as the published code counts, some of them twice.
    """

    def __init__(self, settings: StagedAssociation) -> None:
        self._life = settings
        self.reset()

    def reset(self) -> None:
        """To the state before the first frame of a video; identities begin at 1 again."""
        self._frame, self._next_id = 0, 1
        self.tracks = self._begin(Detections.nothing(), np.zeros((0, 0)))
        self.in_sight = self.removed = 0
        # Given up and yet in the table, which happens with `compat` alone.
        self._given_up: set[int] = set()

    def _begin(self, found: Detections, looks: Floats) -> TrackTable:
        states = kalman.start(kalman.xywh_to_xyah(found.boxes_xywh))
        return TrackTable.begin(states, found, self._next_id, self._frame, 1, looks)

    @abstractmethod
    def _split(self, found: Detections) -> tuple[Integers, Integers | None, Integers]:
        """Rows of the detections for the first stage, for the second (None: those left over), and that may begin."""

    def _looks(self, found: Detections) -> Floats:
        """(n, channels) what detections look like, where it counts."""
        return np.zeros((len(found), 0))

    @abstractmethod
    def _first_costs(self, tracks: TrackTable, found: Detections, looks: Floats) -> tuple[Floats, float]:
        """Costs (n, m) of all tracks that are sure with the detections of the first stage, and their limit."""

    @abstractmethod
    def _unsure_costs(self, tracks: TrackTable, found: Detections) -> Floats:
        """Costs (n, m) of tracks that were seen once with the detections that are left."""

    @abstractmethod
    def _remember(self, tracks: TrackTable, rows: Integers, found: Detections, looks: Floats, again: Integers) -> None:
        """Puts scores and looks of what was seen into some tracks, of which those `again` were lost."""

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The tracks in sight in the next frame, in which nothing may have been found."""
        self._frame += 1
        if camera_motion is not None:
            self.tracks = kalman.warp(self.tracks, camera_motion)
        first, second, may_begin = self._split(found)
        looks = self._looks(found)
        if not len(self.tracks):
            self.tracks.looks = looks[:0]
        elif not len(found):
            looks = self.tracks.looks[:0]
        tracks, in_sight = self.tracks, np.arange(len(self.tracks)) < self.in_sight
        sure = (tracks.started == 1) | (tracks.hits > 1)
        pool = np.flatnonzero(sure)
        # What is lost does not grow or shrink; what is not sure yet stays where it was seen.
        tracks.means[~in_sight, 7] = 0.0
        if len(pool) == len(tracks):
            tracks = self.tracks = kalman.predict(tracks)
        else:
            tracks.put(pool, kalman.predict(tracks.select(pool)))
        costs, limit = self._first_costs(tracks.select(pool), found.select(first), looks[first])
        matches, left, free = assign(costs, limit)
        pairs = [(pool[matches[:, 0]], first[matches[:, 1]])]
        again = pairs[0][0][~in_sight[pairs[0][0]]]
        left, free = pool[left], first[free]
        left = left[in_sight[left]]
        others = free if second is None else second
        near = self._overlap_costs(tracks.select(left), found.select(others))
        matches, missed, alone = assign(near, SECOND_LIMIT)
        pairs.append((left[matches[:, 0]], others[matches[:, 1]]))
        lost = left[missed]
        free = others[alone] if second is None else free
        unsure = np.flatnonzero(~sure)
        matches, dropped, alone = assign(self._unsure_costs(tracks.select(unsure), found.select(free)), UNSURE_LIMIT)
        pairs.append((unsure[matches[:, 0]], free[matches[:, 1]]))
        rows, columns = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        self._see(rows, found.select(columns), looks[columns], again)
        born = free[alone][np.isin(free[alone], may_begin)]
        if len(born):
            self.tracks = tracks.joined(self._begin(found.select(born), looks[born]))
            self._next_id += len(born)
        in_sight[lost] = in_sight[unsure[dropped]] = False
        self.removed += len(dropped)
        self._sort(np.flatnonzero(in_sight), len(born), again, lost)
        told = self.tracks.select(slice(0, self.in_sight))
        told = told.select((told.started == 1) | (told.hits > 1))
        return told.told(told.boxes_xywh)

    def _see(self, rows: Integers, found: Detections, looks: Floats, again: Integers) -> None:
        tracks = self.tracks
        tracks.put(rows, kalman.update(tracks.select(rows), kalman.xywh_to_xyah(found.boxes_xywh)))
        tracks.seen[rows] = self._frame
        tracks.hits[rows] += 1
        self._remember(tracks, rows, found, looks, again)

    def _overlap_costs(self, tracks: TrackTable, found: Detections) -> Floats:
        """1 - IoU, pixels counted from the first to the last as the published trackers do; inf between classes."""
        return apart_by_class(iou_costs(tracks.boxes_xywh, found.boxes_xywh, inclusive=True), tracks, found)

    def _sort(self, stayed: Integers, born: int, again: Integers, lost: Integers) -> None:
        """Puts those in sight first, and forgets whom nobody has seen for long and what is in the table twice.

        Args:
            stayed: rows of tracks that were in sight and are.
            born: the last so many rows are new.
            again: rows that were lost and are in sight.
            lost: rows that were in sight and are not.
        """
        tracks = self.tracks
        count = len(tracks)
        before = np.arange(self.in_sight, count - born)
        waiting = before[~np.isin(before, again)]
        expired = waiting[self._frame - tracks.seen[waiting] > self._life.most_lost_frames]
        self.removed += len(expired)
        if not self._life.compat:
            waiting = waiting[~np.isin(waiting, expired)]
        away = np.concatenate([waiting, lost])
        if self._given_up:
            away = away[~np.isin(tracks.ids[away], list(self._given_up))]
        here = np.concatenate([stayed, np.arange(count - born, count), again])
        if len(here) and len(away):
            one, other = tracks.select(here), tracks.select(away)
            same = iou_costs(one.boxes_xywh, other.boxes_xywh, inclusive=True) < SAME_TRACK
            same &= one.classes[:, None] == other.classes
            older = (one.seen - one.started)[:, None] > other.seen - other.started
            here, away = here[~(same & ~older).any(axis=1)], away[~(same & older).any(axis=0)]
        self.tracks, self.in_sight = tracks.select(np.concatenate([here, away])), len(here)
        if self._life.compat:
            self._given_up = (self._given_up | set(tracks.ids[expired].tolist())) & set(self.tracks.ids.tolist())

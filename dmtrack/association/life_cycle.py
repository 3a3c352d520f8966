"""The life of a track in FairMOT and ByteTrack: seen or lost, matched in three stages, forgotten after a while.

What the two share is written here once, in the order of JDE's update (Wang et al., ECCV 2020), from which both come;
they differ in what the stages compare (`JDE`, `ByteTrack`). The table holds the tracks in sight first, in the order in
which they are told, and the lost ones behind.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from dmtrack.association import kalman
from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.matching import assign, iou_costs
from dmtrack.association.policy import Affine, MultiObjectAssociation
from dmtrack.association.track_table import Floats, Integers, TablePolicy, TrackTable, apart_by_class, class_numbers
from dmtrack.config import Amount, Count, CountOrZero

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
        match_limit: pairs of the first stage that cost more are no match.
        compat: do exactly what the published code does. It keeps a forgotten track for one more frame, in which it may
            come back; if it does, it is forgotten at once when it is lost again.
    """

    track_buffer: CountOrZero = 30
    frame_rate: Count = 30
    match_limit: Amount = 0.9
    compat: bool = False


Settings = TypeVar("Settings", bound=StagedAssociation)


class StagedPolicy(TablePolicy[Settings, TrackTable]):
    """Tracks of one video; memory grows with what is in sight or lost of late, not with the length of the video.

    Attributes:
        tracks: those in sight, then the lost ones.
        in_sight: how many are.
        removed: how often a track was given up so far; with `compat` as the published code counts, some of them twice.
    """

    compares_looks: ClassVar[bool]
    """Whether tracks keep the embeddings of what they are seen as."""

    def reset(self) -> None:
        """To the state before the first frame of a video; identities begin at 1 again."""
        super().reset()
        self.in_sight = self.removed = 0
        # Given up and yet in the table, which happens with `compat` alone.
        self._given_up: set[int] = set()

    def _begin(self, found: Detections) -> TrackTable:
        states = kalman.start(kalman.xywh_to_xyah(found.boxes_xywh))
        looks: NDArray[np.floating] = np.zeros((len(found), 0))
        if self.compares_looks and found.embeddings is not None:
            looks = found.embeddings
        return TrackTable.begin(states, found, self._next_id, self._frame, 1, looks.astype(np.float64))

    @abstractmethod
    def _split(self, found: Detections) -> tuple[Detections, Integers, Integers | None, Integers]:
        """The detections, with unit vectors or no embeddings; rows of them for the first stage, for the second (None:
        those left over), and that may begin.
        """

    @abstractmethod
    def _costs(self, rows: Integers, found: Detections, columns: Integers, sure: bool) -> Floats:
        """Costs (n, m) of rows of the table and columns of what was found: of tracks that are sure with the detections
        of the first stage, or of those that were seen once with the detections that are left.
        """

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The tracks in sight in the next frame, in which nothing may have been found."""
        self._frame += 1
        if camera_motion is not None:
            self.tracks = kalman.warp(self.tracks, camera_motion)
        found, first, second, may_begin = self._split(found)
        if not len(self.tracks):
            self.tracks = self._begin(found.select(first[:0]))
        tracks, in_sight = self.tracks, np.arange(len(self.tracks)) < self.in_sight
        sure = (tracks.started == 1) | (tracks.hits > 1)
        pool = sure.nonzero()[0]
        # What is lost does not grow or shrink; what is not sure yet stays where it was seen.
        tracks.means[~in_sight, 7] = 0.0
        if len(pool) == len(tracks):
            tracks = self.tracks = kalman.predict(tracks)
        else:
            tracks.put(pool, kalman.predict(tracks.select(pool)))
        self._predicted_xywh = tracks.boxes_xywh
        classes = class_numbers(found)
        together = np.concatenate([tracks.classes, classes])
        # None where all are of one class, or of none, and nothing has to be kept apart.
        self._found_classes = classes if (together != together[:1]).any() else None
        costs = self._costs(pool, found, first, sure=True)
        matches, left, free = assign(costs, self.settings.match_limit)
        pairs = [(pool[matches[:, 0]], first[matches[:, 1]])]
        again = pairs[0][0][~in_sight[pairs[0][0]]]
        left, free = pool[left], first[free]
        left = left[in_sight[left]]
        others = free if second is None else second
        near = self._overlap_costs(left, found, others)
        matches, missed, alone = assign(near, SECOND_LIMIT)
        pairs.append((left[matches[:, 0]], others[matches[:, 1]]))
        lost = left[missed]
        free = others[alone] if second is None else free
        unsure = np.flatnonzero(~sure)
        matches, dropped, alone = assign(self._costs(unsure, found, free, sure=False), UNSURE_LIMIT)
        pairs.append((unsure[matches[:, 0]], free[matches[:, 1]]))
        rows, columns = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        self._see(rows, columns, found, again)
        born = free[alone]
        if len(born):
            born = born[np.isin(born, may_begin)]
            self.tracks = tracks.joined(self._begin(found.select(born)))
            self._next_id += len(born)
        in_sight[lost] = in_sight[unsure[dropped]] = False
        self.removed += len(dropped)
        self._sort(np.flatnonzero(in_sight), len(born), again, lost)
        tracks, here = self.tracks, slice(0, self.in_sight)
        told = ((tracks.started[here] == 1) | (tracks.hits[here] > 1)).nonzero()[0]
        return tracks.told(told, tracks.boxes_xywh[told])

    def _see(self, rows: Integers, columns: Integers, found: Detections, again: Integers) -> None:
        """Puts what was found into tracks, row by row the column of each; the rows `again` were lost."""
        tracks = self.tracks
        tracks.put(rows, kalman.update(tracks.states(rows), kalman.xywh_to_xyah(found.boxes_xywh[columns])))
        tracks.seen[rows], tracks.scores[rows] = self._frame, found.scores[columns]
        tracks.hits[rows] += 1

    def _overlap_costs(self, rows: Integers, found: Detections, columns: Integers) -> Floats:
        """1 - IoU, pixels counted from the first to the last as the published trackers do; inf between classes."""
        costs = iou_costs(self._predicted_xywh[rows], found.boxes_xywh[columns], inclusive=True)
        return self._apart(costs, rows, columns)

    def _apart(self, costs: Floats, rows: Integers, columns: Integers) -> Floats:
        """Costs (n, m) of rows of the table and columns of what was found, infinite between classes."""
        if self._found_classes is None:
            return costs
        return apart_by_class(costs, self.tracks.classes[rows], self._found_classes[columns])

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
        out_of_sight = np.arange(count - born) >= self.in_sight
        out_of_sight[again] = False
        waiting = out_of_sight.nonzero()[0]
        most_lost = int(self.settings.frame_rate / 30.0 * self.settings.track_buffer)
        late = self._frame - tracks.seen[waiting] > most_lost
        expired = waiting[late]
        self.removed += len(expired)
        away = np.concatenate([waiting if self.settings.compat else waiting[~late], lost])
        if self._given_up:
            away = away[~np.isin(tracks.ids[away], list(self._given_up))]
        here = np.concatenate([stayed, np.arange(count - born, count), again])
        if len(here) and len(away):
            boxes_xywh, age = tracks.boxes_xywh, tracks.seen - tracks.started
            same = iou_costs(boxes_xywh[here], boxes_xywh[away], inclusive=True) < SAME_TRACK
            same &= tracks.classes[here, None] == tracks.classes[away]
            older = age[here, None] > age[away]
            here, away = here[~(same & ~older).any(axis=1)], away[~(same & older).any(axis=0)]
        self.tracks, self.in_sight = tracks.select(np.concatenate([here, away])), len(here)
        if self.settings.compat:
            self._given_up = (self._given_up | set(tracks.ids[expired].tolist())) & set(self.tracks.ids.tolist())

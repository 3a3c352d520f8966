"""What a person has drawn in a video, target by target, and the table of what trackers found between it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.timeline import Sightings, Snapshot
from dmtrack.errors import DataError
from dmtrack.pages.timeline.lanes import lanes_of
from dmtrack.tracking.base import Tracker

How = Literal["drawn", "corrected", "imported"]
SHORTEST_WEAK = 3
"""Frames of low score that make a stretch worth looking at."""

SEEN = 8
"""Tracklets that are kept of a frame: the target's own, or none, then the best scores."""

TRACKLET = np.dtype([("id", "<i8"), ("score", "<f4")])
NOBODY = np.array((-1, math.nan), TRACKLET)
MOST_LANES, MOST_STRETCHES = 6, 400
"""Lanes of tracklets that pages show, and stretches in each."""


class NotFoundError(DataError):
    """There is no such project, target, key frame or video."""


class ConflictError(DataError):
    """What a person wants to change has been changed by another one since it was shown."""


@dataclass(frozen=True)
class KeyFrame:
    """A box that a person is sure of.

    Attributes:
        box_xywh: left, top, width, height in pixels of the frame.
        how: drawn at first, corrected where a tracker had been, or imported.
        covers: (7,) what the tracker had said of the frame, which comes back when the box is taken back.
    """

    box_xywh: tuple[float, ...]
    how: How = "drawn"
    covers: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Segment:
    """Frames between two boxes that a person is sure of, or beyond the last or before the first one.

    Attributes:
        first: the first frame.
        last: the last frame.
        start_xywh: the box in the first frame; None before the first key frame, where tracking goes backwards.
        end_xywh: the box in the last frame; None beyond the last key frame.
        config: of the tracker.
    """

    first: int
    last: int
    start_xywh: tuple[float, ...] | None
    end_xywh: tuple[float, ...] | None
    config: str

    @property
    def steps(self) -> int:
        """How often a tracker sees a frame of it: between two key frames each is seen on the way there and back."""
        return (2 * (self.last - self.first - 1)) if self.start_xywh and self.end_xywh else self.last - self.first


@dataclass
class Target:
    """One object.

    Attributes:
        number: from 1; stays when others are deleted.
        name: that a person gave it.
        key_frames: by frame.
        rows: (frames, 7) float32: x, y, w, h, score, presence (0 or 1), score of the strongest look-alike; NaN where
            nothing is known.
        done: segments whose rows are in the table.
        tracklets: (frames, SEEN) who was in sight on the way forward, where the tracker keeps tracklets.
    """

    number: int
    name: str
    rows: NDArray[np.float32]
    key_frames: dict[int, KeyFrame] = field(default_factory=dict)
    done: list[Segment] = field(default_factory=list)
    tracklets: NDArray[np.void] = field(default_factory=lambda: np.full((0, SEEN), NOBODY))

    def __post_init__(self) -> None:
        self.resize(max([len(self.rows), *(frame + 1 for frame in self.key_frames)]))

    def resize(self, count: int) -> None:
        """To so many frames: nothing is known of new ones."""
        lacking, unseen = max(count - len(self.rows), 0), max(count - len(self.tracklets), 0)
        self.rows = np.concatenate([self.rows[:count], np.full((lacking, 7), math.nan, np.float32)])
        self.tracklets = np.concatenate([self.tracklets[:count], np.full((unseen, SEEN), NOBODY)])
        self.key_frames = {frame: key for frame, key in self.key_frames.items() if frame < count}

    def segments(self, config: str, backwards: bool = False) -> list[Segment]:
        """All that a tracker can fill between and behind the key frames; with `backwards` also before the first."""
        keys, last = sorted(self.key_frames), len(self.rows) - 1
        boxes = {frame: key.box_xywh for frame, key in self.key_frames.items()}
        found = []
        if backwards and keys and keys[0] > 0:
            found.append(Segment(0, keys[0], None, boxes[keys[0]], config))
        found += (Segment(*ends, boxes[ends[0]], boxes[ends[1]], config) for ends in itertools.pairwise(keys))
        if keys and keys[-1] < last:
            found.append(Segment(keys[-1], last, boxes[keys[-1]], None, config))
        return found

    def finish(self, segment: Segment) -> None:
        """Notes that the rows of a segment are in the table; those of others that it overlaps no longer are."""
        self.done = [one for one in self.done if one.last <= segment.first or one.first >= segment.last] + [segment]

    def weak_stretches(self, threshold: float) -> list[dict[str, Any]]:
        """Where to look first: runs of tracked frames whose score is below a threshold, the weakest first."""
        weak = self.rows[:, 4] < threshold
        edges = np.flatnonzero(np.diff(np.concatenate([[False], weak, [False]]).astype(int)))
        runs = [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= SHORTEST_WEAK]
        found = [
            {"first": a, "last": b, "score": round(float(self.rows[a : b + 1, 4].mean()), 3), "target": self.number}
            for a, b in runs
        ]
        return sorted(found, key=lambda one: one["score"])

    def lanes(self) -> list[dict[str, Any]]:
        """The target's tracklets and those of look-alikes, as stretches of frames in which each was seen.

        Of every stretch: first and last frame, mean score, and whether it was the target there. Short gaps in
        long videos are closed.
        """
        ids = self.tracklets["id"]
        frames, places = np.nonzero(ids >= 0)
        scores = self.tracklets["score"][frames, places].astype(np.float64)
        seen = Sightings(frames, ids[frames, places], scores, np.zeros(len(frames), bool))
        found = []
        for lane in lanes_of(seen, ids[:, 0], MOST_LANES):
            chosen = ids[lane.frames, 0] == (-2 if lane.tracklet_id is None else lane.tracklet_id)
            apart = np.diff(lane.frames) > 1 + len(ids) // MOST_STRETCHES
            stretches = []
            for part in np.split(np.arange(len(lane.frames)), np.flatnonzero(apart | (np.diff(chosen) != 0)) + 1):
                first, last = (int(lane.frames[part[end]]) for end in (0, -1))
                mean = round(float(np.nan_to_num(lane.scores[part]).mean()), 3)
                stretches.append({"first": first, "last": last, "score": mean, "target": bool(chosen[part[0]])})
            found.append({"tracklets": lane.count, "stretches": stretches})
        return found


def tracklets_seen(tracker: Tracker, first: int) -> NDArray[np.void]:
    """(SEEN,) who is in sight after a step of a tracker; the first place is the target's.

    Args:
        tracker: with tracklets, or without.
        first: frame of its segment, which tells its tracklets from those of others.
    """
    seen = np.full(SEEN, NOBODY)
    decisions = getattr(tracker, "decisions", None)
    if not decisions:
        return seen
    sight = Snapshot.of(0, decisions[0])
    others = np.flatnonzero(sight.ids != sight.target_id)
    others = others[np.argsort(-np.nan_to_num(sight.scores[others]), kind="stable")]
    for places, rows in ((slice(0, 1), np.flatnonzero(sight.ids == sight.target_id)), (slice(1, None), others)):
        rows = rows[: len(seen[places])]
        seen[places][: len(rows)]["id"] = sight.ids[rows] + first * 1_000_000
        seen[places][: len(rows)]["score"] = sight.scores[rows]
    return seen


def read_key_frame(item: Mapping[str, Any]) -> KeyFrame:
    """A key frame of a project file.

    Raises:
        ValueError: it was made in an unknown way.
    """
    covers = item["covers"]
    covered = None if covers is None else tuple(math.nan if value is None else value for value in covers)
    how = next((one for one in get_args(How) if one == item["how"]), None)
    if how is None:
        raise ValueError(f"how={item['how']!r}")
    return KeyFrame(tuple(item["box_xywh"]), how, covered)

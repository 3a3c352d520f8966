"""Lanes of tracklets: the few that matter, each over a bounded number of columns, however long the sequence is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.timeline import Floats, Integers, Sightings


@dataclass(frozen=True)
class Lane:
    """One tracklet, or all those that got no lane of their own.

    Attributes:
        tracklet_id: its number; None for the rest together.
        frames: (k,) frames in which it was seen.
        scores: (k,) of what it was seen as.
        true: (k,) whether it covers the true target.
        count: tracklets in this lane.
    """

    tracklet_id: int | None
    frames: NDArray[np.int64]
    scores: Floats
    true: NDArray[np.bool_]
    count: int = 1


def lanes_of(seen: Sightings, target_ids: Integers, most: int = 12) -> list[Lane]:
    """Lanes of the tracklets that were the target, were on it, or were seen for longest; then one of the rest.

    They stand in the order in which they appeared.

    Args:
        seen: who was seen when.
        target_ids: (frames,) the tracklet that was thought to be the target.
        most: lanes, without that of the rest.
    """
    if not len(seen.ids):
        return []
    numbers, first, which = np.unique(seen.ids, return_index=True, return_inverse=True)
    as_target = np.array([(target_ids == number).sum() for number in numbers])
    on_target = np.bincount(which, seen.true, len(numbers))
    order = np.lexsort((-np.bincount(which), -on_target, -as_target, as_target + on_target == 0))
    # A lane of the rest is worth it for two tracklets or more.
    own = order if len(order) <= most + 1 else order[:most]
    lanes = []
    for row in sorted(own, key=lambda row: int(first[row])):
        rows = which == row
        lanes.append(Lane(int(numbers[row]), seen.frames[rows], seen.scores[rows], seen.true[rows]))
    if len(own) < len(order):
        rows = ~np.isin(which, own)
        rest = len(order) - len(own)
        lanes.append(Lane(None, seen.frames[rows], seen.scores[rows], seen.true[rows], rest))
    return lanes


class Columns:
    """The columns of a picture: one per frame up to a limit, then several frames each."""

    def __init__(self, frames: int, most: int = 1000) -> None:
        self.frames = frames
        self.count = max(1, min(frames, most))
        column_of_frame = np.arange(frames) * self.count // max(frames, 1)
        self._starts = np.searchsorted(column_of_frame, np.arange(self.count))

    def highest(self, values: NDArray[np.floating]) -> Floats:
        """(columns,) maximum of (frames,) values; NaN counts only where there is nothing else."""
        return np.asarray(np.fmax.reduceat(values, self._starts), np.float64)

    def lowest(self, values: NDArray[np.floating]) -> Floats:
        """(columns,) minimum, likewise."""
        return np.asarray(np.fmin.reduceat(values, self._starts), np.float64)

    def any(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(columns,) whether it is so in one of a column's frames: what lasts one frame shows, too."""
        return np.asarray(np.logical_or.reduceat(mask, self._starts))

    @property
    def centres(self) -> Floats:
        """(columns,) frame number in the middle of each."""
        return (np.arange(self.count) + 0.5) * self.frames / self.count - 0.5

"""Expected average overlap: the mean overlap that a run of a given length can be expected to have.

The curve says for each length how large the mean overlap since the start is, over all fragments of runs that are known
up to that length; the value is the curve's mean over a window of lengths (Kristan et al., VOT2015).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.evaluation.measures.trajectory import Trajectory

if TYPE_CHECKING:
    from dmtrack.evaluation.protocols.restarts import VotProtocol

Fragments = Literal["through-restart", "until-failure"]
"""How a run is cut at its failures for the expected average overlap.

`through-restart`: a fragment ends with the frame in which the tracker is started again, and the next begins there; the
failure and the skipped frames count as overlap 0. `until-failure`: a fragment begins at a start and ends before the
failure. Either way a fragment that ends in a failure goes on with overlap 0, and another one stops."""


@dataclass(frozen=True)
class Fragment:
    """A piece of a run.

    Attributes:
        overlaps: (frames,) from the frame of the start on, whose own overlap is not looked at.
        failed: whether it ends in a failure, so that its overlap is 0 ever after.
        weight: how much it counts.
    """

    overlaps: NDArray[np.float64]
    failed: bool
    weight: float


def cut_into_fragments(
    protocol: VotProtocol, trajectory: Trajectory, overlaps: NDArray[np.float64], weight: float
) -> list[Fragment]:
    """Cuts one run at its failures.

    Args:
        protocol: says how, see `Fragments`.
        trajectory: of the run.
        overlaps: (frames,) of the run; NaN counts as 0.
        weight: of each fragment of this run.
    """
    overlaps = np.nan_to_num(overlaps)
    if protocol.fragments == "until-failure":
        return _until_failure(trajectory, overlaps, weight)
    return _through_restart(protocol.skip, trajectory, overlaps, weight)


def _through_restart(skip: int, trajectory: Trajectory, overlaps: NDArray[np.float64], weight: float) -> list[Fragment]:
    frames = len(overlaps)
    starts = [0, *(int(failure) + skip for failure in trajectory.failures if failure + skip <= frames)]
    fragments = []
    for start, end in pairwise(starts):
        piece = overlaps[start : end + 1]
        # The frame of the next start may lie one beyond the sequence; it is missing then, and weighs nothing.
        fragments.append(Fragment(piece, True, weight * len(piece) / (end + 1 - start)))
    return [*fragments, Fragment(overlaps[starts[-1] :], False, weight)]


def _until_failure(trajectory: Trajectory, overlaps: NDArray[np.float64], weight: float) -> list[Fragment]:
    starts, failures = trajectory.initializations, trajectory.failures
    if not len(failures):
        return [Fragment(overlaps, False, weight)]
    ended = [Fragment(overlaps[start:failure], True, weight) for start, failure in zip(starts, failures, strict=False)]
    if len(starts) > len(failures):
        ended.append(Fragment(overlaps[starts[-1] :], False, weight))
    return ended


def expected_overlaps(fragments: Iterable[Fragment], frames: int) -> NDArray[np.float64]:
    """The weighted mean over fragments of their mean overlap since the start.

    Args:
        fragments: of all runs.
        frames: frames after the start up to which the curve goes.

    Returns:
        (frames,) by length: of 1, 2, ... frames after the start; NaN where no fragment is known so far.
    """
    frames = max(frames, 0)
    total, weight = np.zeros(frames), np.zeros(frames)
    for fragment in fragments:
        sums = np.cumsum(fragment.overlaps[1 : frames + 1])
        known = len(sums)
        total[:known] += fragment.weight * sums
        weight[:known] += fragment.weight
        if fragment.failed:
            total[known:] += fragment.weight * (sums[-1] if known else 0.0)
            weight[known:] += fragment.weight
    lengths = np.arange(1, frames + 1)
    return np.divide(total, weight * lengths, out=np.full(frames, np.nan), where=weight > 0)

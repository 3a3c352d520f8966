"""Trajectories of the VOT toolkits: one region per frame, or a code where the tracker was (re)started or has failed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.regions import (
    FAILED,
    INITIALIZED,
    NO_CODE,
    SKIPPED,
    Regions,
    as_regions,
    number_of_values,
)
from dmtrack.files import write_text

REGION_DECIMALS = 4
"""Of coordinates in files, as the got10k and VOT toolkits write them."""


@dataclass(frozen=True)
class Trajectory:
    """What one run of a tracker gave on one sequence.

    Attributes:
        regions: (frames, columns) rectangles, polygons or codes, padded with NaN, see `regions.py`. A row that is
            nothing of that (NaN coordinates) stands for a result that overlaps with nothing.

    Raises:
        EvaluationError: a code other than 0 (skipped), 1 (initialised) and 2 (failed).
    """

    regions: Regions

    def __post_init__(self) -> None:
        regions = as_regions(self.regions)
        object.__setattr__(self, "regions", regions)
        special = number_of_values(regions) == 1
        unknown = np.flatnonzero(special & ~np.isin(regions[:, 0], (SKIPPED, INITIALIZED, FAILED)))
        if len(unknown):
            raise EvaluationError(
                f"frame {unknown[0]} of a VOT trajectory has the code {regions[unknown[0], 0]:g}; known are 0 "
                "(skipped), 1 (initialised) and 2 (failed)"
            )

    def __len__(self) -> int:
        return len(self.regions)

    @property
    def codes(self) -> NDArray[np.int64]:
        """(frames,) 0 skipped, 1 initialised, 2 failed, -1 where there is a region."""
        special = number_of_values(self.regions) == 1
        return np.where(special, np.nan_to_num(self.regions[:, 0], posinf=0, neginf=0), NO_CODE).astype(np.int64)

    @property
    def failures(self) -> NDArray[np.int64]:
        """The frames in which the tracker lost the target."""
        return np.flatnonzero(self.codes == FAILED)

    @property
    def initializations(self) -> NDArray[np.int64]:
        """The frames in which it was started."""
        return np.flatnonzero(self.codes == INITIALIZED)

    def after_burn_in(self, frames: int) -> NDArray[np.bool_]:
        """(frames,) True where the tracker gave a region, `frames` or more frames after its last start."""
        codes = self.codes
        valid = codes == NO_CODE
        for start in np.flatnonzero(codes == INITIALIZED):
            valid[start : start + frames] = False
        return valid

    @staticmethod
    def without_restarts(regions: ArrayLike) -> Trajectory:
        """The trajectory of a run in one go: the first row, where the tracker was given the target, becomes a code."""
        rows = as_regions(regions).copy()
        rows[:1] = np.nan
        rows[:1, 0] = INITIALIZED
        return Trajectory(rows)


def write_trajectory(path: str | Path, trajectory: Trajectory) -> None:
    """Writes the text that `read_trajectory` and the VOT toolkits read, with `REGION_DECIMALS`.

    Raises:
        EvaluationError: a row is neither region nor code, which the format cannot say.
        OutputError: the file cannot be written.
    """
    lines = []
    for frame, (row, count) in enumerate(zip(trajectory.regions, number_of_values(trajectory.regions), strict=True)):
        if count == 0:
            raise EvaluationError(
                f"frame {frame} has no finite region, which a VOT file cannot say: not written {path}"
            )
        lines.append(
            f"{int(row[0])}" if count == 1 else ",".join(f"{value:.{REGION_DECIMALS}f}" for value in row[:count])
        )
    write_text(path, "".join(f"{line}\n" for line in lines))

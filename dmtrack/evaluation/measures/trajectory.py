"""Trajectories of the VOT toolkits: one region per frame, or a code where the tracker was (re)started or has failed.

Rows of 4 numbers are rectangles, of 6 and more polygons, of one number a special code. Rows of several kinds stand in
one array, padded with NaN at the right. Coordinates count pixels from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.errors import EvaluationError
from dmtrack.files import write_text

Regions = NDArray[np.float64]
"""(frames, columns): left, top, width, height; or x1, y1, x2, y2, ...; or a code; the rest of each row is NaN."""

SKIPPED, INITIALIZED, FAILED = 0, 1, 2
"""Codes of a trajectory: the tracker does not run in this frame, was initialised in it, has lost the target in it."""

NO_CODE = -1
"""What `Trajectory.codes` says of frames with a region."""


def as_regions(values: ArrayLike) -> Regions:
    """Any nesting of numbers as (frames, columns) float64; a single row becomes one frame.

    Raises:
        EvaluationError: not a table of numbers.
    """
    try:
        regions = np.atleast_2d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise EvaluationError(
            "regions must be a table of numbers, one row per frame: 4 for a rectangle, 6, 8, ... for a polygon, 1 for "
            "a code, padded with NaN"
        ) from error
    if regions.ndim != 2:
        raise EvaluationError(f"regions must have the shape (frames, columns), not {regions.shape}")
    return regions


def number_of_values(regions: Regions) -> NDArray[np.int64]:
    """(frames,) how many numbers each row has: 1 for a code, 4 for a rectangle, 6, 8, ... for a polygon.

    0 where the row is nothing of that: empty, with a NaN or an infinity between its numbers, or of another length.
    """
    finite = np.isfinite(regions)
    count = finite.sum(axis=1)
    leading = np.arange(regions.shape[1]) < count[:, None]
    known = (count == 1) | ((count >= 4) & (count % 2 == 0))
    # Only NaN pads: an infinity is a number that the row has, if one that no region can have.
    padded = np.isnan(regions) | finite
    return np.where(known & (finite == leading).all(axis=1) & padded.all(axis=1), count, 0)


def is_region(regions: Regions) -> NDArray[np.bool_]:
    """(frames,) True where the row is a rectangle or a polygon."""
    return np.asarray(number_of_values(regions) >= 4)


def to_polygons(regions: Regions) -> NDArray[np.float64]:
    """(frames, corners, 2) corners of rectangles and polygons, which must all be regions.

    Rows with fewer corners than others repeat their last one, which changes neither area nor outline.
    """
    count = number_of_values(regions)
    corners = max(int(count.max(initial=4)) // 2, 4)
    polygons = np.empty((len(regions), corners, 2))
    rectangles = count == 4
    left, top, width, height = regions[rectangles, :4].T
    right, bottom = left + width, top + height
    across, down = (left, right, right, left), (top, top, bottom, bottom)
    for corner in range(corners):
        polygons[rectangles, corner, 0] = across[min(corner, 3)]
        polygons[rectangles, corner, 1] = down[min(corner, 3)]
    rows = np.flatnonzero(~rectangles)
    for corner in range(corners):
        column = 2 * np.minimum(corner, count[rows] // 2 - 1)
        polygons[rows, corner, 0] = regions[rows, column]
        polygons[rows, corner, 1] = regions[rows, column + 1]
    return polygons


REGION_DECIMALS = 4
"""Of coordinates in files, as the got10k and VOT toolkits write them."""


@dataclass(frozen=True)
class Trajectory:
    """What one run of a tracker gave on one sequence.

    Attributes:
        regions: (frames, columns) rectangles, polygons or codes, padded with NaN. A row that is
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

"""One-to-one assignment of tracklets and detections with a price for staying alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

_IMPOSSIBLE = 1e6


class Assignment(NamedTuple):
    """Who belongs to whom.

    Attributes:
        matches: (k, 2) int64 rows and columns, ascending by row.
        rows: (r,) int64 rows that stay alone.
        columns: (c,) int64 columns that stay alone.
    """

    matches: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def assign(costs: NDArray[np.float64], limit: float) -> Assignment:
    """The cheapest assignment where every row and column that stays alone costs half the limit.

    That is what `lap.lapjv(extend_cost=True, cost_limit=limit)` solves in the MOT trackers. It is not the cheapest full
    assignment cut at the limit: a pair above the limit never forces another one apart.

    Args:
        costs: (rows, columns), inf where a pair is impossible.
        limit: no pair costs more.
    """
    rows, columns = costs.shape
    extended = np.full((rows + columns, rows + columns), limit / 2)
    extended[rows:, columns:] = 0.0
    extended[:rows, :columns] = np.where(np.isfinite(costs), costs, _IMPOSSIBLE)
    chosen_rows, chosen_columns = linear_sum_assignment(extended)
    real = (chosen_rows < rows) & (chosen_columns < columns)
    matches = np.column_stack([chosen_rows[real], chosen_columns[real]]).astype(np.int64)
    return Assignment(
        matches,
        np.setdiff1d(np.arange(rows), matches[:, 0]),
        np.setdiff1d(np.arange(columns), matches[:, 1]),
    )

"""One-to-one assignment of tracklets and detections with a price for staying alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


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
    if not costs.size:
        return Assignment(np.zeros((0, 2), np.int64), np.arange(costs.shape[0]), np.arange(costs.shape[1]))
    # Leaving a row and a column alone costs the limit, whatever they are: the same as a pair that costs the limit.
    capped = np.minimum(costs, limit)
    rows, columns = linear_sum_assignment(capped)
    real = capped[rows, columns] < limit
    rows, columns = rows[real], columns[real]
    matches = np.empty((len(rows), 2), np.int64)
    matches[:, 0], matches[:, 1] = rows, columns
    return Assignment(matches, _others(costs.shape[0], rows), _others(costs.shape[1], columns))


def _others(count: int, taken: NDArray[np.int64]) -> NDArray[np.int64]:
    free = np.ones(count, bool)
    free[taken] = False
    return free.nonzero()[0]

"""Which tracklet and which detection are one object: costs of pairs (inf: cannot be), and the cheapest assignment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dmtrack.association.kalman import CHI_SQUARE_95, BoxStates, gating_distances, xywh_to_xyah
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy

Array = NDArray[np.float64]


def iou_costs(tracklets_xywh: Array, detections_xywh: Array, inclusive: bool = False) -> Array:
    """1 - IoU of (n, 4) and (m, 4) boxes: (n, m).

    Args:
        tracklets_xywh: predicted boxes.
        detections_xywh: detected boxes.
        inclusive: count pixels from the first to the last (+1 in every size), as the MOT trackers do.
    """
    if not len(tracklets_xywh) or not len(detections_xywh):
        return np.ones((len(tracklets_xywh), len(detections_xywh)))
    first, second = (xywh_to_xyxy(boxes).reshape(-1, 4) for boxes in (tracklets_xywh, detections_xywh))
    if inclusive:
        first[:, 2:] += 1.0
        second[:, 2:] += 1.0
    # Few of many boxes meet, and only of those is there something to compute.
    meets = (first[:, 0, None] < second[:, 2]) & (second[:, 0] < first[:, 2, None])
    places = meets.ravel().nonzero()[0]
    rows, columns = np.divmod(places, len(second))
    costs = np.ones(meets.shape)
    iou = paired_iou_xyxy(first.take(rows, axis=0), second.take(columns, axis=0))
    costs.ravel()[places] = 1.0 - np.fmax(iou, 0.0)
    return costs


def appearance_costs(tracklets: NDArray[np.floating], detections: NDArray[np.floating]) -> Array:
    """Cosine distances in [0, 2] of unit vectors.

    Args:
        tracklets: (n, channels), or (views, n, channels) of galleries, of which the nearest view counts.
        detections: (m, channels).
    """
    similarity = tracklets.reshape(-1, tracklets.shape[-1]) @ detections.T
    if tracklets.ndim == 3:
        similarity = similarity.reshape(*tracklets.shape[:2], len(detections)).max(axis=0)
    return np.maximum(0.0, 1.0 - similarity.astype(np.float64))


def motion_costs(tracklets_xywh: Array, detections_xywh: Array, reach: Array) -> Array:
    """Nats by which a normal distribution of positions and sizes is below its peak.

    Args:
        tracklets_xywh: (n, 4) where motion leads.
        detections_xywh: (m, 4).
        reach: (n,) one standard deviation of the position, in sizes of the tracklet's box (square root of its area),
            and of the logarithm of width and height.

    Returns:
        (n, m).
    """
    (first, size), (second, _) = _places(tracklets_xywh), _places(detections_xywh)
    # Centres and logarithms of sizes side by side: (4, n, m) in one go.
    apart = second[:, None, :] - first[:, :, None]
    apart *= apart
    squares: Array = apart[0] + apart[1]
    squares /= (size[0] * size[1])[:, None]
    squares += apart[2]
    squares += apart[3]
    squares /= (2 * np.maximum(reach, 1e-6) ** 2)[:, None]
    return squares


def _places(boxes_xywh: Array) -> tuple[Array, Array]:
    """Of (n, 4) boxes: (4, n) centre and logarithms of width and height, and (2, n) width and height."""
    columns = boxes_xywh.T
    size = np.maximum(columns[2:], 1e-3)
    places = np.empty((4, len(boxes_xywh)))
    places[:2] = columns[:2] + size / 2
    np.log(size, out=places[2:])
    return places, size


def motion_gated_costs(
    costs: Array, states: BoxStates, detections_xywh: Array, weight: float = 0.02, limit: float = CHI_SQUARE_95[4]
) -> Array:
    """Costs mixed with the distance from where motion leads, infinite beyond the gate (FairMOT, fuse_motion).

    Args:
        costs: (n, m).
        states: n, predicted to the frame of the detections.
        detections_xywh: (m, 4).
        weight: share of the motion distance; the rest is the given cost.
        limit: of the squared Mahalanobis distance.
    """
    distances = gating_distances(states, xywh_to_xyah(detections_xywh))
    return np.where(distances > limit, np.inf, (1 - weight) * costs + weight * distances)


FEW_PAIRS = 1024
"""So many pairs are searched as they are: looking for those without a rival would take longer."""


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
    if costs.size <= FEW_PAIRS:
        rows, columns = _cheapest(costs, limit)
    else:
        # Pairs of which neither has another candidate need no search; in most frames these are nearly all.
        rows, columns = np.divmod((costs < limit).ravel().nonzero()[0], costs.shape[1])
        contested = (np.bincount(rows)[rows] > 1) | (np.bincount(columns)[columns] > 1)
        if contested.any():
            rivals, prizes = np.unique(rows[contested]), np.unique(columns[contested])
            found = _cheapest(costs[rivals[:, None], prizes], limit)
            rows = np.concatenate([rows[~contested], rivals[found[0]]])
            columns = np.concatenate([columns[~contested], prizes[found[1]]])
            order = rows.argsort()
            rows, columns = rows[order], columns[order]
    matches = np.empty((len(rows), 2), np.int64)
    matches[:, 0], matches[:, 1] = rows, columns
    alone = []
    for count, taken in zip(costs.shape, (rows, columns), strict=True):
        free = np.ones(count, bool)
        free[taken] = False
        alone.append(free.nonzero()[0])
    return Assignment(matches, *alone)


def _cheapest(costs: Array, limit: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pairs that cost less than the limit in the cheapest assignment."""
    # Leaving a row and a column alone costs the limit, whatever they are: the same as a pair that costs the limit.
    capped = np.minimum(costs, limit)
    rows, columns = linear_sum_assignment(capped)
    real = capped[rows, columns] < limit
    return rows[real], columns[real]

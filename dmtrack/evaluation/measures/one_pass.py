"""Per-frame measures and the curves made of them.

All functions are vectorised over frames. A frame is "hit" at a threshold; a curve is the share of frames that are hit.
Boxes are xywh in continuous pixels. IoU and centre distance are the same numbers for inclusive corners
(right = left + width - 1), which both boxes share, so no function here asks for the convention.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.errors import EvaluationError

Array = NDArray[np.float64]


def overlaps(results_xywh: ArrayLike, truth_xywh: ArrayLike) -> Array:
    """IoU of result i with truth i.

    Args:
        results_xywh: (frames, 4).
        truth_xywh: (frames, 4).

    Returns:
        (frames,) in [0, 1]; NaN where either box holds a NaN. Boxes of negative size overlap nothing.
    """
    left, top, width, height = _columns(results_xywh)
    true_left, true_top, true_width, true_height = _columns(truth_xywh)
    with np.errstate(over="ignore", invalid="ignore"):
        shared_width = np.minimum(left + width, true_left + true_width) - np.maximum(left, true_left)
        shared_height = np.minimum(top + height, true_top + true_height) - np.maximum(top, true_top)
        shared = np.maximum(shared_width, 0.0) * np.maximum(shared_height, 0.0)
        area = np.maximum(width, 0.0) * np.maximum(height, 0.0)
        true_area = np.maximum(true_width, 0.0) * np.maximum(true_height, 0.0)
        union = area + true_area - shared
        iou = np.clip(np.divide(shared, union, out=np.zeros_like(union), where=union > 0), 0.0, 1.0)
        # A sum with a NaN is NaN, and NaN times zero likewise.
        unknown = np.isnan(left + top + width + height + true_left + true_top + true_width + true_height)
    return np.where(unknown, np.nan, iou)


def center_distances(results_xywh: ArrayLike, truth_xywh: ArrayLike, negative_as_zero: bool = True) -> Array:
    """Pixels between the centres of result i and truth i, (frames,); NaN where either box holds a NaN.

    Args:
        results_xywh: (frames, 4).
        truth_xywh: (frames, 4).
        negative_as_zero: a side of negative length counts as one of length 0.
    """
    across, down = _center_offsets(results_xywh, truth_xywh, negative_as_zero)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(across * across + down * down))


def normalized_center_distances(
    results_xywh: ArrayLike, truth_xywh: ArrayLike, negative_as_zero: bool = True, smallest_side: float = 0.0
) -> Array:
    """Centre distance in units of the true box's width and height (TrackingNet, section 4; LaSOT, section 4.1).

    Args:
        results_xywh: (frames, 4).
        truth_xywh: (frames, 4).
        negative_as_zero: a side of negative length counts as one of length 0.
        smallest_side: shorter true sides count as that long.

    Returns:
        (frames,), NaN where either box holds a NaN or the true box has no area, unless `smallest_side` gives it one.
    """
    across, down = _center_offsets(results_xywh, truth_xywh, negative_as_zero)
    _, _, width, height = _columns(truth_xywh)
    width, height = np.maximum(width, smallest_side), np.maximum(height, smallest_side)
    valid = (width > 0) & (height > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        across = np.divide(across, width, out=np.full_like(across, np.nan), where=valid)
        down = np.divide(down, height, out=np.full_like(down, np.nan), where=valid)
        return np.asarray(np.sqrt(across * across + down * down))


def success_curve(iou: ArrayLike, thresholds: ArrayLike, strict: bool = True) -> Array:
    """Share of frames whose IoU lies above each threshold, (thresholds,) in [0, 1]; all NaN when there is no frame.

    Args:
        iou: (frames,); NaN is a miss at every threshold.
        thresholds: (thresholds,).
        strict: IoU > t, or IoU >= t where False.
    """
    values = np.sort(np.where(np.isnan(iou), -np.inf, np.asarray(iou, dtype=np.float64)))
    if not values.size:
        return np.full(np.shape(thresholds), np.nan)
    missed = np.searchsorted(values, np.asarray(thresholds), side="right" if strict else "left")
    return np.asarray((values.size - missed) / values.size)


def precision_curve(distances: ArrayLike, thresholds: ArrayLike) -> Array:
    """Share of frames whose centre distance is at most each threshold.

    Args:
        distances: (frames,); NaN is a miss at every threshold, a negative distance a hit at every one.
        thresholds: (thresholds,).

    Returns:
        (thresholds,) in [0, 1]; all NaN when there is no frame.
    """
    nearness = -np.asarray(distances, dtype=np.float64)
    return success_curve(nearness, -np.asarray(thresholds, dtype=np.float64), strict=False)


def average_overlap(iou: ArrayLike) -> float:
    """Mean IoU of (frames,), NaN counting as 0; NaN when there is no frame."""
    values = np.asarray(iou, dtype=np.float64)
    return float(np.nansum(values) / values.size) if values.size else float("nan")


def longest_run(iou: ArrayLike, share: float, above: float = 0.5) -> float:
    """Longest run of consecutive frames of which at least `share` are successful, over all frames (TLP's LSM).

    Args:
        iou: (frames,); NaN is no success.
        share: in (0, 1], of the frames of the run.
        above: a frame is successful with IoU > `above`.

    Returns:
        In [0, 1]; NaN when there is no frame.
    """
    values = np.asarray(iou, dtype=np.float64)
    if not values.size:
        return float("nan")
    # A run from i to j qualifies where the balance at j is not below that at i; the tolerance undoes summing errors.
    balance = np.concatenate([[0.0], np.cumsum((values > above) - share)])
    best_from = np.maximum.accumulate(balance[::-1])[::-1]
    ends = values.size - np.searchsorted(best_from[::-1], balance - 1e-9, side="left")
    return float(max(0, (ends - np.arange(values.size + 1)).max()) / values.size)


def mean_of_counted(curves: ArrayLike, skip_zero: bool = False, frames: ArrayLike | None = None) -> Array:
    """Mean over rows, leaving out the rows of sequences without a counted frame (NaN).

    Args:
        curves: (sequences, thresholds).
        skip_zero: leaves out rows that are zero everywhere, too. If all rows are, so is the mean.
        frames: (sequences,) counted frames by which rows are weighted: the curve of all frames together.

    Returns:
        (thresholds,); all NaN when no row counts.
    """
    rows = np.asarray(curves, dtype=np.float64)
    known = ~np.isnan(rows).any(axis=-1)
    counted = rows[known]
    if frames is not None and len(counted):
        weights = np.asarray(frames, dtype=np.float64)[known]
        return np.asarray(weights @ counted / weights.sum())
    if skip_zero and counted.any():
        counted = counted[counted.any(axis=-1)]
    return np.asarray(counted.mean(axis=0)) if len(counted) else np.full(rows.shape[-1], np.nan)


def trapezoid(curve: ArrayLike) -> float:
    """Area under a curve of evenly spaced values by the trapezoid rule, the thresholds scaled to [0, 1]."""
    values = np.asarray(curve, dtype=np.float64)
    return float(((values[1:] + values[:-1]) / 2).mean()) if values.size > 1 else float(values.mean())


def threshold_index(thresholds: tuple[float, ...], value: float) -> int:
    """The position of a threshold in its grid.

    Raises:
        EvaluationError: the grid has no such threshold.
    """
    matches = np.flatnonzero(np.isclose(thresholds, value))
    if not len(matches):
        raise EvaluationError(
            f"a score is read at {value:g}, which is none of the protocol's {len(thresholds)} thresholds"
        )
    return int(matches[0])


def _columns(boxes_xywh: ArrayLike) -> Array:
    return np.moveaxis(np.asarray(boxes_xywh, dtype=np.float64), -1, 0)


def _center_offsets(results_xywh: ArrayLike, truth_xywh: ArrayLike, negative_as_zero: bool) -> tuple[Array, Array]:
    results, truth = _columns(results_xywh), _columns(truth_xywh)
    sides, true_sides = results[2:], truth[2:]
    if negative_as_zero:
        sides, true_sides = np.maximum(sides, 0.0), np.maximum(true_sides, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        offsets = (results[:2] + sides / 2) - (truth[:2] + true_sides / 2)
    return offsets[0], offsets[1]

"""Per-frame measures and the curves made of them.

All functions are vectorised over frames. A frame is "hit" at a threshold; a curve is the share of frames that are hit.
Boxes are xywh in continuous pixels. IoU and centre distance are the same numbers for inclusive corners
(right = left + width - 1), which both boxes share, so no function here asks for the convention.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy

Array = NDArray[np.float64]


def overlaps(results_xywh: ArrayLike, truth_xywh: ArrayLike) -> Array:
    """IoU of result i with truth i.

    Args:
        results_xywh: (frames, 4).
        truth_xywh: (frames, 4).

    Returns:
        (frames,) in [0, 1]; NaN where either box holds a NaN. Boxes of negative size overlap nothing.
    """
    iou = paired_iou_xyxy(xywh_to_xyxy(results_xywh), xywh_to_xyxy(truth_xywh))
    return np.clip(iou, 0.0, 1.0)


def center_distances(results_xywh: ArrayLike, truth_xywh: ArrayLike) -> Array:
    """Pixels between the centres of result i and truth i: (frames,), NaN where either box holds a NaN."""
    return np.linalg.norm(_centers(results_xywh) - _centers(truth_xywh), axis=-1)


def normalized_center_distances(results_xywh: ArrayLike, truth_xywh: ArrayLike) -> Array:
    """Centre distance in units of the true box's width and height (TrackingNet, section 4; LaSOT, section 4.1).

    Returns:
        (frames,), NaN where either box holds a NaN or the true box has no area.
    """
    sizes = np.asarray(truth_xywh, dtype=np.float64)[..., 2:]
    offsets = _centers(results_xywh) - _centers(truth_xywh)
    valid = (sizes > 0).all(axis=-1, keepdims=True)
    scaled = np.divide(offsets, sizes, out=np.full_like(offsets, np.nan), where=np.broadcast_to(valid, sizes.shape))
    return np.linalg.norm(scaled, axis=-1)


def success_curve(iou: ArrayLike, thresholds: ArrayLike, strict: bool = True) -> Array:
    """Share of frames whose IoU lies above each threshold.

    Args:
        iou: (frames,); NaN is a miss at every threshold.
        thresholds: (thresholds,).
        strict: IoU > t, or IoU >= t where False.

    Returns:
        (thresholds,) in [0, 1]; all NaN when there is no frame.
    """
    values = np.sort(np.where(np.isnan(iou), -1.0, np.asarray(iou, dtype=np.float64)))
    missed = np.searchsorted(values, np.asarray(thresholds), side="right" if strict else "left")
    return _share(values.size - missed, values.size)


def precision_curve(distances: ArrayLike, thresholds: ArrayLike) -> Array:
    """Share of frames whose centre distance is at most each threshold.

    Args:
        distances: (frames,); NaN is a miss at every threshold.
        thresholds: (thresholds,).

    Returns:
        (thresholds,) in [0, 1]; all NaN when there is no frame.
    """
    values = np.sort(np.where(np.isnan(distances), np.inf, np.asarray(distances, dtype=np.float64)))
    return _share(np.searchsorted(values, np.asarray(thresholds), side="right"), values.size)


def mean_of_counted(curves: ArrayLike) -> Array:
    """Mean over rows, leaving out the rows of sequences without a counted frame (NaN).

    Args:
        curves: (sequences, thresholds).

    Returns:
        (thresholds,); all NaN when no row counts.
    """
    rows = np.asarray(curves, dtype=np.float64)
    counted = rows[~np.isnan(rows).any(axis=-1)]
    return np.asarray(counted.mean(axis=0)) if len(counted) else np.full(rows.shape[-1], np.nan)


def _centers(boxes_xywh: ArrayLike) -> Array:
    boxes = np.asarray(boxes_xywh, dtype=np.float64)
    # A result of negative size counts as one of zero size, as in the DMTrack evaluator.
    return boxes[..., :2] + np.maximum(boxes[..., 2:], 0.0) / 2


def _share(hits: NDArray[np.integer], frames: int) -> Array:
    return hits / frames if frames else np.full(hits.shape, np.nan)

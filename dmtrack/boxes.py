"""Box formats and geometry in numpy.

`xyxy` is (left, top, right, bottom) and `xywh` is (left, top, width, height), both in continuous 0-based pixels: the
first pixel covers [0, 1). `inclusive_xyxy` names the last pixel instead of the right edge (right = left + width - 1),
as in the DMTrack reference and other MATLAB-born tools. All functions take arrays of shape (..., 4) and return float64.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.errors import BoxError

Boxes = NDArray[np.float64]

_SMALLEST = float(np.finfo(np.float64).tiny)
"""Divides the intersection of two boxes without area, which is 0."""


def xywh_to_xyxy(boxes_xywh: ArrayLike, inclusive: bool = False) -> Boxes:
    """(left, top, width, height) -> (left, top, right, bottom), or to `inclusive_xyxy`."""
    boxes = np.array(boxes_xywh, dtype=np.float64)
    boxes[..., 2:] += boxes[..., :2]
    if inclusive:
        boxes[..., 2:] -= 1.0
    return boxes


def xyxy_to_xywh(boxes_xyxy: ArrayLike, inclusive: bool = False) -> Boxes:
    """(left, top, right, bottom), or `inclusive_xyxy`, -> (left, top, width, height)."""
    boxes = np.array(boxes_xyxy, dtype=np.float64)
    boxes[..., 2:] -= boxes[..., :2]
    if inclusive:
        boxes[..., 2:] += 1.0
    return boxes


def cxcywh_to_xywh(boxes_cxcywh: ArrayLike) -> Boxes:
    """(centre x, centre y, width, height) -> (left, top, width, height)."""
    boxes = np.array(boxes_cxcywh, dtype=np.float64)
    boxes[..., :2] -= boxes[..., 2:] / 2
    return boxes


def polygons_to_xywh(corners: ArrayLike) -> Boxes:
    """(n, 2 x corners) x1, y1, x2, y2, ... -> the smallest upright boxes around them, (n, 4)."""
    points = np.asarray(corners, dtype=np.float64)
    points = points.reshape(len(points), -1, 2)
    low = points.min(axis=1)
    return np.concatenate([low, points.max(axis=1) - low], axis=1)


def clip_xyxy(boxes_xyxy: ArrayLike, width: float, height: float) -> Boxes:
    """Clips corners to [0, width] x [0, height]; a box outside becomes one of zero area on the border."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64)
    limits = np.array([width, height, width, height], dtype=np.float64)
    return np.clip(boxes, 0.0, limits)


def area_xyxy(boxes_xyxy: ArrayLike) -> NDArray[np.float64]:
    """Area in square pixels, 0 where the corners are reversed."""
    left, top, right, bottom = np.asarray(boxes_xyxy, dtype=np.float64).T
    return np.asarray(np.maximum(right - left, 0.0) * np.maximum(bottom - top, 0.0)).T


def paired_iou_xyxy(first_xyxy: ArrayLike, second_xyxy: ArrayLike) -> NDArray[np.float64]:
    """IoU of box i with box i, in [0, 1]; 0 where the union is empty, NaN where a coordinate is NaN."""
    first = np.asarray(first_xyxy, dtype=np.float64)
    second = np.asarray(second_xyxy, dtype=np.float64)
    # Column by column: rows of two or four numbers are the slowest that numpy can be given.
    (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) = first.T, second.T
    width = np.minimum(right, other_right) - np.maximum(left, other_left)
    height = np.minimum(bottom, other_bottom) - np.maximum(top, other_top)
    intersection = (np.maximum(width, 0.0) * np.maximum(height, 0.0)).T
    union = area_xyxy(first) + area_xyxy(second) - intersection
    return np.asarray(intersection / np.maximum(union, _SMALLEST))


def pairwise_iou_xyxy(first_xyxy: ArrayLike, second_xyxy: ArrayLike) -> NDArray[np.float64]:
    """IoU of every box of (n, 4) with every box of (m, 4): shape (n, m)."""
    first = np.asarray(first_xyxy, dtype=np.float64).reshape(-1, 4)
    second = np.asarray(second_xyxy, dtype=np.float64).reshape(-1, 4)
    columns, others = np.ascontiguousarray(first.T)[:, :, None], np.ascontiguousarray(second.T)[:, None, :]
    sides = np.minimum(columns[2:], others[2:]) - np.maximum(columns[:2], others[:2])
    np.maximum(sides, 0.0, out=sides)
    intersection = sides[0] * sides[1]
    union = area_xyxy(first)[:, None] + area_xyxy(second) - intersection
    return np.asarray(intersection / np.maximum(union, _SMALLEST))


def check_distinct_xywh(boxes_xywh: Iterable[ArrayLike]) -> None:
    """That no two targets have the same box.

    Raises:
        BoxError: two have; says which.
    """
    boxes = [tuple(np.asarray(box, dtype=np.float64).reshape(-1).tolist()) for box in boxes_xywh]
    for number, box in enumerate(boxes):
        if box in boxes[:number]:
            shown = ",".join(f"{value:g}" for value in box)
            raise BoxError(
                f"targets {boxes.index(box) + 1} and {number + 1} have the same box {shown}; "
                "give every target a box of its own"
            )


def check_first_box_xywh(box_xywh: ArrayLike, width: int, height: int) -> Boxes:
    """The box of the target in the first frame, as (4,) float64, or a `BoxError` that says what is wrong with it.

    Args:
        box_xywh: left, top, width, height in pixels of the first frame.
        width: width of the first frame.
        height: height of the first frame.

    Raises:
        BoxError: not four numbers, NaN or infinite, zero or negative size, or no overlap with the image.
    """
    try:
        box = np.asarray(box_xywh, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise BoxError(f"box {box_xywh!r}: expected four numbers x,y,w,h in pixels of the first frame") from error
    shown = ",".join(f"{value:g}" for value in box)
    if box.shape != (4,):
        raise BoxError(f"box {shown}: expected four numbers x,y,w,h in pixels of the first frame, got {box.size}")
    if not np.isfinite(box).all():
        raise BoxError(
            f"box {shown}: every number of x,y,w,h must be finite; give a box that is seen in the first frame"
        )
    if box[2] <= 0 or box[3] <= 0:
        raise BoxError(f"box {shown}: width and height must be above zero (x,y,w,h, not x1,y1,x2,y2)")
    x1, y1, x2, y2 = clip_xyxy(xywh_to_xyxy(box), width, height)
    if x2 <= x1 or y2 <= y1:
        raise BoxError(f"box {shown} lies outside the first frame of {width}x{height} pixels; choose one inside it")
    return box

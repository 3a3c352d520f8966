"""The 511-pixel square around a target that both sides of a training pair are cut from."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

CropRule = Literal["mmtracking", "pysot"]

EXEMPLAR_SIZE = 127
CROP_SIZE = 511
CONTEXT = 0.5
PLACE_TOLERANCE = 0.01
"""Pixels by which a box may miss its place in a finished crop."""


def crop_around(
    image: NDArray[Any], box_xyxy: ArrayLike, size: int = CROP_SIZE, rule: CropRule = "mmtracking"
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """A square in which the target's context fills the middle 127 pixels; what lies outside is the mean colour.

    Args:
        image: HxWx3 of any type that OpenCV warps.
        box_xyxy: (4,) of the target.
        size: of the result in pixels.
        rule: whose scale from pixel to pixel; PySOT's offline crops count the steps between pixel centres.

    Returns:
        The crop, of the image's type, and the box in it, (4,) float32 xyxy around the crop's centre.
    """
    # In float32, as in the original: at an edge of high contrast the last digit of the mapping shows.
    x1, y1, x2, y2 = np.asarray(box_xyxy, dtype=np.float32)
    half_context = np.float32(CONTEXT)
    width, height = x2 - x1, y2 - y1
    context = half_context * (width + height)
    exemplar_side = np.sqrt((width + context) * (height + context))
    zoom = np.float32(EXEMPLAR_SIZE) / exemplar_side
    side = exemplar_side + 2 * (np.float32((size - EXEMPLAR_SIZE) / 2) / zoom)
    centre_x, centre_y, half = (x1 + x2) / 2, (y1 + y2) / 2, side / 2
    region = np.array([centre_x - half, centre_y - half, centre_x + half, centre_y + half])
    fill = np.asarray(image.mean(axis=(0, 1)))  # in the precision of the image, as the originals
    middle = size // 2
    half_size = np.array([width, height]) * (zoom / 2)
    box = np.concatenate([middle - half_size, middle + half_size]).astype(np.float32)
    return warp_region(image, region, size, fill, rule), box


def box_in_crop(size_wh: ArrayLike, size: int = CROP_SIZE) -> NDArray[np.float64]:
    """(4,) xyxy of a target of that width and height in the square around it."""
    sides = np.asarray(size_wh, dtype=np.float64)
    half = sides * (EXEMPLAR_SIZE / context_side(*sides) / 2)
    return np.concatenate([size // 2 - half, size // 2 + half])


def is_cropped(image: NDArray[Any], box_xyxy: ArrayLike, size: int = CROP_SIZE) -> bool:
    """Whether an image is already the square that `crop_around` cuts: by its size, and the place of the box in it."""
    if image.shape[:2] != (size, size):
        return False
    box = np.asarray(box_xyxy, dtype=np.float64)
    return bool(np.abs(box - box_in_crop(box[2:] - box[:2], size)).max() < PLACE_TOLERANCE)


def context_side(width: Any, height: Any, context_amount: float = CONTEXT) -> Any:
    """Side of the square around a target that the exemplar shows: sqrt((w + p)(h + p)), p = 0.5 (w + h).

    Args:
        width: of the target, in pixels: a number or an array.
        height: likewise.
        context_amount: the 0.5 of the formula.
    """
    context = context_amount * (width + height)
    return np.sqrt((width + context) * (height + context))


def warp_region(
    image: NDArray[Any],
    region_xyxy: NDArray[np.floating],
    size: int,
    fill: ArrayLike,
    rule: CropRule = "mmtracking",
) -> NDArray[Any]:
    """A region of the image, enlarged or reduced to `size` x `size` by bilinear interpolation.

    Args:
        image: HxWx3.
        region_xyxy: (4,) in pixels of the image; it may reach beyond it.
        size: of the result.
        fill: (3,) colour of what lies outside.
        rule: see `crop_around`.
    """
    steps = size if rule == "mmtracking" else size - 1
    x1, y1, x2, y2 = region_xyxy
    across, down = steps / (x2 - x1), steps / (y2 - y1)
    mapping = np.array([[across, 0, -across * x1], [0, down, -down * y1]], dtype=np.float32)
    colour = tuple(float(value) for value in np.asarray(fill))
    warped = cv2.warpAffine(
        np.ascontiguousarray(image), mapping, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=colour
    )
    return np.asarray(warped)

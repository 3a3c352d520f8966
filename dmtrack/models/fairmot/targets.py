"""What FairMOT's maps should say of an image: heatmap of centres, and sizes, offsets and identities at the centres."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_OVERLAP = 0.7
"""IoU with the true box that a box with its corners inside the radius still has."""


@dataclass(frozen=True)
class MapTargets:
    """Targets of one image; the arrays of objects have a row for each of at most `most` objects, zero where unused.

    Attributes:
        heatmap: (classes, H, W) float32, 1 at centres, falling off like a Gaussian around them.
        sizes: (most, 4) float32 distances of the centre to left, top, right, bottom in cells.
        offsets: (most, 2) float32, x and y of the centre inside its cell.
        cells: (most,) int64, row * W + column of the centre.
        identities: (most,) int64, -1 where unknown.
        classes: (most,) int64.
        valid: (most,) bool, which rows hold an object.
    """

    heatmap: NDArray[np.float32]
    sizes: NDArray[np.float32]
    offsets: NDArray[np.float32]
    cells: NDArray[np.int64]
    identities: NDArray[np.int64]
    classes: NDArray[np.int64]
    valid: NDArray[np.bool_]


def encode_targets(
    boxes_xyxy: NDArray[np.floating],
    identities: NDArray[np.integer],
    size_hw: tuple[int, int],
    most: int = 500,
    classes: NDArray[np.integer] | None = None,
    class_count: int = 1,
) -> MapTargets:
    """Targets of one image (FairMOT section 4.2).

    Args:
        boxes_xyxy: (n, 4) in cells of the maps, not clipped; those without width or height are left out.
        identities: (n,), -1 where unknown.
        size_hw: of the maps.
        most: objects that are taught; further ones are left out.
        classes: (n,) below `class_count`; None where there is one.
        class_count: channels of the heatmap.
    """
    height, width = size_hw
    heatmap = np.zeros((class_count, height, width), dtype=np.float32)
    sizes, offsets = np.zeros((most, 4), dtype=np.float32), np.zeros((most, 2), dtype=np.float32)
    cells, own_identities, own_classes = (np.zeros(most, dtype=np.int64) for _ in range(3))
    valid = np.zeros(most, dtype=bool)
    for row, box_xyxy in enumerate(np.asarray(boxes_xyxy, dtype=np.float64)[:most]):
        box_size = box_xyxy[2:] - box_xyxy[:2]
        if not (box_size > 0).all():
            continue
        # The centre of a box that leaves the image is moved inside; the box itself stays whole.
        centre = np.clip((box_xyxy[:2] + box_xyxy[2:]) / 2, 0, (width - 1, height - 1))
        cell = centre.astype(np.int64)
        radius = max(0, int(gaussian_radius(math.ceil(box_size[1]), math.ceil(box_size[0]))))
        own_classes[row] = 0 if classes is None else classes[row]
        add_gaussian(heatmap[own_classes[row]], cell, radius)
        sizes[row] = np.concatenate([centre - box_xyxy[:2], box_xyxy[2:] - centre])
        offsets[row] = centre - cell
        cells[row] = cell[1] * width + cell[0]
        own_identities[row] = identities[row]
        valid[row] = True
    return MapTargets(heatmap, sizes, offsets, cells, own_identities, own_classes, valid)


def gaussian_radius(height: float, width: float, least_overlap: float = LEAST_OVERLAP) -> float:
    """How far corners may move before the overlap falls below a limit (CornerNet, ECCV 2018, section 3.2).

    The three cases are both corners inside, both outside and one of each. The published code divides all three roots
    by 2 instead of twice the leading coefficient; models are trained with that radius, so it is kept.
    """
    area, half_perimeter = height * width, height + width
    cases = (
        (1.0, half_perimeter, area * (1 - least_overlap) / (1 + least_overlap)),
        (4.0, 2 * half_perimeter, area * (1 - least_overlap)),
        (4.0 * least_overlap, -2 * least_overlap * half_perimeter, area * (least_overlap - 1)),
    )
    return min((linear + math.sqrt(linear**2 - 4 * leading * constant)) / 2 for leading, linear, constant in cases)


def add_gaussian(heatmap: NDArray[np.float32], centre_xy: NDArray[np.int64], radius: int) -> None:
    """Raises a map (H, W) in place to a Gaussian of sigma (2 * radius + 1) / 6 around a cell, where it is below."""
    sigma = (2 * radius + 1) / 6
    steps = np.arange(-radius, radius + 1)
    gaussian = np.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * sigma**2))
    gaussian[gaussian < np.finfo(gaussian.dtype).eps] = 0
    (column, row), (height, width) = centre_xy, heatmap.shape
    top, bottom = max(row - radius, 0), min(row + radius + 1, height)
    left, right = max(column - radius, 0), min(column + radius + 1, width)
    part = heatmap[top:bottom, left:right]
    first_row, first_column = top - row + radius, left - column + radius
    own = gaussian[first_row : first_row + bottom - top, first_column : first_column + right - left]
    np.maximum(part, own, out=part, casting="same_kind")

"""Template and search image of either flavour: cut out of frames for tracking, and batches of augmented pairs of them.

First boxes may come from annotations with four corners.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dmtrack.data.batches import Batch, ClipEncoder
from dmtrack.data.samples import Clip
from dmtrack.data.siamese.cropping import context_side
from dmtrack.errors import ConfigError
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.losses import AnchorTargets, SiamRPNTraining, assign, stack_targets

Pixels = NDArray[np.float32]
"""(size, size, 3), values 0 to 255, channels in the order of the frame."""

LARGEST_PATCH = 4096
"""Side of a patch, in pixels, above which PySOT's patch is sampled instead of copied: boxes of any size fit in memory.
Values then differ by at most one level."""


def crop_sides(
    size_wh: ArrayLike, preprocessing: SiamesePreprocessing, search_size: int | None = None
) -> tuple[int, int]:
    """Sides of the exemplar and of the search patch in the frame, in whole pixels, at least 1.

    Args:
        size_wh: width and height of the box in the frame.
        preprocessing: of the model.
        search_size: of the search image; by default the usual one.
    """
    width, height = np.asarray(size_wh, dtype=np.float64)
    side = context_side(width, height, preprocessing.context_amount)
    search = side * ((search_size or preprocessing.search_size) / preprocessing.exemplar_size)
    return max(round(side), 1), max(round(search), 1)


def mean_colour(frame: NDArray[np.uint8], preprocessing: SiamesePreprocessing) -> NDArray[np.float64]:
    """(3,) mean of each channel, in the precision of the flavour."""
    if preprocessing.flavour == "pysot":
        return np.asarray(frame.mean(axis=(0, 1), dtype=np.float64))
    # Summed exactly and rounded once.
    return np.asarray(frame.mean(axis=(0, 1), dtype=np.float64).astype(np.float32).astype(np.float64))


def crop(
    frame: NDArray[np.uint8],
    centre_xy: ArrayLike,
    side: float,
    size: int,
    fill: NDArray[np.float64],
    preprocessing: SiamesePreprocessing,
) -> Pixels:
    """A square of a frame, enlarged or reduced to the input of the network; what lies outside is filled.

    Args:
        frame: HxWx3 uint8.
        centre_xy: of the square, in pixels of the frame.
        side: of the square, in pixels of the frame; a whole number.
        size: of the result.
        fill: (3,) colour of what lies outside, 0 to 255.
        preprocessing: of the model.
    """
    x, y = (float(value) for value in np.asarray(centre_xy))
    if preprocessing.flavour == "pysot":
        return _crop_pysot(frame, x, y, int(side), size, fill)
    return _crop_mmtracking(frame, x, y, float(side), size, fill)


def _crop_pysot(
    frame: NDArray[np.uint8], x: float, y: float, side: int, size: int, fill: NDArray[np.float64]
) -> Pixels:
    """Whole pixels on uint8, resized by OpenCV; the fill colour loses its fraction."""
    middle = (side + 1) / 2
    left, top = math.floor(x - middle + 0.5), math.floor(y - middle + 0.5)
    colour = fill.astype(np.uint8)
    if side > LARGEST_PATCH:
        return _sample(frame, left, top, side, size, colour)
    height, width = frame.shape[:2]
    columns, rows = slice(max(left, 0), min(left + side, width)), slice(max(top, 0), min(top + side, height))
    if (columns.start, rows.start, columns.stop, rows.stop) == (left, top, left + side, top + side):
        patch = frame[rows, columns]
    else:
        patch = np.empty((side, side, 3), dtype=np.uint8)
        patch[:] = colour
        if columns.start < columns.stop and rows.start < rows.stop:
            patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = frame[rows, columns]
    if side != size:
        patch = cv2.resize(np.ascontiguousarray(patch), (size, size))
    return patch.astype(np.float32)


def _sample(frame: NDArray[np.uint8], left: int, top: int, side: int, size: int, colour: NDArray[np.uint8]) -> Pixels:
    """The same without a patch of its own."""
    steps = (np.arange(size, dtype=np.float64) + 0.5) * (side / size) - 0.5
    columns, rows = np.meshgrid(steps + left, steps + top)
    # OpenCV addresses pixels by 16 bits; everything beyond the border is the same colour.
    columns, rows = np.clip(columns, -2, frame.shape[1] + 1), np.clip(rows, -2, frame.shape[0] + 1)
    sampled = cv2.remap(
        np.ascontiguousarray(frame),
        columns.astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(int(value) for value in colour),
    )
    return sampled.astype(np.float32)


def _crop_mmtracking(
    frame: NDArray[np.uint8], x: float, y: float, side: float, size: int, fill: NDArray[np.float64]
) -> Pixels:
    """Inclusive corners cut toward zero, float pixels, bilinear without aligned corners.

    The padded canvas of the original ends one column before an inclusive corner outside the frame, so that the patch
    loses that column; the same for rows.
    """
    # Corners are computed in float32 there, and the cut to whole pixels sees the difference.
    half = np.float32(side / 2)
    height, width = frame.shape[:2]
    columns = _taps(int(np.float32(x) - half), int(np.float32(x) + half), width, size)
    rows = _taps(int(np.float32(y) - half), int(np.float32(y) + half), height, size)
    upper, lower = (_gather_columns(frame, row, columns, fill) for row in rows[:2])
    weight = rows[2][:, None, None]
    return np.asarray(upper * (1 - weight) + lower * weight, dtype=np.float32)


def _taps(first: int, last: int, length: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Pixels]:
    """Bilinear resampling of one axis: both neighbours of each output in the frame, and the second's share."""
    count = max(min(last, max(length, last) - 1) - first + 1, 1)
    scale = np.float32(count / size)
    source = np.maximum((np.arange(size, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5), 0)
    lower = np.minimum(source.astype(np.int64), count - 1)
    upper = np.minimum(lower + 1, count - 1)
    return lower + first, upper + first, (source - lower).astype(np.float32)


def _gather_columns(
    frame: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: tuple[NDArray[np.int64], NDArray[np.int64], Pixels],
    fill: NDArray[np.float64],
) -> Pixels:
    """The given rows of the frame, resampled along x: (size, size, 3)."""
    height, width = frame.shape[:2]
    sides = []
    for column in columns[:2]:
        values = frame[np.clip(rows, 0, height - 1)][:, np.clip(column, 0, width - 1)].astype(np.float32)
        outside = ((rows < 0) | (rows >= height))[:, None] | ((column < 0) | (column >= width))[None]
        values[outside] = fill.astype(np.float32)
        sides.append(values)
    weight = columns[2][None, :, None]
    return np.asarray(sides[0] * (1 - weight) + sides[1] * weight, dtype=np.float32)


def polygon_to_cxcywh(polygon: ArrayLike, margin: float = 0.0) -> NDArray[np.float64]:
    """An upright box around the centre of a quadrilateral, with the area of the parallelogram of its first two sides.

    Args:
        polygon: eight numbers x1, y1, ..., x4, y4.
        margin: added to width and height; 1 in PySOT, 0 in MMTracking.
    """
    corners = np.asarray(polygon, dtype=np.float64).reshape(4, 2)
    centre = corners.mean(axis=0)
    extent = corners.max(axis=0) - corners.min(axis=0)
    area = np.linalg.norm(corners[0] - corners[1]) * np.linalg.norm(corners[1] - corners[2])
    scale = np.sqrt(area / extent.prod())
    return np.concatenate([centre, scale * extent + margin])


class SiamesePairEncoder(ClipEncoder):
    """Assigns anchors, and turns images into what the network takes: BGR on the scale 0 to 255."""

    named_recipes = False
    divisor = 1

    def __init__(self, preprocessing: SiamesePreprocessing, settings: SiamRPNTraining) -> None:
        self.settings = settings
        self.preprocessing = replace(preprocessing, search_size=settings.search_size or preprocessing.search_size)

    def encode(self, clip: Clip, rng: np.random.Generator) -> tuple[Clip, AnchorTargets]:
        """A pair after augmentation, of which the first instance counts, and the targets of its search image's anchors.

        Raises:
            ConfigError: the augmentation gives images of other sizes than the model takes.
        """
        for key, sample in (("exemplar_size", clip.query), ("search_size", clip.search)):
            size = getattr(self.preprocessing, key)
            if sample.size_wh != (size, size):
                raise ConfigError(
                    f"data.recipe gives images of {sample.size_wh[0]}x{sample.size_wh[1]} pixels where the model's "
                    f"{key} is {size}; set `sizes` of ShiftScaleCrop to "
                    f"({self.preprocessing.exemplar_size}, {self.preprocessing.search_size})"
                )
        return clip, assign(self.preprocessing, clip.search.boxes_xyxy[0], clip.positive, rng, self.settings)

    def image_tensor(self, image: NDArray[Any]) -> Tensor:
        """(3, H, W) float32 BGR."""
        return torch.from_numpy(np.ascontiguousarray(image[..., ::-1], dtype=np.float32)).permute(2, 0, 1)

    def collate(self, items: list[tuple[Clip, AnchorTargets]]) -> Batch:
        """The batch of some pairs; its targets have the names of `AnchorTargets`."""
        batch = super().collate([clip for clip, _ in items])
        return Batch(batch.frames, stack_targets([targets for _, targets in items]))

"""Which crops of a frame are the same image, exactly or nearly: what decides whether a network pass can be shared.

A search image is decided by whole numbers, because both flavours cut at whole pixels: boxes that differ by less give
the very same image. With a tolerance, crops are snapped to a lattice of places and sizes instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.siamese.cropping import context_side
from dmtrack.models.siamrpn.decoding import Decoded
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing

Key = tuple[int, ...]


def crop_key(centre_xy: NDArray[np.float64], side: int, search_size: int, preprocessing: SiamesePreprocessing) -> Key:
    """The whole numbers that decide a search image: two crops of a frame with the same key are equal in every pixel.

    Args:
        centre_xy: (2,) of the crop, in pixels of the frame.
        side: of the crop, in pixels of the frame.
        search_size: of the search image.
        preprocessing: of the model.
    """
    x, y = (float(value) for value in centre_xy)
    if preprocessing.flavour == "pysot":
        middle = (side + 1) / 2
        return search_size, side, math.floor(x - middle + 0.5), math.floor(y - middle + 0.5)
    half = np.float32(side / 2)
    corners = (np.float32(place) + sign * half for place in (x, y) for sign in (-1, 1))
    return (search_size, side, *(int(corner) for corner in corners))


@dataclass(frozen=True)
class Lattice:
    """Places and sizes of crops, so that near crops share one.

    Attributes:
        tolerance_px: in pixels of the snapped search image: its centre is displaced by at most so much along each
            axis, and each of its borders by at most so much again through the change of size (and the rounding of its
            side to whole pixels of the frame).
    """

    tolerance_px: float

    def snap(
        self, box_cxcywh: NDArray[np.float64], search_size: int, preprocessing: SiamesePreprocessing
    ) -> tuple[Key, NDArray[np.float64]]:
        """The crop that stands for the one around a box.

        Args:
            box_cxcywh: (4,) of the target, in pixels of the frame.
            search_size: of the search image.
            preprocessing: of the model.

        Returns:
            Its key, and (4,) the square box around which it is the crop.
        """
        context = context_side(box_cxcywh[2], box_cxcywh[3], preprocessing.context_amount)
        side = max(context * search_size / preprocessing.exemplar_size, 1.0)
        growth = 2 * math.log1p(2 * self.tolerance_px / search_size)
        level = round(math.log(side) / growth)
        snapped_side = max(round(math.exp(level * growth)), 1)
        step = 2 * self.tolerance_px * snapped_side / search_size
        column, row = (round(float(value) / step) for value in box_cxcywh[:2])
        square = snapped_side * preprocessing.exemplar_size / search_size / (1 + 2 * preprocessing.context_amount)
        return (search_size, level, column, row), np.array([column * step, row * step, square, square])


def realigned(
    decoded: Decoded,
    region_cxcywh: NDArray[np.float64],
    box_cxcywh: NDArray[np.float64],
    preprocessing: SiamesePreprocessing,
) -> Decoded:
    """Boxes that were found around one region, as if the search image had been cut around a box: geometry is exact.

    What stays approximate: the network saw a slightly displaced and resized image, and the window is centred on the
    region.
    """
    own, seen = (
        preprocessing.exemplar_size / context_side(box[2], box[3], preprocessing.context_amount)
        for box in (box_cxcywh, region_cxcywh)
    )
    boxes = decoded.boxes_cxcywh * np.float32(own / seen)
    boxes[:, :2] += ((region_cxcywh[:2] - box_cxcywh[:2]) * own).astype(np.float32)
    return Decoded(decoded.scores, boxes, decoded.score_size)

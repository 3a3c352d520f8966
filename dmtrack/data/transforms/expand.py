"""Zooming out: the image on a larger canvas."""

from __future__ import annotations

import cv2
import numpy as np

from dmtrack.data.preprocessing import IMAGENET_MEAN_RGB
from dmtrack.data.samples import Pair
from dmtrack.data.transforms.draws import Draws, coin, uniform
from dmtrack.data.transforms.sides import Side, pair_of, sides_of
from dmtrack.registry import TRANSFORMS


@TRANSFORMS.register
class RandomExpand:
    """With probability one half per side, puts the image somewhere on a larger canvas of one colour.

    Args:
        ratio: range of canvas side over image side, from 1 up.
        fill_rgb: the canvas; the mean colour becomes zero at the network's input.
    """

    def __init__(
        self,
        ratio: tuple[float, float] = (1.0, 4.0),
        fill_rgb: tuple[float, float, float] = IMAGENET_MEAN_RGB,
    ) -> None:
        self.ratio = ratio
        self.fill_rgb = fill_rgb

    def __call__(self, pair: Pair, rng: Draws) -> Pair:
        """Expands the query side, then the search side."""
        query, search = sides_of(pair)
        return pair_of(self._expand(query, rng), self._expand(search, rng), identities=pair.identities)

    def _expand(self, side: Side, rng: Draws) -> Side:
        if coin(rng):
            return side
        height, width = side.image.shape[:2]
        ratio = uniform(rng, *self.ratio)
        new_height, new_width = int(height * ratio), int(width * ratio)
        left = int(uniform(rng, 0, new_width - width))
        top = int(uniform(rng, 0, new_height - height))
        bottom, right = new_height - height - top, new_width - width - left
        fill = [round(value) for value in self.fill_rgb] if side.image.dtype == np.uint8 else list(self.fill_rgb)
        canvas = cv2.copyMakeBorder(
            np.ascontiguousarray(side.image), top, bottom, left, right, cv2.BORDER_CONSTANT, value=fill
        )
        return Side(canvas, side.boxes_xyxy + np.array([left, top, left, top], dtype=np.float64))

"""Mirror images."""

from __future__ import annotations

import cv2
import numpy as np

from dmtrack.data.samples import Pair
from dmtrack.data.transforms.draws import Draws, happens
from dmtrack.data.transforms.sides import Side, pair_of, sides_of
from dmtrack.registry import TRANSFORMS


@TRANSFORMS.register
class RandomFlip:
    """Mirrors each side left to right, independently.

    Args:
        probability: per side.
        inclusive: the boxes name their last pixel (x' = W - 1 - x); otherwise they are continuous (x' = W - x).
    """

    def __init__(self, probability: float = 0.5, inclusive: bool = False) -> None:
        self.probability = probability
        self.inclusive = inclusive

    def __call__(self, pair: Pair, rng: Draws) -> Pair:
        """Flips the query side, then the search side."""
        query, search = sides_of(pair)
        return pair_of(self._flip(query, rng), self._flip(search, rng), identities=pair.identities)

    def _flip(self, side: Side, rng: Draws) -> Side:
        if not happens(rng, self.probability):
            return side
        boxes = side.boxes_xyxy.copy()
        right_end = side.image.shape[1] - (1 if self.inclusive else 0)
        boxes[:, [0, 2]] = right_end - side.boxes_xyxy[:, [2, 0]]
        return Side(cv2.flip(np.ascontiguousarray(side.image), 1), boxes)

"""Steps that change boxes only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.samples import Pair
from dmtrack.data.transforms.draws import Draws, permutation
from dmtrack.registry import TRANSFORMS


@TRANSFORMS.register
class InclusiveBoxes:
    """From right edges to last pixels (right = left + width - 1), as models trained by the published code expect.

    Belongs before every resizing, where one pixel of the image is one pixel of the frame: so does the tracker.
    """

    def __call__(self, pair: Pair, rng: Draws) -> Pair:
        """Takes one pixel off the right and bottom of every box; draws nothing."""
        return pair.with_(
            query_boxes_xyxy=pair.query_boxes_xyxy - np.array([0.0, 0.0, 1.0, 1.0]),
            search_boxes_xyxy=pair.search_boxes_xyxy - np.array([0.0, 0.0, 1.0, 1.0]),
        )


@TRANSFORMS.register
class BoundBoxes:
    """Clips boxes to their images and drops instances that are too small on either side.

    Args:
        min_size: least width and height in pixels of a box that stays; 0 keeps all.
        inclusive: clip to [0, width - 1] instead of [0, width].
    """

    def __init__(self, min_size: float = 4.0, inclusive: bool = False) -> None:
        self.min_size = min_size
        self.inclusive = inclusive

    def __call__(self, pair: Pair, rng: Draws) -> Pair:
        """Clips and drops; draws nothing."""
        query = self._clip(pair.query_boxes_xyxy, pair.query_image)
        search = self._clip(pair.search_boxes_xyxy, pair.search_image)
        keep = (_sides(query) >= self.min_size).all(axis=1) & (_sides(search) >= self.min_size).all(axis=1)
        return pair.with_(query_boxes_xyxy=query, search_boxes_xyxy=search).select(keep)

    def _clip(self, boxes_xyxy: NDArray[np.float64], image: NDArray[np.generic]) -> NDArray[np.float64]:
        height, width = image.shape[:2]
        last = 1 if self.inclusive else 0
        return np.clip(boxes_xyxy, 0.0, np.array([width - last, height - last] * 2, dtype=np.float64))


def _sides(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]


@TRANSFORMS.register
class LimitInstances:
    """A random choice of the instances where there are too many; the network searches once per instance.

    Args:
        maximum: instances per pair.
    """

    def __init__(self, maximum: int = 8) -> None:
        self.maximum = maximum

    def __call__(self, pair: Pair, rng: Draws) -> Pair:
        """Keeps at most `maximum` rows, the same on both sides, in their order."""
        count = len(pair.query_boxes_xyxy)
        if count <= self.maximum:
            return pair
        rows = sorted(permutation(rng, count)[: self.maximum])
        return pair.select(rows)

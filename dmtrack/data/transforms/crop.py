"""Zooming in: a crop that keeps instances on both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import area_xyxy
from dmtrack.data.samples import Pair
from dmtrack.data.transforms.draws import Draws, one_of, uniform
from dmtrack.data.transforms.sides import Side, pair_of, sides_of
from dmtrack.registry import TRANSFORMS

_NO_CROP = 1.0


class _Crop(NamedTuple):
    side: Side
    survives: NDArray[np.bool_]


@TRANSFORMS.register
class RandomCrop:
    """The crop of SSD, jointly on both sides (spec section 5.3).

    Each side picks a least IoU of crop and boxes, then draws windows until every box reaches it and at least one box
    has its centre inside. An instance survives when its centre is inside on both sides. If no instance survives, both
    sides draw again; after `attempts` failures the pair stays as it is.

    Args:
        min_ious: what the least IoU is picked from; 1 stands for "do not crop".
        min_side: smallest window side as a share of the image side.
        attempts: for a pair of crops with a common instance.
        trials: windows per least IoU, before another least IoU is picked.
        rounds: least IoUs per attempt, so that the search ends for certain; then that side is not cropped.
    """

    def __init__(
        self,
        min_ious: tuple[float, ...] = (1.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.0),
        min_side: float = 0.3,
        attempts: int = 10,
        trials: int = 50,
        rounds: int = 50,
    ) -> None:
        self.min_ious = min_ious
        self.min_side = min_side
        self.attempts = attempts
        self.trials = trials
        self.rounds = rounds

    def __call__(self, pair: Pair, rng: Draws) -> Pair:
        """Crops both sides, each in its own way."""
        if not len(pair.query_boxes_xyxy):
            return pair
        query, search = sides_of(pair)
        for _ in range(self.attempts):
            first, second = self._crop(query, rng), self._crop(search, rng)
            survives = first.survives & second.survives
            if survives.any():
                return pair_of(
                    Side(first.side.image, first.side.boxes_xyxy[survives]),
                    Side(second.side.image, second.side.boxes_xyxy[survives]),
                    identities=None if pair.identities is None else pair.identities[survives],
                )
        return pair

    def _crop(self, side: Side, rng: Draws) -> _Crop:
        whole = _Crop(side, np.ones(len(side.boxes_xyxy), dtype=bool))
        for _ in range(self.rounds):
            min_iou = one_of(rng, self.min_ious)
            if min_iou == _NO_CROP:
                return whole
            for _ in range(self.trials):
                window = self._window(side, rng)
                if window is None:
                    continue
                if _least_iou(side.boxes_xyxy, window) < min_iou:
                    continue
                crop = _cut(side, window)
                if crop.survives.any():
                    return crop
        return whole

    def _window(self, side: Side, rng: Draws) -> tuple[int, int, int, int] | None:
        height, width = side.image.shape[:2]
        new_width = uniform(rng, self.min_side * width, width)
        new_height = uniform(rng, self.min_side * height, height)
        if not 0.5 <= new_height / new_width <= 2:
            return None
        left = uniform(rng, 0, width - new_width)
        top = uniform(rng, 0, height - new_height)
        x1, y1 = int(left), int(top)
        x2, y2 = min(int(left + new_width), width), min(int(top + new_height), height)
        return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def _least_iou(boxes_xyxy: NDArray[np.float64], window: tuple[int, int, int, int]) -> float:
    # `dmtrack.boxes` would do; this runs hundreds of times per pair and takes a tenth of the time.
    x1, y1, x2, y2 = window
    left, top, right, bottom = boxes_xyxy.T
    across = np.minimum(right, x2) - np.maximum(left, x1)
    down = np.minimum(bottom, y2) - np.maximum(top, y1)
    intersection = np.maximum(across, 0) * np.maximum(down, 0)
    union = (right - left) * (bottom - top) + (x2 - x1) * (y2 - y1) - intersection
    return float((intersection / union).min())


def _cut(side: Side, window: tuple[int, int, int, int]) -> _Crop:
    x1, y1, x2, y2 = window
    boxes = side.boxes_xyxy
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centres > (x1, y1)) & (centres < (x2, y2))).all(axis=1)
    clipped = np.clip(boxes, [x1, y1, x1, y1], [x2, y2, x2, y2]) - np.array([x1, y1, x1, y1])
    inside &= area_xyxy(clipped) > 0
    return _Crop(Side(side.image[y1:y2, x1:x2], clipped), inside)

"""Zooming in: a crop that keeps instances on both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import area_xyxy
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.transforms.base import Draws, integer
from dmtrack.data.transforms.box_rules import keep_instances
from dmtrack.registry import TRANSFORMS

_NO_CROP = 1.0


class _Crop(NamedTuple):
    sample: Sample
    survives: NDArray[np.bool_]


@TRANSFORMS.register
class RandomCrop:
    """The crop of SSD, jointly on both sides of a pair.

    Each side picks a least IoU of crop and boxes, then draws windows until every box reaches it and at least one box
    has its centre inside. An instance survives when its centre is inside on both sides. If no instance survives, both
    sides draw again; after `attempts` failures the pair stays as it is. Instances that are not aligned survive on each
    side for themselves.

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

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """Crops both sides, each in its own way."""
        if clip.aligned and not len(clip.query.boxes_xyxy):
            return clip
        for _ in range(self.attempts):
            crops = [self._crop(sample, rng) for sample in clip.samples]
            cropped = replace(clip, samples=tuple(crop.sample for crop in crops))
            kept = keep_instances(cropped, [crop.survives for crop in crops])
            if len(kept.query.boxes_xyxy) or not clip.aligned:
                return kept
        return clip

    def _crop(self, sample: Sample, rng: Draws) -> _Crop:
        whole = _Crop(sample, np.ones(len(sample.boxes_xyxy), dtype=bool))
        if not len(sample.boxes_xyxy):
            return whole
        for _ in range(self.rounds):
            min_iou = self.min_ious[integer(rng, 0, len(self.min_ious))]
            if min_iou == _NO_CROP:
                return whole
            for _ in range(self.trials):
                window = self._window(sample, rng)
                if window is None:
                    continue
                if _least_iou(sample.boxes_xyxy, window) < min_iou:
                    continue
                crop = _cut(sample, window)
                if crop.survives.any():
                    return crop
        return whole

    def _window(self, sample: Sample, rng: Draws) -> tuple[int, int, int, int] | None:
        width, height = sample.size_wh
        new_width = rng.uniform(self.min_side * width, width)
        new_height = rng.uniform(self.min_side * height, height)
        if not 0.5 <= new_height / new_width <= 2:
            return None
        left = rng.uniform(0, width - new_width)
        top = rng.uniform(0, height - new_height)
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


def _cut(sample: Sample, window: tuple[int, int, int, int]) -> _Crop:
    x1, y1, x2, y2 = window
    boxes = sample.boxes_xyxy
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centres > (x1, y1)) & (centres < (x2, y2))).all(axis=1)
    clipped = np.clip(boxes, [x1, y1, x1, y1], [x2, y2, x2, y2]) - np.array([x1, y1, x1, y1])
    inside &= area_xyxy(clipped) > 0
    cut = sample.warped(sample.image[y1:y2, x1:x2], clipped, lambda mask: mask[y1:y2, x1:x2])
    return _Crop(cut, inside)

"""Changes of size and place: mirroring, a larger canvas, resizing, for which every sample of a clip draws for itself.

Zooming in is a crop that keeps instances on both sides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import area_xyxy
from dmtrack.config import Count, Share
from dmtrack.data.preprocessing import IMAGENET_MEAN_RGB, resize, resize_factor
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.transforms.base import Draws, SampleTransform, coin, integer
from dmtrack.data.transforms.box_rules import keep_instances
from dmtrack.errors import ConfigError
from dmtrack.registry import TRANSFORMS

INTERPOLATIONS = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "nearest": cv2.INTER_NEAREST,
    "lanczos": cv2.INTER_LANCZOS4,
}


@TRANSFORMS.register
class RandomFlip(SampleTransform):
    """Mirrors each side left to right, independently.

    Args:
        probability: per side.
        inclusive: the boxes name their last pixel (x' = W - 1 - x); otherwise they are continuous (x' = W - x).
    """

    def __init__(self, probability: Share = 0.5, inclusive: bool = False) -> None:
        self.probability = probability
        self.inclusive = inclusive

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Flips the image or leaves it."""
        if rng.random() >= self.probability:
            return sample
        boxes = sample.boxes_xyxy.copy()
        right_end = sample.image.shape[1] - (1 if self.inclusive else 0)
        boxes[:, [0, 2]] = right_end - sample.boxes_xyxy[:, [2, 0]]
        return sample.warped(cv2.flip(np.ascontiguousarray(sample.image), 1), boxes, lambda mask: mask[:, ::-1])


@TRANSFORMS.register
class RandomExpand(SampleTransform):
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

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Expands the image or leaves it."""
        if coin(rng):
            return sample
        width, height = sample.size_wh
        ratio = rng.uniform(*self.ratio)
        new_height, new_width = int(height * ratio), int(width * ratio)
        left = int(rng.uniform(0, new_width - width))
        top = int(rng.uniform(0, new_height - height))
        margins = (top, new_height - height - top, left, new_width - width - left)
        fill = [round(value) for value in self.fill_rgb] if sample.image.dtype == np.uint8 else list(self.fill_rgb)
        canvas = cv2.copyMakeBorder(np.ascontiguousarray(sample.image), *margins, cv2.BORDER_CONSTANT, value=fill)
        return sample.warped(
            canvas,
            sample.boxes_xyxy + np.array([left, top, left, top], dtype=np.float64),
            lambda mask: cv2.copyMakeBorder(mask, *margins, cv2.BORDER_CONSTANT, value=0),
        )


@TRANSFORMS.register
class Rescale(SampleTransform):
    """Resizes each side so that it fits in a scale, which may be drawn anew for every image.

    Args:
        scale: (long side, short side) in pixels that the image must fit in; images grow as well as shrink.
        short_side_range: the short side of the scale is drawn from this range, both ends included; None keeps it.
        interpolations: one of them is drawn per image.
        exact_ratio: boxes follow the ratio that rounding to whole pixels left, on each axis; False multiplies them by
            the wanted factor, as the published code does.
    """

    def __init__(
        self,
        scale: tuple[Count, Count] = (900, 608),
        short_side_range: tuple[Count, Count] | None = (256, 608),
        interpolations: tuple[str, ...] = ("linear", "cubic", "area", "nearest", "lanczos"),
        exact_ratio: bool = True,
    ) -> None:
        unknown = [name for name in interpolations if name not in INTERPOLATIONS]
        if unknown or not interpolations:
            raise ConfigError(f"Rescale: interpolations {interpolations!r}; expected names of {sorted(INTERPOLATIONS)}")
        if short_side_range is not None and not 0 < short_side_range[0] <= short_side_range[1]:
            raise ConfigError(f"Rescale: short_side_range {short_side_range!r}; expected (smallest, largest) in pixels")
        self.scale = (int(scale[0]), int(scale[1]))
        self.short_side_range = short_side_range
        self.interpolations = tuple(INTERPOLATIONS[name] for name in interpolations)
        self.exact_ratio = exact_ratio

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Resizes the image."""
        several = len(self.interpolations) > 1
        interpolation = self.interpolations[integer(rng, 0, len(self.interpolations)) if several else 0]
        scale = self.scale
        if self.short_side_range is not None:
            low, high = self.short_side_range
            scale = (max(scale), integer(rng, low, high + 1))
        width, height = sample.size_wh
        return _resized(sample, resize_factor(height, width, scale), interpolation, self.exact_ratio)


@TRANSFORMS.register
class ShrinkToFit(SampleTransform):
    """Makes large images as small as the network will see them at most, so that all later steps cost less.

    Args:
        scale: (long side, short side) in pixels; images that fit already stay as they are.
    """

    def __init__(self, scale: tuple[Count, Count] = (900, 608)) -> None:
        self.scale = scale

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Shrinks the image if needed; draws nothing."""
        width, height = sample.size_wh
        factor = resize_factor(height, width, self.scale)
        if factor >= 1:
            return sample
        # Down to a half, bilinear sampling sees every pixel and takes a fifth of the time.
        interpolation = cv2.INTER_AREA if factor < 0.5 else cv2.INTER_LINEAR
        return _resized(sample, factor, interpolation, exact_ratio=True)


def _resized(sample: Sample, factor: float, interpolation: int, exact_ratio: bool) -> Sample:
    width, height = sample.size_wh
    # A side must not round to nothing.
    factor = max(factor, 1.0 / min(height, width))
    image = resize(np.ascontiguousarray(sample.image), factor, interpolation)
    across, down = (image.shape[1] / width, image.shape[0] / height) if exact_ratio else (factor, factor)
    boxes_xyxy = sample.boxes_xyxy * np.array([across, down, across, down])
    return sample.warped(image, boxes_xyxy, lambda mask: resize(mask, factor, cv2.INTER_NEAREST))


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

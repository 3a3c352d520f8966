"""YOLOX's strong augmentation: four images around a point, and a fifth that shines through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.config.signatures import Amount, Count, Share
from dmtrack.data.letterbox import letterbox
from dmtrack.data.samples import Clip, ClipSampler, Sample, built
from dmtrack.data.transforms.affine import turned_boxes, worth_keeping
from dmtrack.registry import DATASETS

FILL = 114
"""Grey of the canvas where no image lies."""

MIXUP_DRAWS = 10
"""How often a partner with objects is looked for."""


@DATASETS.register
class MosaicClips:
    """Four images in a canvas of twice the size, turned, scaled, sheared and moved together, and mixed with another.

    The images come from one sampler, so that a `RandomConcat` of several data sets puts images of all of them into one
    mosaic. Boxes are not clipped; those that lie outside are dropped (ByteTrack's change of YOLOX's section 2.1).

    Args:
        sampler: of single images, such as `ImageClips` or `RandomConcat`, built or as a config dict.
        size_wh: of the images made, unless the stage of the training asks for another one.
        degrees: largest turn to either side.
        translate: largest move as a share of each side.
        scale: range of the factor.
        shear: largest shear along each axis in degrees.
        mixup: share of images that are mixed with another one, half and half.
        mixup_scale: range of the factor on that other image.

    Attributes:
        identity_count: of the sampler.
    """

    def __init__(
        self,
        sampler: Any,
        size_wh: tuple[Count, Count] = (1440, 800),
        degrees: Amount = 10.0,
        translate: Share = 0.1,
        scale: tuple[float, float] = (0.1, 2.0),
        shear: Amount = 2.0,
        mixup: Share = 1.0,
        mixup_scale: tuple[float, float] = (0.5, 1.5),
    ) -> None:
        self.sampler: ClipSampler = built(sampler)
        self.size_wh = (size_wh[0], size_wh[1])
        self.degrees, self.translate, self.scale, self.shear = degrees, translate, scale, shear
        self.mixup, self.mixup_scale = mixup, mixup_scale
        self.identity_count = int(getattr(self.sampler, "identity_count", 0))

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """A mosaic of `image_size_wh`, or of `size_wh`."""
        size_wh = image_size_wh or self.size_wh
        four = [self.sampler.sample(rng).query for _ in range(4)]
        centre_xy = tuple(int(rng.uniform(0.5 * side, 1.5 * side)) for side in size_wh)
        made = self._warp(mosaic(four, (centre_xy[0], centre_xy[1]), size_wh), rng, size_wh)
        if len(made.boxes_xyxy) and rng.random() < self.mixup:
            partner = next(
                (one for _ in range(MIXUP_DRAWS) if len((one := self.sampler.sample(rng).query).boxes_xyxy)), None
            )
            if partner is not None:
                factor, flip = rng.uniform(*self.mixup_scale), bool(rng.random() < 0.5)
                made = mix(made, _moved(partner, rng, factor, flip, size_wh))
        return Clip((made,), aligned=False)

    def _warp(self, sample: Sample, rng: np.random.Generator, size_wh: tuple[int, int]) -> Sample:
        """From the canvas of twice the size to an image; draws angle, factor, shears and moves."""
        width, height = sample.size_wh
        centre = np.eye(3)
        centre[:2, 2] = (-width / 2, -height / 2)
        angle, factor = rng.uniform(-self.degrees, self.degrees), rng.uniform(*self.scale)
        turn = np.eye(3)
        turn[:2] = cv2.getRotationMatrix2D((0, 0), angle, factor)
        shear = np.eye(3)
        shear[0, 1] = math.tan(math.radians(rng.uniform(-self.shear, self.shear)))
        shear[1, 0] = math.tan(math.radians(rng.uniform(-self.shear, self.shear)))
        move = np.eye(3)
        move[:2, 2] = [rng.uniform(0.5 - self.translate, 0.5 + self.translate) * side for side in size_wh]
        matrix = move @ shear @ turn @ centre
        image = cv2.warpAffine(sample.image, matrix[:2], size_wh, borderValue=(FILL,) * 3)
        boxes_xyxy = turned_boxes(sample.boxes_xyxy, matrix, 0.0)
        kept = worth_keeping(sample.boxes_xyxy * factor, boxes_xyxy, size_wh, 2.0, 0.2, 20.0)
        return sample.warped(np.asarray(image), boxes_xyxy).select(kept)


def mosaic(samples: Sequence[Sample], centre_xy: tuple[int, int], size_wh: tuple[int, int]) -> Sample:
    """Four images that meet in a point of a canvas of twice the size, each resized to fit `size_wh`.

    Args:
        samples: for the top left, top right, bottom left and bottom right.
        centre_xy: where they meet, in pixels of the canvas.
        size_wh: half the size of the canvas.
    """
    width, height = size_wh
    canvas = np.full((2 * height, 2 * width, 3), FILL, dtype=np.uint8)
    boxes_xyxy = []
    for place, sample in enumerate(samples):
        ratio = min(height / sample.size_wh[1], width / sample.size_wh[0])
        inner_wh = tuple(max(int(side * ratio), 1) for side in sample.size_wh)
        image = cv2.resize(np.ascontiguousarray(sample.image), inner_wh, interpolation=cv2.INTER_LINEAR)
        left = centre_xy[0] - (inner_wh[0] if place % 2 == 0 else 0)
        top = centre_xy[1] - (inner_wh[1] if place < 2 else 0)
        right, bottom = min(left + inner_wh[0], 2 * width), min(top + inner_wh[1], 2 * height)
        shown = image[max(-top, 0) : bottom - top, max(-left, 0) : right - left]
        canvas[max(top, 0) : bottom, max(left, 0) : right] = shown
        boxes_xyxy.append(sample.boxes_xyxy * ratio + np.array([left, top] * 2))
    joined = _with_instances_of(samples, canvas, np.concatenate(boxes_xyxy))
    meets = (joined.boxes_xyxy[:, :2] < (2 * width, 2 * height)).all(axis=1) & (joined.boxes_xyxy[:, 2:] > 0).all(
        axis=1
    )
    return joined.select(meets)


def _moved(partner: Sample, rng: np.random.Generator, factor: float, flip: bool, size_wh: tuple[int, int]) -> Sample:
    """A part of `size_wh` of another image, resized, perhaps mirrored, black where that image does not reach."""
    laid = letterbox(np.ascontiguousarray(partner.image), size_wh, FILL, centred=False)
    inner_wh = tuple(max(int(side * factor), 1) for side in size_wh)
    image = cv2.resize(laid.image, inner_wh)
    boxes_xyxy = partner.boxes_xyxy * laid.ratio * factor
    if flip:
        image = np.ascontiguousarray(image[:, ::-1])
        boxes_xyxy[:, [0, 2]] = inner_wh[0] - boxes_xyxy[:, [2, 0]]
    canvas_wh = [max(inner, side) for inner, side in zip(inner_wh, size_wh, strict=True)]
    canvas = np.zeros((canvas_wh[1], canvas_wh[0], 3), dtype=np.uint8)
    canvas[: inner_wh[1], : inner_wh[0]] = image
    left, top = (int(rng.integers(0, large - side + 1)) for large, side in zip(canvas_wh, size_wh, strict=True))
    part = canvas[top : top + size_wh[1], left : left + size_wh[0]]
    moved_xyxy = boxes_xyxy - np.array([left, top] * 2)
    kept = worth_keeping(boxes_xyxy, moved_xyxy, size_wh, 5.0, 0.2, 20.0)
    return partner.warped(part, moved_xyxy).select(kept)


def mix(first: Sample, second: Sample) -> Sample:
    """Two images of one size, half and half, with the instances of both (Zhang et al., mixup, ICLR 2018)."""
    image = (0.5 * first.image + 0.5 * second.image).astype(np.uint8)
    return _with_instances_of((first, second), image, np.concatenate([first.boxes_xyxy, second.boxes_xyxy]))


def _with_instances_of(samples: Sequence[Sample], image: NDArray[np.uint8], boxes_xyxy: NDArray[np.float64]) -> Sample:
    """All instances of some samples in one image; what only some of them know of theirs is unknown."""
    counts = [len(sample.boxes_xyxy) for sample in samples]
    known = [
        np.full(count, -1) if sample.identities is None else sample.identities
        for sample, count in zip(samples, counts, strict=True)
    ]
    classes = [sample.classes for sample in samples if sample.classes is not None]
    ignored = [
        np.zeros(count, bool) if sample.ignored is None else sample.ignored
        for sample, count in zip(samples, counts, strict=True)
    ]
    return Sample(
        image,
        boxes_xyxy,
        np.concatenate(known),
        classes=np.concatenate(classes) if len(classes) == len(counts) else None,
        ignored=np.concatenate(ignored) if any(sample.ignored is not None for sample in samples) else None,
    )

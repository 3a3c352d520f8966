"""Steps that change boxes only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dmtrack.config import Count
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.transforms.base import Draws, SampleTransform
from dmtrack.registry import TRANSFORMS


@TRANSFORMS.register
class InclusiveBoxes(SampleTransform):
    """From right edges to last pixels (right = left + width - 1), as models trained by the published code expect.

    Belongs before every resizing, where one pixel of the image is one pixel of the frame: so does the tracker.
    """

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Takes one pixel off the right and bottom of every box; draws nothing."""
        return replace(sample, boxes_xyxy=sample.boxes_xyxy - np.array([0.0, 0.0, 1.0, 1.0]))


@TRANSFORMS.register
class BoundBoxes:
    """Clips boxes to their images and drops instances that are too small; aligned ones where they are on any side.

    Args:
        min_size: least width and height in pixels of a box that stays; 0 keeps all.
        inclusive: clip to [0, width - 1] instead of [0, width].
    """

    def __init__(self, min_size: float = 4.0, inclusive: bool = False) -> None:
        self.min_size = min_size
        self.inclusive = inclusive

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """Clips and drops; draws nothing."""
        last = 1 if self.inclusive else 0
        samples: list[Sample] = []
        large: list[NDArray[np.bool_]] = []
        for sample in clip.samples:
            corner = np.array([side - last for side in sample.size_wh * 2], dtype=np.float64)
            boxes_xyxy = np.clip(sample.boxes_xyxy, 0.0, corner)
            samples.append(replace(sample, boxes_xyxy=boxes_xyxy))
            large.append(np.asarray((boxes_xyxy[:, 2:] - boxes_xyxy[:, :2] >= self.min_size).all(axis=1)))
        return keep_instances(replace(clip, samples=tuple(samples)), large)


def keep_instances(clip: Clip, keep: list[NDArray[np.bool_]]) -> Clip:
    """The instances of each sample that are to be kept; aligned ones where all samples keep them."""
    if clip.aligned:
        keep = [np.logical_and.reduce(keep)] * len(keep)
    return replace(clip, samples=tuple(sample.select(rows) for sample, rows in zip(clip.samples, keep, strict=True)))


@TRANSFORMS.register
class LimitInstances:
    """A random choice of the instances where there are too many; the network searches once per instance.

    Args:
        maximum: instances per pair, or per image where instances are not aligned.
    """

    def __init__(self, maximum: Count = 8) -> None:
        self.maximum = maximum

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """Keeps at most `maximum` rows, the same in all aligned samples, in their order."""
        if not clip.aligned:
            return clip.map(lambda sample: sample.select(self._rows(len(sample.boxes_xyxy), rng)))
        count = len(clip.query.boxes_xyxy)
        return clip if count <= self.maximum else clip.select(self._rows(count, rng))

    def _rows(self, count: int, rng: Draws) -> list[int]:
        if count <= self.maximum:
            return list(range(count))
        return sorted(rng.permutation(count)[: self.maximum].tolist())

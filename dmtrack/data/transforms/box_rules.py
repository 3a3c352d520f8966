"""Steps that change boxes only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.samples import Clip, Sample
from dmtrack.data.transforms.draws import Draws, permutation
from dmtrack.registry import TRANSFORMS


@TRANSFORMS.register
class InclusiveBoxes:
    """From right edges to last pixels (right = left + width - 1), as models trained by the published code expect.

    Belongs before every resizing, where one pixel of the image is one pixel of the frame: so does the tracker.
    """

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """Takes one pixel off the right and bottom of every box; draws nothing."""
        one_pixel = np.array([0.0, 0.0, 1.0, 1.0])
        return clip.map(lambda sample: replace(sample, boxes_xyxy=sample.boxes_xyxy - one_pixel))


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
        clip = clip.map(self._bound)
        return keep_instances(clip, [self._is_large(sample) for sample in clip.samples])

    def _bound(self, sample: Sample) -> Sample:
        width, height = sample.size_wh
        last = 1 if self.inclusive else 0
        corner = np.array([width - last, height - last] * 2, dtype=np.float64)
        return replace(sample, boxes_xyxy=np.clip(sample.boxes_xyxy, 0.0, corner))

    def _is_large(self, sample: Sample) -> NDArray[np.bool_]:
        sides = sample.boxes_xyxy[:, 2:] - sample.boxes_xyxy[:, :2]
        return np.asarray((sides >= self.min_size).all(axis=1))


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

    def __init__(self, maximum: int = 8) -> None:
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
        return sorted(permutation(rng, count)[: self.maximum])

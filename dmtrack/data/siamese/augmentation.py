"""Augmentation of Siamese training pairs; every step is `step(clip, rng) -> clip`.

The numbers drawn, and their order, are MMTracking's: with `numpy.random.RandomState(seed)` its draws are repeated one
by one. Every pair has one instance; images are RGB.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from dmtrack.config import Count, Share
from dmtrack.data.samples import Sample
from dmtrack.data.siamese.cropping import CROP_SIZE, CropRule, crop_around, is_cropped, warp_region
from dmtrack.data.transforms.base import Draws, SampleTransform, integer
from dmtrack.registry import TRANSFORMS

COLOUR_AXES = np.array(
    [
        [-0.55919361, 0.98062831, -0.41940627],
        [1.72091413, 0.19879334, -1.82968581],
        [4.64467907, 4.73710203, 4.88324118],
    ]
)
"""How the channels R, G, B of photographs vary together, in levels per standard deviation."""

BLUR_SIZES = tuple(range(5, 46, 2))


@TRANSFORMS.register
class CropAround(SampleTransform):
    """Cuts both images to the square around the target; what has been cut before (`Crop511`) stays as it is.

    Args:
        size: of the square in pixels.
        rule: 'mmtracking', or 'pysot' for PySOT's offline crops.
    """

    def __init__(self, size: Count = CROP_SIZE, rule: CropRule = "mmtracking") -> None:
        self.size, self.rule = size, rule

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Cuts the image; draws nothing."""
        if is_cropped(sample.image, sample.boxes_xyxy[0], self.size):
            return sample
        image, box = crop_around(sample.image, sample.boxes_xyxy[0], self.size, self.rule)
        return sample.warped(image, box[None].astype(np.float64))


@TRANSFORMS.register
class ShiftScaleCrop(SampleTransform):
    """Cuts exemplar and search image out of the squares, shifted and scaled by chance.

    Args:
        sizes: of exemplar and search image in pixels.
        shifts: largest shift of each, in pixels of the square.
        scales: largest change of scale of each; width and height change independently.
    """

    def __init__(
        self,
        sizes: tuple[int, int] = (127, 255),
        shifts: tuple[float, float] = (4, 64),
        scales: tuple[float, float] = (0.05, 0.18),
    ) -> None:
        self.sizes, self.shifts, self.scales = sizes, shifts, scales

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Cuts the exemplar or the search image."""
        size, shift, scale = self.sizes[place], self.shifts[place], self.scales[place]
        lengths = np.array(sample.size_wh, dtype=np.float64)
        factors = np.array([1 + rng.uniform(-1, 1) * scale for _ in range(2)])
        factors = np.minimum(factors, lengths / size)
        middle = lengths // 2
        low, high = middle - 0.5 * factors * size, middle + 0.5 * factors * size
        moves = np.array([rng.uniform(-1, 1) * shift for _ in range(2)])
        moves = np.minimum(lengths - high, np.maximum(-low, moves))
        low, high = low + moves, high + moves
        image = warp_region(sample.image, np.concatenate([low, high]), size, (0.0, 0.0, 0.0))
        return sample.warped(image, (sample.boxes_xyxy - np.tile(low, 2)) / np.tile(factors, 2))


@TRANSFORMS.register
class ShiftColour(SampleTransform):
    """Adds one random colour to a whole image, along the axes in which photographs vary; nothing is clipped.

    Args:
        probabilities: of exemplar and search image.
    """

    def __init__(self, probabilities: tuple[Share, Share] = (1.0, 1.0)) -> None:
        self.probabilities = probabilities

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Shifts the colours or leaves them; the image becomes float32."""
        if rng.random() >= self.probabilities[place]:
            return replace(sample, image=np.asarray(sample.image, dtype=np.float32))
        offset = COLOUR_AXES @ rng.standard_normal((3, 1))
        return replace(sample, image=np.asarray(sample.image - offset[:, 0], dtype=np.float32))


@TRANSFORMS.register
class BlurSearch(SampleTransform):
    """Blurs along a row and a column through each pixel, as fast motion would.

    Args:
        probabilities: of exemplar and search image.
    """

    def __init__(self, probabilities: tuple[Share, Share] = (0.0, 0.2)) -> None:
        self.probabilities = probabilities

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Blurs the image with the probability of its side."""
        if rng.random() >= self.probabilities[place]:
            return sample
        size = BLUR_SIZES[integer(rng, 0, len(BLUR_SIZES))]
        down = float(rng.random())
        kernel = np.zeros((size, size))
        kernel[:, size // 2] += down / size
        kernel[size // 2] += (1 - down) / size
        return replace(sample, image=np.asarray(cv2.filter2D(np.ascontiguousarray(sample.image), -1, kernel)))

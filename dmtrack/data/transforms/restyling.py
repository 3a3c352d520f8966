"""Labelled images in the light of another place: what is known of a target without labels is what its images look like.

Mean and deviation of each colour follow Reinhard et al. (Color Transfer between Images, 2001); a noise that the target
has and the image has not is added.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.config import Share
from dmtrack.data.samples import Sample, built
from dmtrack.data.sources.images import ImageSource
from dmtrack.data.transforms.base import Draws, SampleTransform, integer
from dmtrack.errors import DataError
from dmtrack.registry import TRANSFORMS

_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@TRANSFORMS.register
class Restyle(SampleTransform):
    """Gives images light, contrast and noise of images that are drawn from another data set; boxes stay.

    Args:
        source: an `ImageSource`, built or as a config dict; its boxes are not used.
        share: of the images that are changed.

    Raises:
        DataError: the source is empty.
    """

    def __init__(self, source: Any, share: Share = 0.5) -> None:
        self.source: ImageSource = built(source)
        self.share = share
        if not len(self.source):
            raise DataError(f"Restyle: {type(self.source).__name__} has no images to look like")

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Draws whether the image changes, the image that it shall look like, and noise."""
        if rng.random() >= self.share:
            return sample
        like = self.source[integer(rng, 0, len(self.source))].read()
        return sample.warped(restyled(sample.image, like, rng), sample.boxes_xyxy, lambda mask: mask)


def restyled(image: NDArray[Any], like: NDArray[np.uint8], rng: Draws) -> NDArray[np.uint8]:
    """An image with mean and deviation of each colour of another one, and at least its noise.

    Args:
        image: HxWx3 RGB on the scale 0 to 255.
        like: RGB of any size.
        rng: of the noise.
    """
    pixels = image.astype(np.float32)
    (mean, deviation), (wanted_mean, wanted) = (
        (one.mean(axis=(0, 1)), one.std(axis=(0, 1))) for one in (pixels, like.astype(np.float32))
    )
    pixels = (pixels - mean) * (wanted / np.maximum(deviation, 1.0)) + wanted_mean
    lacking = noise_of(like) ** 2 - noise_of(pixels) ** 2
    if lacking > 0:
        pixels = pixels + rng.normal(0, np.sqrt(lacking), pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def noise_of(image: NDArray[Any]) -> float:
    """Standard deviation of the noise of an image in grey levels (after Immerkær, 1996, with the median for the mean).

    Args:
        image: HxWx3; the noise is taken to be alike and independent in its colours.
    """
    second = cv2.filter2D(np.ascontiguousarray(image, dtype=np.float32), cv2.CV_32F, _LAPLACIAN)
    # The kernel's squares sum to 36, and the median of |x| of a normal distribution is 0.6745 deviations.
    return float(np.median(np.abs(second))) / (6 * 0.6745)

"""What worse cameras do to images: the seven augmentation sets of the winner of the BMTT challenge 2022.

arXiv 2205.15609 fine-tunes one network with each of them and averages the networks. The ranges are the published ones,
the probability of one half is the usual one of the library that it takes them from (Albumentations); the pixels are
made by OpenCV, and the draws come from the generator of the clip, so that a resumed run repeats them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.config import Share
from dmtrack.data.samples import Clip
from dmtrack.data.transforms.base import Draws, integer
from dmtrack.data.transforms.photometric import with_images
from dmtrack.registry import TRANSFORMS

Pixels = NDArray[np.uint8]
_HOLES, _HOLE_SIDE = 8, 8


def _clahe(image: Pixels, rng: Draws) -> Pixels:
    """Contrast-limited equalisation of the lightness in 8x8 tiles (Zuiderveld, 1994)."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    equaliser = cv2.createCLAHE(clipLimit=float(rng.uniform(1, 4)), tileGridSize=(8, 8))
    lab[..., 0] = equaliser.apply(np.ascontiguousarray(lab[..., 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def _dropout(image: Pixels, rng: Draws) -> Pixels:
    """Eight black squares."""
    height, width = image.shape[:2]
    changed = image.copy()
    for _ in range(_HOLES):
        top, left = integer(rng, 0, max(height - _HOLE_SIDE, 1)), integer(rng, 0, max(width - _HOLE_SIDE, 1))
        changed[top : top + _HOLE_SIDE, left : left + _HOLE_SIDE] = 0
    return changed


def _downscale(image: Pixels, rng: Draws) -> Pixels:
    """Fewer pixels, repeated."""
    height, width = image.shape[:2]
    factor = float(rng.uniform(0.17, 0.99))
    small_wh = max(round(width * factor), 1), max(round(height * factor), 1)
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _jpeg(image: Pixels, rng: Draws) -> Pixels:
    """Blocks of a low quality, 9 to 100."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, integer(rng, 9, 101)]
    _, packed = cv2.imencode(".jpg", image[..., ::-1], quality)
    unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(unpacked, np.uint8)[..., ::-1])


def _noise(image: Pixels, rng: Draws) -> Pixels:
    """One and a half times as bright, and cut off."""
    return np.asarray(cv2.convertScaleAbs(image, alpha=1.5), np.uint8)


def _motion_blur(image: Pixels, rng: Draws) -> Pixels:
    """A straight stroke of 3 to 23 pixels in any direction."""
    side = 2 * integer(rng, 1, 12) + 1
    angle = float(rng.uniform(0, np.pi))
    reach = side // 2 * np.array([np.cos(angle), np.sin(angle)])
    start, end = (tuple(np.rint(side // 2 + sign * reach).astype(int).tolist()) for sign in (-1, 1))
    kernel = np.zeros((side, side), np.float32)
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


def _gauss_noise(image: Pixels, rng: Draws) -> Pixels:
    """Noise of a variance up to 500 grey levels squared."""
    deviation = float(np.sqrt(rng.uniform(0, 500)))
    noisy = image + rng.normal(0, deviation, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


_KINDS: dict[str, Callable[[Pixels, Draws], Pixels]] = {
    "clahe": _clahe,
    "dropout": _dropout,
    "downscale": _downscale,
    "jpeg": _jpeg,
    "noise": _noise,
    "motion_blur": _motion_blur,
    "gauss_noise": _gauss_noise,
}


@TRANSFORMS.register
class Degrade:
    """Makes images worse in one way; boxes stay.

    Args:
        kind: which way.
        probability: of a clip.
    """

    def __init__(
        self,
        kind: Literal["clahe", "dropout", "downscale", "jpeg", "noise", "motion_blur", "gauss_noise"],
        probability: Share = 0.5,
    ) -> None:
        self.change, self.probability = _KINDS[kind], probability

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """Changes all images or none."""
        if rng.random() >= self.probability:
            return clip
        images = [np.ascontiguousarray(sample.image, dtype=np.uint8) for sample in clip.samples]
        return with_images(clip, [self.change(image, rng) for image in images])

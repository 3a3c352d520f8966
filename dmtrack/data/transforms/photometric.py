"""Changes of colour and sharpness; boxes stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.config import Share
from dmtrack.data.samples import Clip
from dmtrack.data.transforms.base import Draws, coin
from dmtrack.errors import ConfigError
from dmtrack.registry import TRANSFORMS


@TRANSFORMS.register
class PhotometricDistort:
    """Brightness, contrast, saturation, hue and channel order, each with probability one half (SSD).

    All sides draw independently, except for a second permutation of the channels that they share.

    Args:
        brightness: largest value added or subtracted, on the 0..255 scale.
        contrast: range of the factor on all values.
        saturation: range of the factor on saturation.
        hue: largest shift of the hue in degrees.
        clip: True gives uint8 images again; False gives float32 that may leave 0..255, as the published code does.
    """

    def __init__(
        self,
        brightness: float = 32.0,
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: float = 18.0,
        clip: bool = True,
    ) -> None:
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.clip = clip

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """Distorts all images."""
        images = [self._distort(clip.query.image, rng)]
        shared = rng.permutation(3) if coin(rng) else None
        images += [self._distort(sample.image, rng) for sample in clip.samples[1:]]
        if shared is not None:
            images = [image[..., shared] for image in images]
        if self.clip:
            images = [cv2.convertScaleAbs(np.ascontiguousarray(np.maximum(image, 0))) for image in images]
        return with_images(clip, [np.ascontiguousarray(image) for image in images])

    def _distort(self, image: NDArray[Any], rng: Draws) -> NDArray[np.float32]:
        # A copy even of float32, because what follows works in place.
        values = np.array(image, dtype=np.float32)
        if coin(rng):
            values += np.float32(rng.uniform(-self.brightness, self.brightness))
        contrast_first = coin(rng)
        if contrast_first and coin(rng):
            values *= np.float32(rng.uniform(*self.contrast))
        saturation = rng.uniform(*self.saturation) if coin(rng) else None
        hue = rng.uniform(-self.hue, self.hue) if coin(rng) else None
        if saturation is not None or hue is not None or not self.clip:
            values = _change_hue_saturation(values, saturation, hue)
        if not contrast_first and coin(rng):
            values *= np.float32(rng.uniform(*self.contrast))
        if coin(rng):
            values = values[..., rng.permutation(3)]
        return values


def _change_hue_saturation(
    values: NDArray[np.float32], saturation: float | None, hue: float | None
) -> NDArray[np.float32]:
    hsv = cv2.cvtColor(np.ascontiguousarray(values), cv2.COLOR_RGB2HSV)
    if saturation is not None:
        hsv[..., 1] *= np.float32(saturation)
    if hue is not None:
        degrees = hsv[..., 0]
        degrees += np.float32(hue)
        degrees[degrees > 360] -= 360
        degrees[degrees < 0] += 360
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


@TRANSFORMS.register
class RandomGray:
    """All images in shades of gray, together."""

    def __init__(self, probability: Share = 0.1) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f"RandomGray.probability is {probability:g}: expected a number from 0 to 1")
        self.probability = probability

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """Grays all images or none."""
        if rng.random() >= self.probability:
            return clip
        grays = [cv2.cvtColor(np.ascontiguousarray(sample.image), cv2.COLOR_RGB2GRAY) for sample in clip.samples]
        return with_images(clip, [np.repeat(gray[..., None], 3, axis=2) for gray in grays])


@TRANSFORMS.register
class RandomBlur:
    """Gaussian blur of all but the first image, as fast motion or a bad focus would cause; the template stays sharp.

    Args:
        probability: of a pair.
        sigma: range of the standard deviation in pixels.
    """

    def __init__(self, probability: Share = 0.2, sigma: tuple[float, float] = (0.2, 2.0)) -> None:
        self.probability = probability
        self.sigma = sigma

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """Blurs the search images or leaves them."""
        if rng.random() >= self.probability:
            return clip
        blurred = [
            cv2.GaussianBlur(np.ascontiguousarray(sample.image), (0, 0), rng.uniform(*self.sigma))
            for sample in clip.samples[1:]
        ]
        return with_images(clip, [clip.query.image, *blurred])


def with_images(clip: Clip, images: Iterable[NDArray[Any]]) -> Clip:
    """The clip with other pixels; boxes and masks stay."""
    samples = (replace(sample, image=image) for sample, image in zip(clip.samples, images, strict=True))
    return replace(clip, samples=tuple(samples))

"""What light, lens, sensor and codec do to a view."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.compose import motion_kernel

LookUpTable = NDArray[np.uint8]
"""(1, 256, 3): what becomes of every value of every channel."""


def light_table(gain: float, bias: float, gamma: float, cast: NDArray[np.float64]) -> LookUpTable:
    """A lookup table for light.

    Args:
        gain: factor of contrast.
        bias: added brightness in grey levels.
        gamma: exponent; above 1 darkens the middle tones.
        cast: (3,) factors of red, green and blue.
    """
    levels = np.linspace(0, 1, 256) ** gamma * 255 * gain + bias
    table = np.clip(levels[:, None] * cast[None, :], 0, 255)
    return np.rint(table).astype(np.uint8).reshape(1, 256, 3)


def random_light(rng: np.random.Generator, strength: float = 1.0) -> LookUpTable:
    """Random gain, bias, gamma and colour cast; `strength` scales all of them."""
    return light_table(
        gain=float(np.exp(rng.normal(0, 0.20 * strength))),
        bias=float(rng.normal(0, 14 * strength)),
        gamma=float(np.exp(rng.normal(0, 0.22 * strength))),
        cast=np.exp(rng.normal(0, 0.07 * strength, 3)),
    )


@cache
def _noise_bank() -> NDArray[np.int8]:
    """Standard normal noise, times 16: drawn once, because drawing it for every view would take longest of all."""
    return np.clip(np.random.default_rng(20).standard_normal(1 << 20) * 16, -127, 127).astype(np.int8)


def add_noise(rng: np.random.Generator, image: Image, deviation: float) -> Image:
    """Adds Gaussian noise of the given standard deviation in grey levels (a random stretch of a fixed bank)."""
    bank = _noise_bank()
    count = image.size
    if count > bank.size // 2:
        noise = np.resize(np.roll(bank, int(rng.integers(bank.size))), count)
    else:
        start = int(rng.integers(0, bank.size - count))
        noise = bank[start : start + count]
    scaled = cv2.addWeighted(image, 1.0, noise.reshape(image.shape).view(np.int8), deviation / 16, 0.0, dtype=cv2.CV_8U)
    return np.asarray(scaled)


def grayscale(image: Image) -> Image:
    """The view without colour."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def degrade(rng: np.random.Generator, image: Image) -> Image:
    """Random light, blur, resolution, noise and compression, each sometimes."""
    image = np.asarray(cv2.LUT(image, random_light(rng, float(rng.uniform(0.1, 1.0)))))
    if rng.random() < 0.25:
        sigma = float(rng.uniform(0.4, 1.6))
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma))
    if rng.random() < 0.15:
        kernel = motion_kernel(float(rng.uniform(2, 11)), float(rng.uniform(0, np.pi)))
        image = np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101))
    if rng.random() < 0.2:
        height, width = image.shape[:2]
        factor = float(rng.uniform(1.2, 2.5))
        small_wh = (max(8, round(width / factor)), max(8, round(height / factor)))
        small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    if rng.random() < 0.5:
        image = add_noise(rng, image, float(rng.uniform(1, 12)))
    if rng.random() < 0.2:
        image = compress(image, int(rng.integers(25, 85)))
    return image


def compress(image: Image, quality: int) -> Image:
    """The image as JPEG of that quality, 0 to 100, leaves it."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))

"""From a frame to a network input, the same for training and tracking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from dmtrack.config import Amount, Count, Positive

IMAGENET_MEAN_RGB = (123.675, 116.28, 103.53)
IMAGENET_STD_RGB = (58.395, 57.12, 57.375)


Scale = tuple[Count, Count]
"""(long side, short side) in pixels."""


@dataclass(frozen=True)
class Preprocessing:
    """How a model wants its images.

    Attributes:
        scale: (long side, short side) in pixels that the resized image must fit in.
        divisor: height and width are padded with zeros to a multiple of this.
        mean_rgb: subtracted, on the 0..255 scale.
        std_rgb: divided by, on the 0..255 scale.
        inclusive_boxes: the model was trained with right = left + width - 1 (the DMTrack reference).
        small_target: a target is small if the square root of its area is below this in an image of `scale`.
        small_scale: as `scale`, for videos with a small target; of several, ascending, the first one counts in which
            the target is not small any more, or the last one. None searches these videos as all others.
    """

    scale: Scale = (736, 512)
    divisor: Count = 32
    mean_rgb: tuple[float, float, float] = IMAGENET_MEAN_RGB
    std_rgb: tuple[Positive, Positive, Positive] = IMAGENET_STD_RGB
    inclusive_boxes: bool = False
    small_target: Amount = 0.0
    small_scale: Scale | tuple[Scale, ...] | None = None

    def for_targets(self, boxes_xywh: NDArray[np.float64], height: int, width: int) -> Preprocessing:
        """What suits the smallest of the targets (n, 4) in a first frame of that size."""
        smallest = float(np.sqrt(boxes_xywh[:, 2] * boxes_xywh[:, 3]).min())
        scale = self.scale
        for long_side, short_side in np.reshape(self.small_scale or (), (-1, 2)).astype(int).tolist():
            if smallest * resize_factor(height, width, scale) >= self.small_target:
                break
            scale = (long_side, short_side)
        return replace(self, scale=scale)


@dataclass(frozen=True)
class PreparedImage:
    """A network input and what is needed to bring its boxes back to the frame.

    Attributes:
        tensor: (1, 3, padded height, padded width) float32, channels innermost in memory.
        size_hw: height and width of the resized image before padding.
        scale_factor: resized pixels per frame pixel; one number for both axes, as in the reference, although the
            realised ratios differ by rounding.
    """

    tensor: torch.Tensor
    size_hw: tuple[int, int]
    scale_factor: float


def resize_factor(height: int, width: int, scale: tuple[int, int]) -> float:
    """The largest factor with which the image fits in `scale`; above 1 for small images."""
    long_side, short_side = max(scale), min(scale)
    return min(long_side / max(height, width), short_side / min(height, width))


def resize(image: NDArray[Any], factor: float, interpolation: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """Resizes to int(side * factor + 0.5)."""
    height, width = image.shape[:2]
    size_wh = (int(width * factor + 0.5), int(height * factor + 0.5))
    if size_wh == (width, height):
        return image
    return np.asarray(cv2.resize(image, size_wh, interpolation=interpolation))


def normalize(image: NDArray[Any], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """(image - mean) / std per RGB channel, HxWx3 float32."""
    if image.dtype == np.uint8:
        # A byte has 256 values: looking them up gives the same numbers several times faster.
        return np.asarray(cv2.LUT(image, _normalized_bytes(preprocessing)))
    return _normalize(image, preprocessing)


def _normalize(image: NDArray[Any], preprocessing: Preprocessing) -> NDArray[np.float32]:
    mean = np.asarray(preprocessing.mean_rgb, dtype=np.float64)
    inverse_std = 1.0 / np.asarray(preprocessing.std_rgb, dtype=np.float64)
    # The reference computes each step in float64 and rounds to float32.
    centred = (image.astype(np.float32) - mean).astype(np.float32)
    return (centred * inverse_std).astype(np.float32)


@lru_cache
def _normalized_bytes(preprocessing: Preprocessing) -> NDArray[np.float32]:
    every_byte = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    return _normalize(every_byte, preprocessing)


def pad_to_multiple(image: NDArray[np.float32], divisor: int) -> NDArray[np.float32]:
    """Zeros at the bottom and right up to a multiple of `divisor`."""
    height, width = image.shape[:2]
    bottom, right = -height % divisor, -width % divisor
    if not bottom and not right:
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0)))


def prepare_image(image: NDArray[np.uint8], preprocessing: Preprocessing) -> PreparedImage:
    """An HxWx3 uint8 RGB frame as network input: resize on uint8, normalise, pad."""
    factor = resize_factor(image.shape[0], image.shape[1], preprocessing.scale)
    resized = resize(image, factor)
    height, width = resized.shape[:2]
    # A view: the channels stay innermost in memory, which is what convolutions like best.
    tensor = torch.from_numpy(pad_to_multiple(normalize(resized, preprocessing), preprocessing.divisor))
    return PreparedImage(tensor.permute(2, 0, 1)[None], (height, width), factor)


def prepare_image_on(
    image: NDArray[np.uint8], preprocessing: Preprocessing, device: torch.device | str
) -> PreparedImage:
    """As `prepare_image`, with the result on `device`: the frame crosses the bus as bytes, the rest happens there.

    The resized pixels differ from OpenCV's, whose weights have 11 bits, by at most one level of 255.
    """
    factor = resize_factor(image.shape[0], image.shape[1], preprocessing.scale)
    height, width = (int(side * factor + 0.5) for side in image.shape[:2])
    frame = torch.from_numpy(np.ascontiguousarray(image))
    pixels = frame.to(device, non_blocking=True).permute(2, 0, 1)[None].float()
    if pixels.shape[2:] != (height, width):
        # OpenCV rounds to whole levels.
        pixels = F.interpolate(pixels, (height, width), mode="bilinear", align_corners=False).add_(0.5).floor_()
    mean, std = (pixels.new_tensor(values)[:, None, None] for values in (preprocessing.mean_rgb, preprocessing.std_rgb))
    normalised = (pixels - mean) / std
    bottom, right = -height % preprocessing.divisor, -width % preprocessing.divisor
    padded = F.pad(normalised, (0, right, 0, bottom)).contiguous(memory_format=torch.channels_last)
    return PreparedImage(padded, (height, width), factor)

"""`prepare_image` on a GPU: the frame crosses the bus as bytes, everything else happens there."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from dmtrack.data.preprocessing import PreparedImage, Preprocessing, resize_factor


def prepare_image_on(
    image: NDArray[np.uint8], preprocessing: Preprocessing, device: torch.device | str
) -> PreparedImage:
    """As `prepare_image`, with the result on `device`.

    The resized pixels differ from OpenCV's, whose weights have 11 bits, by at most one level of 255.

    Args:
        image: HxWx3 uint8 RGB frame.
        preprocessing: what the model wants.
        device: where to compute.
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

"""Images as YOLOX takes them, in training and tracking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.config import Count
from dmtrack.data.batches import ClipEncoder
from dmtrack.data.preprocessing import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB
from dmtrack.errors import ConfigError

BORDER = 114
"""Grey of the canvas where the image does not reach."""

Flavour = Literal["bytetrack", "yolox"]


@dataclass(frozen=True)
class YOLOXPreprocessing:
    """`preprocessing`; it travels in the weights' metadata.

    Attributes:
        flavour: what a pixel is: `bytetrack` (and YOLOX before 0.2) takes RGB less the mean of ImageNet over its
            standard deviation, `yolox` BGR from 0 to 255.
        size_wh: of the network input; both are multiples of 32.
    """

    flavour: Flavour = "bytetrack"
    size_wh: tuple[Count, Count] = (1440, 800)

    def __post_init__(self) -> None:
        if any(side % 32 for side in self.size_wh):
            raise ConfigError(f"model.preprocessing.size_wh is {tuple(self.size_wh)}: expected multiples of 32")


def image_tensor(image: NDArray[Any], flavour: Flavour) -> Tensor:
    """An HxWx3 RGB image on the scale 0 to 255 as the network takes it: (3, H, W) float32."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float()
    if flavour == "yolox":
        return pixels.flip(0)
    mean, std = (pixels.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN_RGB, IMAGENET_STD_RGB))
    return (pixels - mean) / std


class YOLOXEncoder(ClipEncoder):
    """Single images of one size.

    Args:
        preprocessing: of the model.
        classes: that the model tells apart.

    Raises:
        ConfigError: several classes, which no source of training images tells apart.
    """

    named_recipes = False
    divisor = 32

    def __init__(self, preprocessing: YOLOXPreprocessing, classes: int) -> None:
        if classes > 1:
            raise ConfigError(f"model.classes is {classes}: YOLOX is trained with one class here; set it to 1")
        self.preprocessing = preprocessing

    def image_tensor(self, image: NDArray[Any]) -> Tensor:
        """(3, H, W) float32."""
        return image_tensor(image, self.preprocessing.flavour)

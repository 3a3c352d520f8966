"""Images as YOLOX takes them, in training and tracking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.config import Count
from dmtrack.data.batches import ClipEncoder
from dmtrack.data.preprocessing import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB

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
    divisor: ClassVar[int] = 32


class YOLOXEncoder(ClipEncoder):
    """Single images of one size, in training and tracking."""

    named_recipes = False

    def image_tensor(self, image: NDArray[Any]) -> Tensor:
        """An HxWx3 RGB image on the scale 0 to 255 as the network takes it: (3, H, W) float32."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float()
        if self.preprocessing.flavour == "yolox":
            return pixels.flip(0)
        mean, std = (pixels.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN_RGB, IMAGENET_STD_RGB))
        return (pixels - mean) / std

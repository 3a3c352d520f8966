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
from dmtrack.data.samples import Clip
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
    divisor: ClassVar[int] = 32


class YOLOXEncoder(ClipEncoder):
    """Single images of one size, in training and tracking.

    Args:
        preprocessing: of the model.
        classes: that the model tells apart; a model of one class takes objects of all classes for its own.
    """

    named_recipes = False
    spares_ignored = True

    def __init__(self, preprocessing: YOLOXPreprocessing, classes: int = 1) -> None:
        super().__init__(preprocessing)
        self.classes = classes

    def encode(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """The first image of a clip.

        Raises:
            ConfigError: the augmentation gives images of another size than the model takes, or the data has more
                classes than the model.
        """
        sample = clip.samples[0]
        if sample.size_wh != tuple(self.preprocessing.size_wh):
            raise ConfigError(
                f"data.recipe gives images of {sample.size_wh[0]}x{sample.size_wh[1]} pixels where the model's "
                f"preprocessing.size_wh is {tuple(self.preprocessing.size_wh)}; end it with LetterboxTo of that size"
            )
        largest = -1 if sample.classes is None else int(sample.classes.max(initial=-1))
        if 1 < self.classes <= largest:
            raise ConfigError(
                f"the data has an object of class {largest}, the model {self.classes} classes from 0 on; set "
                "model.classes to the number of classes of the data"
            )
        return Clip((sample,), aligned=False)

    def image_tensor(self, image: NDArray[Any]) -> Tensor:
        """An HxWx3 RGB image on the scale 0 to 255 as the network takes it: (3, H, W) float32."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float()
        if self.preprocessing.flavour == "yolox":
            return pixels.flip(0)
        mean, std = (pixels.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN_RGB, IMAGENET_STD_RGB))
        return (pixels - mean) / std

"""From augmented images to the batches that FairMOT trains on; runs in the processes that prepare data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.config.signatures import Count
from dmtrack.data.batches import Batch, ClipEncoder
from dmtrack.data.samples import Clip
from dmtrack.errors import ConfigError
from dmtrack.models.fairmot.targets import MapTargets, encode_targets


@dataclass(frozen=True)
class LetterboxSettings:
    """`preprocessing`.

    Attributes:
        size_wh: of the network input; both are multiples of 32.
        mean_rgb: subtracted, on the 0..255 scale.
        std_rgb: divided by, on the 0..255 scale.
    """

    size_wh: tuple[Count, Count] = (1088, 608)
    mean_rgb: ClassVar[tuple[float, float, float]] = (0.0, 0.0, 0.0)
    std_rgb: ClassVar[tuple[float, float, float]] = (255.0, 255.0, 255.0)


def image_tensor(image: NDArray[Any]) -> Tensor:
    """An HxWx3 RGB image on the scale 0 to 255 as the network takes it: (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


class FairMOTEncoder(ClipEncoder):
    """Images of one size and what the maps should say of them.

    Args:
        preprocessing: of the model.
        stride: of its maps.
        class_names: of the channels of its heatmap.
        most: objects of an image that are taught.
    """

    named_recipes = False
    image_tensor = staticmethod(image_tensor)
    divisor = 1

    def __init__(self, preprocessing: LetterboxSettings, stride: int, class_names: Sequence[str], most: int) -> None:
        self.preprocessing, self.stride, self.class_names, self.most = preprocessing, stride, class_names, most

    def encode(self, clip: Clip, rng: np.random.Generator) -> tuple[Clip, MapTargets]:
        """The first image of a clip and its targets.

        Raises:
            ConfigError: the augmentation gives images of another size than the model takes; the model tells classes
                apart and the data does not, or it has others.
        """
        sample = clip.samples[0]
        if sample.size_wh != tuple(self.preprocessing.size_wh):
            raise ConfigError(
                f"data.recipe gives images of {sample.size_wh[0]}x{sample.size_wh[1]} pixels where the model's "
                f"preprocessing.size_wh is {tuple(self.preprocessing.size_wh)}; end it with LetterboxTo of that size"
            )
        width, height = (side // self.stride for side in sample.size_wh)
        unknown = np.full(len(sample.boxes_xyxy), -1)
        identities = unknown if sample.identities is None else sample.identities
        boxes_xyxy = sample.boxes_xyxy / self.stride
        classes, count = sample.classes, len(self.class_names)
        if count == 1:
            classes = None  # whatever the data tells apart is one
        elif classes is None or classes.max(initial=0) >= count:
            found = "has none" if classes is None else f"has class {classes.max()}"
            raise ConfigError(
                f"model.classes has the classes 0 to {count - 1} ({', '.join(self.class_names)}), but the training "
                f"data {found}; name all of its classes, or give data that has them"
            )
        targets = encode_targets(boxes_xyxy, identities, (height, width), self.most, classes, count)
        return Clip((sample,), aligned=False), targets

    def collate(self, items: list[tuple[Clip, MapTargets]]) -> Batch:
        """The batch of some images; its targets have the names of `MapTargets`."""
        batch = super().collate([clip for clip, _ in items])
        fields = vars(items[0][1])
        stacked = {name: np.stack([getattr(targets, name) for _, targets in items]) for name in fields}
        return Batch(batch.frames, {name: torch.from_numpy(values) for name, values in stacked.items()})

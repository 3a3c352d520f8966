"""From augmented pairs to the batches that SiamRPN++ trains on; runs in the processes that prepare data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.data.samples import Pair
from dmtrack.data.siamese.pairing import is_positive
from dmtrack.errors import ConfigError
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.losses import AnchorTargets, SiamRPNTraining, assign, stack_targets


@dataclass
class SiameseBatch:
    """Pairs as tensors, with the targets of every anchor of their search images.

    Attributes:
        query_images: (pairs, 3, 127, 127) float32 BGR exemplars on the scale 0 to 255.
        search_images: (pairs, 3, 255, 255) float32 likewise.
        labels: (pairs, anchors) int64, see `AnchorTargets`.
        deltas: (pairs, anchors, 4) float32.
        label_weights: (pairs, anchors) float32.
        box_weights: (pairs, anchors) float32.
    """

    query_images: Tensor
    search_images: Tensor
    labels: Tensor
    deltas: Tensor
    label_weights: Tensor
    box_weights: Tensor

    def targets(self) -> dict[str, Tensor]:
        """What the losses compare with."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_images")}

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SiameseBatch:
        """The batch on another device."""
        return SiameseBatch(**{name: value.to(device, non_blocking=non_blocking) for name, value in vars(self).items()})

    def pin_memory(self) -> SiameseBatch:
        """The batch in page-locked memory (the hook that DataLoader calls)."""
        return SiameseBatch(**{name: value.pin_memory() for name, value in vars(self).items()})


class EncodedPair(NamedTuple):
    """One pair for the network: (3, H, W) float32 BGR images and targets."""

    exemplar: NDArray[np.float32]
    search: NDArray[np.float32]
    targets: AnchorTargets


class SiamesePairEncoder:
    """Assigns anchors, and turns images into what the network takes.

    Args:
        preprocessing: of the model.
        settings: of its training.
    """

    def __init__(self, preprocessing: SiamesePreprocessing, settings: SiamRPNTraining) -> None:
        self.settings = settings
        self.preprocessing = replace(preprocessing, search_size=settings.search_size or preprocessing.search_size)

    def encode(self, drawn: Pair, pair: Pair, rng: np.random.Generator) -> EncodedPair:
        """One pair, of which the first instance counts.

        Args:
            drawn: as the sampler gave it; it knows whether both sides show the same target.
            pair: the same after augmentation.
            rng: draws the anchors.

        Raises:
            ConfigError: the augmentation gives images of other sizes than the model takes.
        """
        sides = ("exemplar_size", pair.query_image), ("search_size", pair.search_image)
        for key, image in sides:
            size = getattr(self.preprocessing, key)
            if image.shape[:2] != (size, size):
                raise ConfigError(
                    f"data.recipe gives images of {image.shape[1]}x{image.shape[0]} pixels where the model's {key} is "
                    f"{size}; set `sizes` of ShiftScaleCrop to "
                    f"({self.preprocessing.exemplar_size}, {self.preprocessing.search_size})"
                )
        targets = assign(self.preprocessing, pair.search_boxes_xyxy[0], is_positive(drawn), rng, self.settings)
        return EncodedPair(_channels_first(pair.query_image), _channels_first(pair.search_image), targets)

    def collate(self, items: Sequence[EncodedPair]) -> SiameseBatch:
        """The batch of some pairs."""
        images = (torch.from_numpy(np.stack(side)) for side in zip(*(item[:2] for item in items), strict=True))
        return SiameseBatch(*images, **stack_targets([item.targets for item in items]))


def _channels_first(image_rgb: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(image_rgb[..., ::-1].transpose(2, 0, 1), dtype=np.float32)

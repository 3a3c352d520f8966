"""From augmented pairs to the batches that SiamRPN++ trains on; runs in the processes that prepare data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.data.batches import Batch, ClipEncoder
from dmtrack.data.samples import Clip
from dmtrack.errors import ConfigError
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.losses import AnchorTargets, SiamRPNTraining, assign, stack_targets


class SiamesePairEncoder(ClipEncoder):
    """Assigns anchors, and turns images into what the network takes: BGR on the scale 0 to 255.

    Args:
        preprocessing: of the model.
        settings: of its training.
    """

    named_recipes = False
    divisor = 1

    def __init__(self, preprocessing: SiamesePreprocessing, settings: SiamRPNTraining) -> None:
        self.settings = settings
        self.preprocessing = replace(preprocessing, search_size=settings.search_size or preprocessing.search_size)

    def encode(self, clip: Clip, rng: np.random.Generator) -> tuple[Clip, AnchorTargets]:
        """A pair, of which the first instance counts, and the targets of every anchor of its search image.

        Args:
            clip: the pair after augmentation.
            rng: draws the anchors.

        Raises:
            ConfigError: the augmentation gives images of other sizes than the model takes.
        """
        for key, sample in (("exemplar_size", clip.query), ("search_size", clip.search)):
            size = getattr(self.preprocessing, key)
            if sample.size_wh != (size, size):
                raise ConfigError(
                    f"data.recipe gives images of {sample.size_wh[0]}x{sample.size_wh[1]} pixels where the model's "
                    f"{key} is {size}; set `sizes` of ShiftScaleCrop to "
                    f"({self.preprocessing.exemplar_size}, {self.preprocessing.search_size})"
                )
        return clip, assign(self.preprocessing, clip.search.boxes_xyxy[0], clip.positive, rng, self.settings)

    def image_tensor(self, image: NDArray[Any]) -> Tensor:
        """(3, H, W) float32 BGR."""
        return torch.from_numpy(np.ascontiguousarray(image[..., ::-1], dtype=np.float32)).permute(2, 0, 1)

    def collate(self, items: list[tuple[Clip, AnchorTargets]]) -> Batch:
        """The batch of some pairs; its targets have the names of `AnchorTargets`."""
        batch = super().collate([clip for clip, _ in items])
        return Batch(batch.frames, stack_targets([targets for _, targets in items]))

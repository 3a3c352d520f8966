"""MobileNetV2 (Sandler et al., CVPR 2018) with its maps at strides 4 to 32. The network is torchvision's."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import mobilenet_v2

from dmtrack.config import CountOrZero
from dmtrack.models.base import keep_statistics
from dmtrack.registry import BACKBONES

LAST_BLOCKS = (3, 6, 13, 17)
"""Of each stride from 4 to 32; the layers behind serve the classifier."""


@BACKBONES.register
class MobileNetV2(nn.Module):
    """17 inverted residuals; parameters have torchvision's names.

    Args:
        frozen_blocks: the stem and so many blocks behind it are not trained; 17 and more freeze the whole.
        pretrained: where training takes the first weights from.
        frozen_norms: whether all batch norms keep the statistics that they have learnt, not only those of frozen
            blocks: a few pairs of one scene tell less of the world than what the weights were made from. Training that
            starts from random weights needs False.
    """

    def __init__(
        self, frozen_blocks: CountOrZero = 0, pretrained: str | None = None, frozen_norms: bool = True
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.features = mobilenet_v2().features[: LAST_BLOCKS[-1] + 1]
        blocks = [self.features.get_submodule(str(number)) for number in LAST_BLOCKS]
        self.out_channels = tuple(int(block.get_submodule("conv")[-1].num_features) for block in blocks)
        self.out_strides = (4, 8, 16, 32)
        frozen = frozen_blocks + 1 if frozen_blocks else 0
        self.features[:frozen].requires_grad_(False)
        self._with_still_norms = len(self.features) if frozen_norms else frozen

    def train(self, mode: bool = True) -> MobileNetV2:
        """As usual, except that batch norms that keep their statistics stay in evaluation mode."""
        super().train(mode)
        keep_statistics(self.features[: self._with_still_norms])
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(images, 3, H, W) -> maps of 24, 32, 96 and 320 channels at strides 4, 8, 16 and 32."""
        features, maps = images, []
        for number, block in enumerate(self.features):
            features = block(features)
            if number in LAST_BLOCKS:
                maps.append(features)
        return tuple(maps)

"""The backbone of DMTrack-GS: DLA-34 with deformable aggregation (spec section 1.1)."""

from __future__ import annotations

from torch import Tensor, nn

from dmtrack.models.backbones.dla import DEAD_TRUNK_PARAMETERS, DLA, DLA34_CHANNELS
from dmtrack.models.backbones.dla_up import DLAUp, IDAUp
from dmtrack.registry import BACKBONES

STRIDES = (8, 16, 32)
DEAD_PARAMETERS = (*(f"base.{prefix}" for prefix in DEAD_TRUNK_PARAMETERS), "ida_up.")
"""Prefixes of parameters that published files hold although no output depends on them."""


@BACKBONES.register
class DLA34(nn.Module):
    """DLA-34 trunk and DLAUp: images to maps at strides 8, 16, 32 with 128, 256, 512 channels.

    Args:
        pretrained: where training takes the trunk's first weights from (a file or a name that the trainer knows);
            the module itself reads nothing, so that tracking never needs it.
    """

    out_channels = DLA34_CHANNELS[3:]
    strides = STRIDES

    def __init__(self, pretrained: str | None = None) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.base = DLA()
        self.dla_up = DLAUp()
        # Dead: published files hold it, nothing calls it.
        self.ida_up = IDAUp((128, 256, 512), 128, (1, 2, 4))
        self.ida_up.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Features of (images, 3, H, W), H and W multiples of 32.

        Returns:
            Maps of (128, H/8, W/8), (256, H/16, W/16) and (512, H/32, W/32) per image.
        """
        levels = self.base(images)
        return self.dla_up(levels[3:])

"""DLA-34 up to one map at stride 4, as CenterNet and FairMOT use it (`DLASeg`)."""

from __future__ import annotations

from torch import Tensor, nn

from dmtrack.models.backbones.dla import DLA, DLA34_CHANNELS
from dmtrack.models.backbones.dla34 import DLAUp, IDAUp
from dmtrack.registry import BACKBONES


@BACKBONES.register
class DLASeg(nn.Module):
    """DLA-34 trunk, deformable aggregation of its levels at strides 4 to 32, and their sum at stride 4.

    Source: Zhou et al., Objects as Points, 2019, appendix; Zhang et al., FairMOT, IJCV 2021, section 4.1.

    Args:
        pretrained: where training takes the trunk's first weights from (a file or a name that the trainer knows).
    """

    out_channels = DLA34_CHANNELS[2]
    stride = 4

    def __init__(self, pretrained: str | None = None) -> None:
        super().__init__()
        self.pretrained = pretrained
        channels = DLA34_CHANNELS[2:]
        self.base = DLA()
        self.dla_up = DLAUp(channels)
        self.ida_up = IDAUp(channels[:3], channels[0], (1, 2, 4))

    def forward(self, images: Tensor) -> Tensor:
        """(images, 3, H, W), H and W multiples of 32 -> (images, 64, H/4, W/4)."""
        pyramid = self.dla_up(self.base(images)[2:])
        return self.ida_up(list(pyramid[:3]))[-1]

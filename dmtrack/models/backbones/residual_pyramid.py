"""A small residual trunk whose maps are added up at stride 4: what a detector of centres needs on a CPU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import Count
from dmtrack.models.backbones.residual_trunk import ResidualTrunk
from dmtrack.registry import BACKBONES


@BACKBONES.register
class ResidualPyramid(nn.Module):
    """A `ResidualTrunk` and a way back up, as in Feature Pyramid Networks (Lin et al., CVPR 2017), to one map.

    Args:
        widths: channels at strides 2, 4, 8, 16, 32.
        blocks: residual blocks at strides 4, 8, 16, 32.
        channels: of the map at stride 4.
    """

    stride = 4

    def __init__(
        self,
        widths: tuple[Count, ...] = (16, 32, 64, 96, 128),
        blocks: tuple[Count, ...] = (1, 1, 2, 1),
        channels: Count = 48,
    ) -> None:
        super().__init__()
        self.out_channels = channels
        self.trunk = ResidualTrunk(widths, blocks)
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths[1:])
        self.fused = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, channels, H / 4, W / 4)."""
        maps = [reduce(level) for reduce, level in zip(self.lateral, self.trunk(images), strict=True)]
        whole = maps.pop()
        while maps:
            finer = maps.pop()
            whole = finer + F.interpolate(whole, size=finer.shape[-2:], mode="nearest")
        fused: Tensor = self.fused(whole)
        return fused

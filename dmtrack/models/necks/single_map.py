"""A neck that fuses every level into one map, so that one template serves objects of all sizes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import Count
from dmtrack.registry import NECKS


@NECKS.register
class SingleMapFusion(nn.Module):
    """Levels at strides 4, 8, 16 and 32 summed at stride 8.

    The stride-4 level is folded down by a 2x2 convolution, which keeps what small targets look like at little cost;
    the coarser levels are added top-down as in FPN.

    Args:
        in_channels: channels of the levels at strides 4, 8, 16, 32.
        out_channels: channels of the fused map.
    """

    stride = 8

    def __init__(
        self, in_channels: tuple[Count, Count, Count, Count] = (48, 64, 128, 160), out_channels: Count = 64
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.fine = nn.Conv2d(in_channels[0], out_channels, 2, 2, bias=False)
        self.laterals = nn.ModuleList(nn.Conv2d(channels, out_channels, 1) for channels in in_channels[1:])
        self.smooth = nn.Sequential(
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False), nn.BatchNorm2d(out_channels)
        )

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Maps at strides 4, 8, 16, 32 -> one map (N, out_channels, H / 8, W / 8) as a tuple of one level."""
        fine, *coarse = maps
        fused = self.laterals[-1](coarse[-1])
        for lateral, level in zip(reversed(list(self.laterals)[:-1]), reversed(coarse[:-1]), strict=True):
            fused = lateral(level) + F.interpolate(fused, size=level.shape[-2:], mode="nearest")
        return (self.smooth(fused + self.fine(fine)),)

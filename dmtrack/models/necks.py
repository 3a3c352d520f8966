"""Necks: a feature pyramid (Lin et al. 2017) without norms, activations or extra levels, and a fusion into one map."""

from __future__ import annotations

from collections import OrderedDict, abc

import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import Count
from dmtrack.registry import NECKS


@NECKS.register
class FPN(nn.Module):
    """Lateral 1x1 convolutions, nearest-neighbour top-down sums, 3x3 smoothing.

    Args:
        in_channels: channels of the backbone's levels, finest first.
        out_channels: channels of every output level.
        num_outs: number of output levels; as many as inputs.
    """

    def __init__(self, in_channels: abc.Sequence[Count], out_channels: Count, num_outs: Count | None = None) -> None:
        super().__init__()
        if num_outs is not None and num_outs != len(in_channels):
            raise ValueError(f"num_outs={num_outs} must equal the {len(in_channels)} levels of in_channels")
        self.out_channels = out_channels
        self.lateral_convs = nn.ModuleList(_convolution(channels, out_channels, 1) for channels in in_channels)
        self.fpn_convs = nn.ModuleList(_convolution(out_channels, out_channels, 3) for _ in in_channels)

    def forward(self, features: abc.Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps of the backbone -> maps of the same sizes with `out_channels` channels each."""
        laterals = [convolution(level) for convolution, level in zip(self.lateral_convs, features, strict=True)]
        for level in range(len(laterals) - 1, 0, -1):
            finer = laterals[level - 1]
            laterals[level - 1] = finer + F.interpolate(laterals[level], size=finer.shape[2:], mode="nearest")
        return tuple(convolution(level) for convolution, level in zip(self.fpn_convs, laterals, strict=True))


def _convolution(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(convolution.weight)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    # Published files call the layer `conv` inside a wrapper.
    return nn.Sequential(OrderedDict(conv=convolution))


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

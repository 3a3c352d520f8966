"""A plain residual network: what a small detector needs and nothing else."""

from __future__ import annotations

from torch import Tensor, nn

from dmtrack.config import Count, CountOrZero
from dmtrack.models.backbones.dla import BasicBlock
from dmtrack.registry import BACKBONES


@BACKBONES.register
class ResidualTrunk(nn.Module):
    """A stem at stride 2 and one stage of residual blocks for each following power of two.

    Args:
        widths: channels at strides 2, 4, 8, 16, ...
        blocks: residual blocks at strides 4, 8, 16, ... (one number fewer than `widths`).
    """

    def __init__(
        self, widths: tuple[Count, ...] = (24, 48, 64, 128, 160), blocks: tuple[CountOrZero, ...] = (1, 2, 2, 2)
    ) -> None:
        super().__init__()
        self.out_channels = tuple(widths[1:])
        self.out_strides = tuple(4 * 2**level for level in range(len(self.out_channels)))
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)
        )
        self.stages = nn.ModuleList()
        for in_channels, out_channels, count in zip(widths, widths[1:], blocks, strict=False):
            stage = [BasicBlock(in_channels, out_channels, stride=2, project=True)]
            stage += [BasicBlock(out_channels, out_channels) for _ in range(count - 1)]
            self.stages.append(nn.Sequential(*stage))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) -> maps at strides 4, 8, 16, ..., finest first."""
        x = self.stem(images)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)

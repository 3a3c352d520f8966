"""The backbone of DMTrack-GS: a DLA-34 trunk, whose levels at strides 8, 16, 32 an iterative deep aggregation with
deformable convolutions turns into a feature pyramid.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dmtrack.models.backbones.deformable import ModulatedDeformableConv
from dmtrack.models.backbones.dla import DEAD_TRUNK_PARAMETERS, DLA, DLA34_CHANNELS
from dmtrack.registry import BACKBONES


class DeformableBlock(nn.Module):
    """Modulated deformable convolution, BN, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.actf = nn.Sequential(nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))
        self.conv = ModulatedDeformableConv(in_channels, out_channels)

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        return self.actf(self.conv(inputs))


def bilinear_upsampling(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A depthwise transposed convolution that starts as bilinear interpolation by `factor` and is then learned."""
    size = 2 * factor
    layer = nn.ConvTranspose2d(channels, channels, size, factor, factor // 2, groups=channels, bias=False)
    half = math.ceil(size / 2)
    centre = (2 * half - 1 - half % 2) / (2.0 * half)
    taps = 1.0 - (torch.arange(size, dtype=torch.float32) / half - centre).abs()
    with torch.no_grad():
        layer.weight.copy_(torch.outer(taps, taps).expand_as(layer.weight))
    return layer


class IDAUp(nn.Module):
    """Merges levels from fine to coarse into the resolution of the finest.

    Args:
        in_channels: channels of the levels, finest first.
        out_channels: channels of the result.
        factors: upsampling of each level relative to the finest; the first is 1.
    """

    def __init__(self, in_channels: tuple[int, ...], out_channels: int, factors: tuple[int, ...]) -> None:
        super().__init__()
        self.steps = len(in_channels) - 1
        for step in range(1, len(in_channels)):
            self.add_module(f"proj_{step}", DeformableBlock(in_channels[step], out_channels))
            self.add_module(f"up_{step}", bilinear_upsampling(out_channels, factors[step]))
            self.add_module(f"node_{step}", DeformableBlock(out_channels, out_channels))

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Levels finest first -> (images, out_channels, H, W) at the resolution of the first."""
        merged = levels[0]
        for step, level in enumerate(levels[1:], start=1):
            projected = self.get_submodule(f"proj_{step}")(level)
            upsampled = self.get_submodule(f"up_{step}")(projected)
            merged = self.get_submodule(f"node_{step}")(upsampled + merged)
        return merged


class DLAUp(nn.Module):
    """Levels at strides 8, 16, 32 (128, 256, 512 channels) to a pyramid of the same shapes."""

    def __init__(self, channels: tuple[int, int, int] = (128, 256, 512)) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.ida_0 = IDAUp((middle, coarse), middle, (1, 2))
        # Its third input is the result of `ida_0`, which has the channels of the middle level.
        self.ida_1 = IDAUp((fine, middle, middle), fine, (1, 2, 2))

    def forward(self, levels: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """The three levels, finest first -> maps of the same shapes; the coarsest passes unchanged."""
        fine, middle, coarse = levels
        middle_out = self.ida_0([middle, coarse])
        fine_out = self.ida_1([fine, middle, middle_out])
        return fine_out, middle_out, coarse


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

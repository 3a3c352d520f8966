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

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Levels finest first -> (images, out_channels, H, W) at the resolution of the first, after each step."""
        merged = [levels[0]]
        for step, level in enumerate(levels[1:], start=1):
            projected = self.get_submodule(f"proj_{step}")(level)
            upsampled = self.get_submodule(f"up_{step}")(projected)
            merged.append(self.get_submodule(f"node_{step}")(upsampled + merged[-1]))
        return merged[1:]


class DLAUp(nn.Module):
    """Levels that halve in size from one to the next, to a pyramid of the same shapes.

    Args:
        channels: of the levels, finest first; by default those at strides 8, 16, 32.
    """

    def __init__(self, channels: tuple[int, ...] = (128, 256, 512)) -> None:
        super().__init__()
        self.passes = len(channels) - 1
        self.ida_0: IDAUp
        self.ida_1: IDAUp
        for step in range(self.passes):
            width = channels[-step - 2]
            # Every level but the two finest is what the pass before it made, which has that pass's channels.
            inputs = (width, channels[-step - 1], *[channels[-step - 1]] * step)
            self.add_module(f"ida_{step}", IDAUp(inputs, width, (1, *[2] * (step + 1))))

    def forward(self, levels: list[Tensor]) -> tuple[Tensor, ...]:
        """The levels, finest first -> maps of the same shapes; the coarsest passes unchanged."""
        levels = list(levels)
        pyramid = [levels[-1]]
        for step in range(self.passes):
            merged = self.get_submodule(f"ida_{step}")(levels[-step - 2 :])
            levels[-step - 1 :] = merged
            pyramid.insert(0, merged[-1])
        return tuple(pyramid)


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

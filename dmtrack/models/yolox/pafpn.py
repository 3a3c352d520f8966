"""YOLOX's backbone: CSPDarknet (section 2.1), then path aggregation (Liu et al., CVPR 2018) over three of its maps."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from dmtrack.models.backbones.yolov5 import SPP, Convolution, CSPBlock, Focus, conv_norm_act

STAGES = ("dark2", "dark3", "dark4", "dark5")
"""Of CSPDarknet, at strides 4, 8, 16 and 32."""


def depthwise_conv(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Every channel for itself, then a 1x1 convolution over all channels, each with batch norm and SiLU."""
    layers = OrderedDict[str, nn.Module]()
    layers["dconv"] = conv_norm_act(in_channels, in_channels, kernel, stride, groups=in_channels)
    layers["pconv"] = conv_norm_act(in_channels, out_channels)
    return nn.Sequential(layers)


class CSPDarknet(nn.Module):
    """Images to maps at strides 8, 16 and 32.

    Args:
        depth: factor on the number of bottlenecks, 1 for YOLOX-L.
        width: factor on the channels, 1 for YOLOX-L.
        convolution: of kernels above 1x1, `conv_norm_act` or `depthwise_conv`.
    """

    def __init__(self, depth: float, width: float, convolution: Convolution) -> None:
        super().__init__()
        channels, bottlenecks = int(width * 64), max(round(depth * 3), 1)
        self.stem = Focus(3, channels)
        for stage, times in zip(STAGES, (1, 3, 3, 1), strict=True):
            last = stage == STAGES[-1]
            layers = [convolution(channels, 2 * channels, 3, 2)]
            if last:
                layers.append(SPP(2 * channels, names="conv"))
            channels *= 2
            layers.append(CSPBlock(channels, channels, times * bottlenecks, not last, convolution, names="conv"))
            self.add_module(stage, nn.Sequential(*layers))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(images, 3, H, W), H and W multiples of 32 -> maps of 256, 512 and 1024 x width channels."""
        features, maps = self.stem(images), []
        for stage in STAGES:
            features = self.get_submodule(stage)(features)
            maps.append(features)
        return maps[1:]


class PAFPN(nn.Module):
    """Images to maps at strides 8, 16 and 32, each of which has seen the others.

    Args:
        depth: factor on the number of bottlenecks.
        width: factor on the channels.
        convolution: of kernels above 1x1.

    Attributes:
        out_channels: of the maps.
        strides: of the maps, in pixels.
    """

    strides = (8, 16, 32)

    def __init__(self, depth: float, width: float, convolution: Convolution) -> None:
        super().__init__()
        fine, middle, coarse = self.out_channels = tuple(int(channels * width) for channels in (256, 512, 1024))
        join = partial(CSPBlock, bottlenecks=round(3 * depth), shortcut=False, convolution=convolution, names="conv")
        self.backbone = CSPDarknet(depth, width, convolution)
        self.lateral_conv0 = conv_norm_act(coarse, middle)
        self.C3_p4 = join(2 * middle, middle)
        self.reduce_conv1 = conv_norm_act(middle, fine)
        self.C3_p3 = join(2 * fine, fine)
        self.bu_conv2 = convolution(fine, fine, 3, 2)
        self.C3_n3 = join(2 * fine, middle)
        self.bu_conv1 = convolution(middle, middle, 3, 2)
        self.C3_n4 = join(2 * middle, coarse)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(images, 3, H, W), H and W multiples of 32 -> maps of 256, 512 and 1024 x width channels."""
        at_8, at_16, at_32 = self.backbone(images)
        lateral_32 = self.lateral_conv0(at_32)
        top_16 = self.C3_p4(torch.cat([interpolate(lateral_32, scale_factor=2.0), at_16], dim=1))
        lateral_16 = self.reduce_conv1(top_16)
        out_8 = self.C3_p3(torch.cat([interpolate(lateral_16, scale_factor=2.0), at_8], dim=1))
        out_16 = self.C3_n3(torch.cat([self.bu_conv2(out_8), lateral_16], dim=1))
        out_32 = self.C3_n4(torch.cat([self.bu_conv1(out_16), lateral_32], dim=1))
        return out_8, out_16, out_32

"""Path aggregation (Liu et al., CVPR 2018) on CSPDarknet: once down to the finest of three maps and up again."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from dmtrack.models.backbones.yolov5 import conv_norm_act
from dmtrack.models.yolox.darknet import Convolution, CSPDarknet, CSPLayer


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
        bottlenecks = round(3 * depth)

        def joined(channels: int, out_channels: int) -> CSPLayer:
            return CSPLayer(channels, out_channels, bottlenecks, False, convolution)

        self.backbone = CSPDarknet(depth, width, convolution)
        self.lateral_conv0 = conv_norm_act(coarse, middle)
        self.C3_p4 = joined(2 * middle, middle)
        self.reduce_conv1 = conv_norm_act(middle, fine)
        self.C3_p3 = joined(2 * fine, fine)
        self.bu_conv2 = convolution(fine, fine, 3, 2)
        self.C3_n3 = joined(2 * fine, middle)
        self.bu_conv1 = convolution(middle, middle, 3, 2)
        self.C3_n4 = joined(2 * middle, coarse)

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

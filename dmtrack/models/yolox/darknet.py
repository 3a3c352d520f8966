"""CSPDarknet, YOLOX's trunk: cross-stage partial blocks at strides 4 to 32 (YOLOX section 2.1)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dmtrack.models.backbones.yolov5 import Focus, conv_norm_act

Convolution = Callable[..., nn.Module]
"""(channels in, channels out, side of the kernel, stride) -> convolution, batch norm and SiLU."""


def depthwise_conv(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Every channel for itself, then a 1x1 convolution over all channels, each with batch norm and SiLU."""
    layers = OrderedDict[str, nn.Module]()
    layers["dconv"] = conv_norm_act(in_channels, in_channels, kernel, stride, groups=in_channels)
    layers["pconv"] = conv_norm_act(in_channels, out_channels)
    return nn.Sequential(layers)


class Bottleneck(nn.Module):
    """A 1x1 and a 3x3 convolution, with a shortcut if wanted."""

    def __init__(self, channels: int, shortcut: bool, convolution: Convolution) -> None:
        super().__init__()
        self.conv1 = conv_norm_act(channels, channels)
        self.conv2 = convolution(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of the same shape."""
        hidden: Tensor = self.conv2(self.conv1(inputs))
        return inputs + hidden if self.shortcut else hidden


class CSPLayer(nn.Module):
    """Cross-stage partial block: half of the channels go through bottlenecks, the other half past them."""

    def __init__(
        self, in_channels: int, out_channels: int, bottlenecks: int, shortcut: bool, convolution: Convolution
    ) -> None:
        super().__init__()
        half = out_channels // 2
        self.conv1 = conv_norm_act(in_channels, half)
        self.conv2 = conv_norm_act(in_channels, half)
        self.conv3 = conv_norm_act(2 * half, out_channels)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut, convolution) for _ in range(bottlenecks)))

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        outputs: Tensor = self.conv3(torch.cat([self.m(self.conv1(inputs)), self.conv2(inputs)], dim=1))
        return outputs


class SPPBottleneck(nn.Module):
    """Spatial pyramid pooling: maxima over windows of 5, 9 and 13 cells beside the map itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv_norm_act(channels, channels // 2)
        self.conv2 = conv_norm_act(2 * channels, channels)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of the same shape."""
        maps = [self.conv1(inputs)]
        for _ in range(3):
            # Windows of 9 and 13 cells are that of 5, applied again.
            maps.append(nn.functional.max_pool2d(maps[-1], 5, 1, 2))
        outputs: Tensor = self.conv2(torch.cat(maps, dim=1))
        return outputs


class CSPDarknet(nn.Module):
    """Images to maps at strides 8, 16 and 32.

    Args:
        depth: factor on the number of bottlenecks, 1 for YOLOX-L.
        width: factor on the channels, 1 for YOLOX-L.
        convolution: of kernels above 1x1, `conv_norm_act` or `depthwise_conv`.
    """

    def __init__(self, depth: float, width: float, convolution: Convolution) -> None:
        super().__init__()
        first, bottlenecks = int(width * 64), max(round(depth * 3), 1)

        def stage(channels: int, times: int, last: bool = False) -> nn.Sequential:
            layers = [convolution(channels, 2 * channels, 3, 2)]
            if last:
                layers.append(SPPBottleneck(2 * channels))
            return nn.Sequential(*layers, CSPLayer(2 * channels, 2 * channels, times, not last, convolution))

        self.stem = Focus(3, first)
        self.dark2 = stage(first, bottlenecks)
        self.dark3 = stage(2 * first, 3 * bottlenecks)
        self.dark4 = stage(4 * first, 3 * bottlenecks)
        self.dark5 = stage(8 * first, bottlenecks, last=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(images, 3, H, W), H and W multiples of 32 -> maps of 256, 512 and 1024 x width channels."""
        at_8: Tensor = self.dark3(self.dark2(self.stem(images)))
        at_16: Tensor = self.dark4(at_8)
        return at_8, at_16, self.dark5(at_16)

"""The YOLOv5s layout up to stride 4, the small network of FairMOT: cross-stage partial blocks and a top-down path."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dmtrack.registry import BACKBONES

Convolution = Callable[..., nn.Module]
"""(channels in, channels out, side of the kernel, stride) -> convolution, batch norm and SiLU."""


def conv_norm_act(
    in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution without bias, batch norm, SiLU; with a stride, maps become smaller by that factor."""
    layers = OrderedDict[str, nn.Module]()
    layers["conv"] = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers["bn"] = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.03)
    layers["act"] = nn.SiLU(inplace=True)
    return nn.Sequential(layers)


class Focus(nn.Module):
    """Each 2x2 block of pixels as channels, then a convolution: half the size without losing a pixel."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = conv_norm_act(4 * in_channels, out_channels, kernel)

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H/2, W/2)."""
        phases = [inputs[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(phases, dim=1))


class Bottleneck(nn.Module):
    """A 1x1 and a 3x3 convolution, with a shortcut if wanted; the arguments are those of `CSPBlock`."""

    def __init__(self, channels: int, shortcut: bool, convolution: Convolution, names: str) -> None:
        super().__init__()
        self.names = (f"{names}1", f"{names}2")
        self.add_module(self.names[0], conv_norm_act(channels, channels))
        self.add_module(self.names[1], convolution(channels, channels, 3))
        self.shortcut = shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of the same shape."""
        first, second = (self.get_submodule(name) for name in self.names)
        hidden: Tensor = second(first(inputs))
        return inputs + hidden if self.shortcut else hidden


class CSPBlock(nn.Module):
    """Cross-stage partial block: half of the channels go through bottlenecks, the other half past them.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        bottlenecks: how many, one after the other.
        shortcut: whether each adds its input.
        convolution: makes their 3x3 convolutions.
        names: how files call the convolutions before their number: `cv` in YOLOv5, `conv` in YOLOX.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bottlenecks: int = 1,
        shortcut: bool = True,
        convolution: Convolution = conv_norm_act,
        names: str = "cv",
    ) -> None:
        super().__init__()
        half = out_channels // 2
        self.names = (f"{names}1", f"{names}2", f"{names}3")
        shapes = ((in_channels, half), (in_channels, half), (2 * half, out_channels))
        for name, shape in zip(self.names, shapes, strict=True):
            self.add_module(name, conv_norm_act(*shape))
        self.m = nn.Sequential(*(Bottleneck(half, shortcut, convolution, names) for _ in range(bottlenecks)))

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        first, second, last = (self.get_submodule(name) for name in self.names)
        outputs: Tensor = last(torch.cat([self.m(first(inputs)), second(inputs)], dim=1))
        return outputs


class SPP(nn.Module):
    """Spatial pyramid pooling: maxima over windows of 5, 9 and 13 cells beside the map itself; `names` as above."""

    def __init__(self, channels: int, names: str = "cv") -> None:
        super().__init__()
        self.names = (f"{names}1", f"{names}2")
        self.add_module(self.names[0], conv_norm_act(channels, channels // 2))
        self.add_module(self.names[1], conv_norm_act(2 * channels, channels))
        self.m = nn.ModuleList(nn.MaxPool2d(window, 1, window // 2) for window in (5, 9, 13))

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of the same shape."""
        first, last = (self.get_submodule(name) for name in self.names)
        hidden = first(inputs)
        outputs: Tensor = last(torch.cat([hidden, *(pool(hidden) for pool in self.m)], dim=1))
        return outputs


JOINED_LATER = (2, 4, 6)
"""Layers of the trunk, at strides 4, 8, 16, that the top-down path joins, the last one first."""


@BACKBONES.register
class YOLOv5s(nn.Module):
    """Trunk down to stride 32 and top-down path up to stride 4, 5.0 million parameters with FairMOT's heads.

    Args:
        pretrained: where training takes the first weights from: a file of tensors by name.
    """

    out_channels = 64
    stride = 4

    def __init__(self, pretrained: str | None = None) -> None:
        super().__init__()
        self.pretrained = pretrained
        trunk = [
            Focus(3, 32),
            conv_norm_act(32, 64, 3, 2),
            CSPBlock(64, 64),
            conv_norm_act(64, 128, 3, 2),
            CSPBlock(128, 128, 3),
        ]
        trunk += [conv_norm_act(128, 256, 3, 2), CSPBlock(256, 256, 3), conv_norm_act(256, 512, 3, 2), SPP(512)]
        layers: list[nn.Module] = [*trunk, CSPBlock(512, 512, shortcut=False)]
        for channels in (256, 128, 64):
            # Published files number the enlarging and the joining as two layers without parameters.
            layers += [
                conv_norm_act(2 * channels, channels),
                nn.Upsample(scale_factor=2.0, mode="nearest"),
                nn.Identity(),
            ]
            layers += [CSPBlock(2 * channels, channels, shortcut=False)]
        self.model = nn.ModuleList(layers)

    def forward(self, images: Tensor) -> Tensor:
        """(images, 3, H, W), H and W multiples of 32 -> (images, 64, H/4, W/4)."""
        features = images
        finer: list[Tensor] = []
        for number, layer in enumerate(self.model):
            features = layer(features)
            if isinstance(layer, nn.Upsample):
                features = torch.cat([features, finer.pop()], dim=1)
            if number in JOINED_LATER:
                finer.append(features)
        return features

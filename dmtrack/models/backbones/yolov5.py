"""The YOLOv5s layout up to stride 4, the small network of FairMOT: cross-stage partial blocks and a top-down path."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmtrack.registry import BACKBONES


class ConvNormAct(nn.Module):
    """Convolution without bias, batch norm, SiLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H/stride, W/stride)."""
        return self.act(self.bn(self.conv(inputs)))


class Focus(nn.Module):
    """Each 2x2 block of pixels as channels, then a convolution: half the size without losing a pixel."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = ConvNormAct(4 * in_channels, out_channels, kernel)

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H/2, W/2)."""
        phases = [inputs[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(phases, dim=1))


class Bottleneck(nn.Module):
    """A 1x1 and a 3x3 convolution, with a shortcut if wanted."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = ConvNormAct(channels, channels)
        self.cv2 = ConvNormAct(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of the same shape."""
        hidden = self.cv2(self.cv1(inputs))
        return inputs + hidden if self.shortcut else hidden


class C3(nn.Module):
    """Cross-stage partial block: half of the channels go through bottlenecks, the other half past them."""

    def __init__(self, in_channels: int, out_channels: int, bottlenecks: int = 1, shortcut: bool = True) -> None:
        super().__init__()
        half = out_channels // 2
        self.cv1 = ConvNormAct(in_channels, half)
        self.cv2 = ConvNormAct(in_channels, half)
        self.cv3 = ConvNormAct(2 * half, out_channels)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(bottlenecks)))

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        return self.cv3(torch.cat([self.m(self.cv1(inputs)), self.cv2(inputs)], dim=1))


class SPP(nn.Module):
    """Spatial pyramid pooling: maxima over windows of 5, 9 and 13 cells beside the map itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cv1 = ConvNormAct(channels, channels // 2)
        self.cv2 = ConvNormAct(2 * channels, channels)
        self.m = nn.ModuleList(nn.MaxPool2d(window, 1, window // 2) for window in (5, 9, 13))

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of the same shape."""
        hidden = self.cv1(inputs)
        return self.cv2(torch.cat([hidden, *(pool(hidden) for pool in self.m)], dim=1))


class JoinedUpsampling(nn.Module):
    """The map enlarged twice by nearest neighbours, with a finer map of the trunk behind its channels."""

    def forward(self, inputs: Tensor, finer: Tensor) -> Tensor:
        """(images, a, H, W) and (images, b, 2H, 2W) -> (images, a + b, 2H, 2W)."""
        return torch.cat([nn.functional.interpolate(inputs, scale_factor=2.0, mode="nearest"), finer], dim=1)


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
        trunk = [Focus(3, 32), ConvNormAct(32, 64, 3, 2), C3(64, 64), ConvNormAct(64, 128, 3, 2), C3(128, 128, 3)]
        trunk += [ConvNormAct(128, 256, 3, 2), C3(256, 256, 3), ConvNormAct(256, 512, 3, 2), SPP(512)]
        layers: list[nn.Module] = [*trunk, C3(512, 512, shortcut=False)]
        for channels in (256, 128, 64):
            # Published files number the enlarging and the joining as two layers without parameters.
            layers += [ConvNormAct(2 * channels, channels), JoinedUpsampling(), nn.Identity()]
            layers += [C3(2 * channels, channels, shortcut=False)]
        self.model = nn.ModuleList(layers)

    def forward(self, images: Tensor) -> Tensor:
        """(images, 3, H, W), H and W multiples of 32 -> (images, 64, H/4, W/4)."""
        features = images
        finer: list[Tensor] = []
        for number, layer in enumerate(self.model):
            features = layer(features, finer.pop()) if isinstance(layer, JoinedUpsampling) else layer(features)
            if number in JOINED_LATER:
                finer.append(features)
        return features

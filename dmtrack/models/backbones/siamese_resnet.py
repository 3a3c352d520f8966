"""The ResNet-50 of SiamRPN++: stride 8 throughout, dilated, and unpadded where a map would otherwise see its border.

Parameter names are torchvision's, but its weights of the shortcuts do not fit: three of the four are 3x3 here.
"""

from __future__ import annotations

from collections import abc
from typing import Annotated

from torch import Tensor, nn

from dmtrack.config import Within
from dmtrack.models.backbones.staged import StagedBackbone
from dmtrack.registry import BACKBONES

EXPANSION = 4
BLOCKS = (3, 4, 6, 3)
STRIDES = (1, 2, 1, 1)
DILATIONS = (1, 1, 2, 4)


class DilatedBottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around a shortcut.

    Args:
        in_channels: of the input.
        width: of the 3x3 convolution; the output has four times as many channels.
        stride: of the 3x3 convolution.
        dilation: of the 3x3 convolution.
        shortcut: what the input passes; None for the input itself.
    """

    def __init__(
        self, in_channels: int, width: int, stride: int = 1, dilation: int = 1, shortcut: nn.Module | None = None
    ) -> None:
        super().__init__()
        out_channels = width * EXPANSION
        # A convolution with stride is not padded: 31 cells become 15, and 63 become 31.
        padding = dilation if dilation > 1 else 2 - stride
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, 4 width, H', W')."""
        shortcut = inputs if self.downsample is None else self.downsample(inputs)
        outputs = self.relu(self.bn1(self.conv1(inputs)))
        outputs = self.relu(self.bn2(self.conv2(outputs)))
        outputs = self.bn3(self.conv3(outputs))
        outputs += shortcut
        return self.relu(outputs)


@BACKBONES.register
class SiameseResNet50(StagedBackbone):
    """ResNet-50 with an unpadded stem, 3x3 shortcuts and dilated last stages (SiamRPN++, section 3.2).

    127 pixels become 15 cells and 255 become 31 at the second, third and fourth stage alike.

    Args:
        out_stages: 1-based numbers of the stages whose maps are returned, ascending.
        pretrained: where training takes the first weights from: a file, PySOT's `resnet50.model` being MMTracking's
            `sot_resnet50.model`.

    Raises:
        ConfigError: a number that is no stage, or not ascending.
    """

    def __init__(
        self, out_stages: abc.Sequence[Annotated[int, Within(1, 4)]] = (2, 3, 4), pretrained: str | None = None
    ) -> None:
        super().__init__(pretrained, out_stages, len(BLOCKS))
        self.out_channels = tuple(64 * 2 ** (stage - 1) * EXPANSION for stage in self.out_stages)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        in_channels = 64
        for stage in range(1, max(self.out_stages) + 1):
            layer = _stage(in_channels, stage)
            in_channels = 64 * 2 ** (stage - 1) * EXPANSION
            self.add_module(f"layer{stage}", layer)


def _stage(in_channels: int, stage: int) -> nn.Sequential:
    stride, dilation = STRIDES[stage - 1], DILATIONS[stage - 1]
    width = 64 * 2 ** (stage - 1)
    # The first block of a dilated stage still sees a map of the stage before, whose cells lie half as far apart.
    first = max(dilation // 2, 1)
    blocks = [DilatedBottleneck(in_channels, width, stride, first, _shortcut(in_channels, width, stage, stride, first))]
    blocks += [DilatedBottleneck(width * EXPANSION, width, 1, dilation) for _ in range(BLOCKS[stage - 1] - 1)]
    return nn.Sequential(*blocks)


def _shortcut(in_channels: int, width: int, stage: int, stride: int, dilation: int) -> nn.Sequential:
    if stage == 1:
        convolution = nn.Conv2d(in_channels, width * EXPANSION, 1, bias=False)
    else:
        padding = 0 if stride > 1 else dilation
        convolution = nn.Conv2d(in_channels, width * EXPANSION, 3, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width * EXPANSION))

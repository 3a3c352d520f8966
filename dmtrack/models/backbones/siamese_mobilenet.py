"""The MobileNetV2 of SiamRPN++: stride 8, with dilation in place of the later strides."""

from __future__ import annotations

from collections import abc
from typing import Annotated

from torch import Tensor, nn

from dmtrack.config import Positive, Within
from dmtrack.models.backbones.staged import StagedBackbone
from dmtrack.registry import BACKBONES

STEM_WIDTH = 32
STAGES = (
    # expansion, width, blocks, stride, dilation
    (1, 16, 1, 1, 1),
    (6, 24, 2, 2, 1),
    (6, 32, 3, 2, 1),
    (6, 64, 4, 1, 2),
    (6, 96, 3, 1, 2),
    (6, 160, 3, 1, 4),
    (6, 320, 1, 1, 4),
)


class InvertedResidual(nn.Module):
    """A depthwise 3x3 convolution between two 1x1 ones, with a shortcut where the shapes agree.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        stride: of the depthwise convolution; with stride it is not padded.
        expansion: factor on the channels of the depthwise convolution.
        dilation: of the depthwise convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int, dilation: int) -> None:
        super().__init__()
        width = in_channels * expansion
        padding = dilation if dilation > 1 else 2 - stride
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.conv = nn.Sequential(
            nn.Conv2d(in_channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU6(inplace=True),
            nn.Conv2d(width, width, 3, stride, padding, dilation, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU6(inplace=True),
            nn.Conv2d(width, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H', W')."""
        outputs: Tensor = self.conv(inputs)
        return inputs + outputs if self.has_shortcut else outputs


@BACKBONES.register
class SiameseMobileNetV2(StagedBackbone):
    """MobileNetV2 whose maps from the third stage on have stride 8: 127 -> 15 cells, 255 -> 31.

    Args:
        width_mult: factor on all channels; 1.4 in the published file.
        out_stages: numbers, from 1 to 7, of the stages whose maps are returned, ascending.
        pretrained: file that training takes the first weights from.

    Raises:
        ConfigError: a number that is no stage, or not ascending.
    """

    def __init__(
        self,
        width_mult: Positive = 1.4,
        out_stages: abc.Sequence[Annotated[int, Within(1, 7)]] = (3, 5, 7),
        pretrained: str | None = None,
    ) -> None:
        super().__init__(pretrained, out_stages, len(STAGES))
        self.out_channels = tuple(int(STAGES[stage - 1][1] * width_mult) for stage in self.out_stages)
        in_channels = int(STEM_WIDTH * width_mult)
        self.layer0 = nn.Sequential(
            nn.Conv2d(3, in_channels, 3, 2, bias=False), nn.BatchNorm2d(in_channels), nn.ReLU6(inplace=True)
        )
        previous_dilation = 1
        for stage in range(1, max(self.out_stages) + 1):
            expansion, width, count, stride, dilation = STAGES[stage - 1]
            out_channels = int(width * width_mult)
            first = dilation if dilation == previous_dilation else max(dilation // 2, 1)
            blocks = [InvertedResidual(in_channels, out_channels, stride, expansion, first)]
            blocks += [InvertedResidual(out_channels, out_channels, 1, expansion, dilation) for _ in range(count - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
            in_channels, previous_dilation = out_channels, dilation

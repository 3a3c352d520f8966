"""Neck and head of SiamRPN++, with MMTracking's parameter names.

Levels are fused as in section 3.3 of the paper, template and search maps are correlated as in section 3.4.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import Count
from dmtrack.errors import ConfigError
from dmtrack.registry import HEADS, NECKS

KINDS = {"cls": 2, "reg": 4}
"""Numbers per anchor: background and foreground; dx, dy, dw, dh."""


def conv_norm(in_channels: int, out_channels: int, kernel_size: int, relu: bool = True) -> nn.Sequential:
    """A convolution without bias, batch norm, and in general a ReLU, under the published names."""
    layers = OrderedDict[str, nn.Module]()
    layers["conv"] = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False)
    layers["bn"] = nn.BatchNorm2d(out_channels)
    if relu:
        layers["activate"] = nn.ReLU(inplace=True)
    return nn.Sequential(layers)


@NECKS.register
class ChannelMapper(nn.Module):
    """One 1x1 convolution with batch norm and without activation per level.

    Args:
        in_channels: of the levels.
        out_channels: of every level, or one number per level.

    Raises:
        ConfigError: as many numbers as levels were expected.
    """

    def __init__(self, in_channels: Sequence[Count], out_channels: Count | Sequence[Count] = 256) -> None:
        super().__init__()
        outputs = [out_channels] * len(in_channels) if isinstance(out_channels, int) else list(out_channels)
        if len(outputs) != len(in_channels):
            raise ConfigError(
                f"ChannelMapper.out_channels has {len(outputs)} numbers for {len(in_channels)} levels of in_channels"
            )
        self.out_channels = tuple(outputs)
        self.convs = nn.ModuleList(
            conv_norm(first, second, 1, relu=False) for first, second in zip(in_channels, outputs, strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps of the backbone -> maps of the same sizes."""
        return tuple(convolution(level) for convolution, level in zip(self.convs, features, strict=True))


def depthwise_correlation(search: Tensor, kernel: Tensor) -> Tensor:
    """Each channel of each search map with the same channel of its own kernel, without padding.

    Args:
        search: (images, channels, H, W).
        kernel: (images, channels, h, w).

    Returns:
        (images, channels, H - h + 1, W - w + 1).
    """
    images, channels = kernel.shape[:2]
    kernels = kernel.reshape(images * channels, 1, *kernel.shape[2:])
    outputs = F.conv2d(search.reshape(1, images * channels, *search.shape[2:]), kernels, groups=images * channels)
    return outputs.view(images, channels, *outputs.shape[2:])


class CorrelationHead(nn.Module):
    """One branch of one level: template and search maps to a map of scores or boxes, `out_channels` per cell."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.kernel_convs = conv_norm(channels, channels, 3)
        self.search_convs = conv_norm(channels, channels, 3)
        last = nn.Sequential(OrderedDict(conv=nn.Conv2d(channels, out_channels, 1)))
        self.head_convs = nn.Sequential(conv_norm(channels, channels, 1), last)

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """(images, channels, h, w) and (images, channels, H, W) -> (images, out_channels, H - h + 1, W - w + 1)."""
        responses = depthwise_correlation(self.search_convs(search), self.kernel_convs(template))
        return self.head_convs(responses)


class Outputs(NamedTuple):
    """Raw maps, channel k x anchors + a for kind k of anchor a.

    Attributes:
        cls: (images, 2 x anchors, rows, columns) logits of background and foreground.
        reg: (images, 4 x anchors, rows, columns) dx, dy, dw, dh.
    """

    cls: Tensor
    reg: Tensor


@HEADS.register
class SiamRPNHead(nn.Module):
    """Two branches per level, fused by a learned weighting or by their mean.

    Args:
        in_channels: of the levels.
        anchors: per cell.
        weighted: whether the levels are weighted by the softmax of a learned vector, one for scores and one for boxes.

    Raises:
        ConfigError: a weighting of a single level.
    """

    def __init__(
        self, in_channels: Sequence[Count] = (256, 256, 256), anchors: Count = 5, weighted: bool = True
    ) -> None:
        super().__init__()
        if weighted and len(in_channels) < 2:
            raise ConfigError("SiamRPNHead: weighted=True needs several levels in in_channels; set weighted=False")
        self.in_channels, self.anchors, self.weighted = tuple(in_channels), anchors, weighted
        self.cls_heads = nn.ModuleList(CorrelationHead(channels, 2 * anchors) for channels in in_channels)
        self.reg_heads = nn.ModuleList(CorrelationHead(channels, 4 * anchors) for channels in in_channels)
        if weighted:
            self.cls_weight = nn.Parameter(torch.ones(len(self.in_channels)))
            self.reg_weight = nn.Parameter(torch.ones(len(self.in_channels)))

    def fusion(self) -> tuple[Tensor, Tensor]:
        """(levels,) weights of the levels in scores and in boxes, each of sum 1."""
        if self.weighted:
            return self.cls_weight.softmax(0), self.reg_weight.softmax(0)
        # A buffer would appear in the state dict, which published files without weighting do not have.
        parameter = next(self.parameters())
        mean = torch.full((len(self.in_channels),), 1 / len(self.in_channels), device=parameter.device)
        return mean, mean

    def forward(self, templates: Sequence[Tensor], features: Sequence[Tensor]) -> Outputs:
        """One template and one search map per level -> raw outputs."""
        fused = []
        for heads, weights in zip((self.cls_heads, self.reg_heads), self.fusion(), strict=True):
            levels = [head(*pair) for head, pair in zip(heads, zip(templates, features, strict=True), strict=True)]
            fused.append(sum((weight * level for weight, level in zip(weights, levels, strict=True)), start=0.0))
        return Outputs(*fused)  # type: ignore[arg-type]

"""From templates to the kernels of the dynamic convolutions (spec section 1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.global_search.template import initialise_normal
from dmtrack.registry import MODELS


@dataclass
class LevelKernels:
    """1x1 kernels of every target for one level; no bias is generated.

    Attributes:
        cls1: (targets, channels, channels), before the class tower.
        cls2: (targets, mid_channels, mid_channels), after it.
        reg1: like `cls1`, for the box branch.
        reg2: like `cls2`, for the box branch.
    """

    cls1: Tensor
    cls2: Tensor
    reg1: Tensor
    reg2: Tensor


@MODELS.register
class KernelController(nn.Module):
    """Generates the kernels of the dynamic convolutions; shared by all levels.

    The published layers are 1x1 convolutions with a padding of one, averaged over all positions. The padded border
    holds the bias alone, so with a 7x7 template the result is (49 / 81) W mean(template) + b, which is computed here.

    Args:
        channels: of the templates and of the maps before the towers.
        mid_channels: of the maps after the modulator.
    """

    reference_equivalent = False
    """Computes the padded convolution and its average as published."""

    def __init__(self, channels: int = 256, mid_channels: int = 32) -> None:
        super().__init__()
        self.channels, self.mid_channels = channels, mid_channels
        self.controller_cls1 = nn.Conv2d(channels, channels * channels, 1, padding=1)
        self.controller_cls2 = nn.Conv2d(channels, mid_channels * mid_channels, 1, padding=1)
        self.controller_reg1 = nn.Conv2d(channels, channels * channels, 1, padding=1)
        self.controller_reg2 = nn.Conv2d(channels, mid_channels * mid_channels, 1, padding=1)
        for layer in self.children():
            initialise_normal(layer)

    def forward(self, templates: Sequence[Tensor]) -> list[LevelKernels]:
        """Per level (targets, channels, size, size) -> per level kernels of every target."""
        targets, wide, narrow = len(templates[0]), self.channels, self.mid_channels
        # One product for all levels: the large weight matrices are read once.
        stacked = torch.cat(list(templates))
        generate = padded_convolution_mean if self.reference_equivalent else padded_convolution_mean_closed_form
        cls1, cls2, reg1, reg2 = (
            generate(stacked, layer.weight, layer.bias).reshape(len(templates), targets, side, side)
            for layer, side in (
                (self.controller_cls1, wide),
                (self.controller_cls2, narrow),
                (self.controller_reg1, wide),
                (self.controller_reg2, narrow),
            )
        )
        return [LevelKernels(*level) for level in zip(cls1, cls2, reg1, reg2, strict=True)]


def padded_convolution_mean(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Mean over all positions of a 1x1 convolution with padding 1: (n, in, h, w) -> (n, out).

    One template after the other, as published; all at once would need gigabytes.
    """
    return torch.cat([F.conv2d(one, weight, bias, padding=1).mean(dim=(2, 3)) for one in inputs.split(1)])


def padded_convolution_mean_closed_form(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`padded_convolution_mean` without the intermediate map."""
    height, width = inputs.shape[2:]
    share = (height * width) / ((height + 2) * (width + 2))
    return F.linear(inputs.mean(dim=(2, 3)) * share, weight.flatten(1), bias)

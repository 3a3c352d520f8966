"""FCOS-style dense head (Tian et al. 2019) as DMTrack-GS uses it: shared towers, then per-target thin predictions."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.registry import HEADS

NORM_GROUPS = 32


class LevelOutputs(NamedTuple):
    """Raw predictions at one level for every target.

    Attributes:
        cls_logits: (targets, classes, H, W).
        distances: (targets, 4, H, W) to left, top, right, bottom in network-input pixels, at least 0.
        centerness_logits: (targets, 1, H, W).
    """

    cls_logits: Tensor
    distances: Tensor
    centerness_logits: Tensor


class Scale(nn.Module):
    """One learned factor."""

    def __init__(self, value: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(value))

    def forward(self, inputs: Tensor) -> Tensor:
        """The input times the factor."""
        return inputs * self.scale


@HEADS.register
class FCOSHead(nn.Module):
    """Class, box and centerness of every location; the weights are shared by all levels.

    Args:
        num_classes: channels of the class map; class 1 is the target, class 0 a dummy that is never positive.
        in_channels: channels of the maps that the towers see.
        feat_channels: channels inside the towers.
        stacked_convs: 3x3 convolutions per tower.
        mid_channels: channels of the maps that the predictions see (after the modulator).
        strides: of the levels, finest first.
        prior_probability: what the class map says before training.
    """

    def __init__(
        self,
        num_classes: int = 2,
        in_channels: int = 256,
        feat_channels: int = 256,
        stacked_convs: int = 4,
        mid_channels: int = 32,
        strides: Sequence[int] = (8, 16, 32),
        prior_probability: float = 0.01,
    ) -> None:
        super().__init__()
        self.num_classes, self.feat_channels, self.mid_channels = num_classes, feat_channels, mid_channels
        self.strides = tuple(strides)
        self.cls_convs = _tower(in_channels, feat_channels, stacked_convs)
        self.reg_convs = _tower(in_channels, feat_channels, stacked_convs)
        self.fcos_cls = nn.Conv2d(mid_channels, num_classes, 3, padding=1)
        self.fcos_reg = nn.Conv2d(mid_channels, 4, 3, padding=1)
        self.fcos_centerness = nn.Conv2d(mid_channels, 1, 3, padding=1)
        self.scales = nn.ModuleList(Scale() for _ in self.strides)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        assert self.fcos_cls.bias is not None
        nn.init.constant_(self.fcos_cls.bias, -math.log((1 - prior_probability) / prior_probability))

    def towers(self, cls_features: Tensor, reg_features: Tensor) -> tuple[Tensor, Tensor]:
        """(targets, in_channels, H, W) twice -> (targets, feat_channels, H, W) twice."""
        return self.cls_convs(cls_features), self.reg_convs(reg_features)

    def predict(self, cls_features: Tensor, reg_features: Tensor, level: int) -> LevelOutputs:
        """Predictions from the modulated maps (targets, mid_channels, H, W) of a level.

        Centerness comes from the box branch. Distances are a ReLU (not an exponential) and are not multiplied by the
        stride (spec section 1.5).
        """
        distances = F.relu(self.scales[level](self.fcos_reg(reg_features)))
        return LevelOutputs(self.fcos_cls(cls_features), distances, self.fcos_centerness(reg_features))


def _tower(in_channels: int, channels: int, depth: int) -> nn.Sequential:
    layers = []
    for index in range(depth):
        convolution = nn.Conv2d(in_channels if index == 0 else channels, channels, 3, padding=1, bias=False)
        norm = nn.GroupNorm(math.gcd(NORM_GROUPS, channels), channels)
        layers.append(nn.Sequential(OrderedDict(conv=convolution, gn=norm, activation=nn.ReLU(inplace=True))))
    return nn.Sequential(*layers)


def level_points(height: int, width: int, stride: int, device: torch.device | None = None) -> Tensor:
    """Centres of a level's cells as (height * width, 2) x, y in network-input pixels, row-major."""
    xs = torch.arange(width, device=device, dtype=torch.float32) * stride + stride // 2
    ys = torch.arange(height, device=device, dtype=torch.float32) * stride + stride // 2
    return torch.stack([xs.repeat(height), ys.repeat_interleave(width)], dim=1)


def boxes_from_distances(points: Tensor, distances: Tensor) -> Tensor:
    """Corners from points (..., 2) and distances (..., 4) to left, top, right, bottom."""
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], dim=-1)

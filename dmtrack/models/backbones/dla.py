"""DLA-34 trunk (Yu et al., Deep Layer Aggregation, 2018), with the names of the ImageNet file and of DMTrack."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DLA34_DEPTHS = (1, 1, 1, 2, 2, 1)
DLA34_CHANNELS = (16, 32, 64, 128, 256, 512)
DEAD_TRUNK_PARAMETERS = ("fc.", "level3.project.", "level4.project.")
"""Prefixes of trunk parameters that files hold and no output depends on."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual, which with `project` is a projection that the block learns itself."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, project: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module | None = None
        if project:
            convolution = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(out_channels))

    def forward(self, inputs: Tensor, residual: Tensor | None = None) -> Tensor:
        """Adds `residual`, or the input where none is given, before the last activation."""
        if residual is None:
            residual = inputs if self.shortcut is None else self.shortcut(inputs)
        hidden = F.relu(self.bn1(self.conv1(inputs)))
        return F.relu(self.bn2(self.conv2(hidden)) + residual)


class Root(nn.Module):
    """Joins the branches of a tree: concatenation, 1x1 convolution, BN, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, branches: list[Tensor]) -> Tensor:
        """Branches of equal size -> (images, out_channels, H, W)."""
        return self.relu(self.bn(self.conv(torch.cat(branches, dim=1))))


class Tree(nn.Module):
    """Hierarchical aggregation of 2^depth blocks.

    Args:
        depth: 1 joins two blocks, 2 two trees of depth 1.
        in_channels: channels of the input.
        out_channels: channels of every block.
        stride: of the whole tree.
        level_root: whether the downsampled input is one of the branches that the last root joins.
        root_channels: channels that the last root sees; by default those of its own two blocks.
    """

    reference_equivalent = False
    """Evaluates the unused projection at test time too, as the reference does."""

    def __init__(
        self,
        depth: int,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        level_root: bool = False,
        root_channels: int = 0,
    ) -> None:
        super().__init__()
        self.depth, self.level_root = depth, level_root
        root_channels = (root_channels or 2 * out_channels) + (in_channels if level_root else 0)
        if depth == 1:
            self.tree1: nn.Module = BasicBlock(in_channels, out_channels, stride)
            self.tree2: nn.Module = BasicBlock(out_channels, out_channels)
            self.root = Root(root_channels, out_channels)
        else:
            self.tree1 = Tree(depth - 1, in_channels, out_channels, stride)
            self.tree2 = Tree(depth - 1, out_channels, out_channels, root_channels=root_channels + out_channels)
        self.downsample = nn.MaxPool2d(stride, stride) if stride > 1 else nn.Identity()
        self.project: nn.Sequential | None = None
        if in_channels != out_channels:
            convolution = nn.Conv2d(in_channels, out_channels, 1, bias=False)
            self.project = nn.Sequential(convolution, nn.BatchNorm2d(out_channels))

    def forward(self, inputs: Tensor, children: tuple[Tensor, ...] = ()) -> Tensor:
        """Features of the tree.

        Args:
            inputs: (images, in_channels, H, W).
            children: branches of the enclosing tree that the last root joins as well.
        """
        bottom = self.downsample(inputs)
        if self.level_root:
            children = (*children, bottom)
        if self.depth == 1:
            residual = bottom if self.project is None else self.project(bottom)
            first = self.tree1(inputs, residual)
            second = self.tree2(first)
            return self.root([second, first, *children])
        if self.project is not None and (self.project[1].training or self.reference_equivalent):
            # The inner tree projects on its own; of this projection only the BN statistics of training survive.
            with torch.no_grad():
                self.project(bottom)
        first = self.tree1(inputs)
        return self.tree2(first, (*children, first))


class DLA(nn.Module):
    """DLA-34 without its classifier's use.

    `fc` (the ImageNet classifier) and the projections of `level3` and `level4` are dead: they are here so that
    published files load with nothing missing, and need no gradient.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = DLA34_CHANNELS
        self.base_layer = _convolution(3, channels[0], kernel=7)
        self.level0 = _convolution(channels[0], channels[0])
        self.level1 = _convolution(channels[0], channels[1], stride=2)
        self.level2 = Tree(DLA34_DEPTHS[2], channels[1], channels[2], 2)
        self.level3 = Tree(DLA34_DEPTHS[3], channels[2], channels[3], 2, level_root=True)
        self.level4 = Tree(DLA34_DEPTHS[4], channels[3], channels[4], 2, level_root=True)
        self.level5 = Tree(DLA34_DEPTHS[5], channels[4], channels[5], 2, level_root=True)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
        self.fc = nn.Conv2d(channels[5], 1000, 1)
        for name, parameter in self.named_parameters():
            if name.startswith(DEAD_TRUNK_PARAMETERS):
                parameter.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(images, 3, H, W) -> maps of levels 0 to 5 at strides 1, 2, 4, 8, 16, 32."""
        features = self.base_layer(images)
        levels = []
        for level in (self.level0, self.level1, self.level2, self.level3, self.level4, self.level5):
            features = level(features)
            levels.append(features)
        return levels


def _convolution(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))

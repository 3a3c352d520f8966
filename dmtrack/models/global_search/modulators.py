"""The two places where a target's kernels meet the search features (spec section 1.5)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.global_search.controller import LevelKernels
from dmtrack.models.global_search.dynamic import dynamic_conv1x1, dynamic_conv1x1_per_target
from dmtrack.models.global_search.template import initialise_normal


class Premodulator(nn.Module):
    """Turns an image's features into the class and box features of every target; has no parameters of its own."""

    def forward(self, features: Tensor, kernels: LevelKernels, image_index: Tensor) -> tuple[Tensor, Tensor]:
        """Features of every target at one level.

        Args:
            features: (images, channels, H, W) of the search images.
            kernels: of every target for this level.
            image_index: (targets,) int64, the search image of each target.

        Returns:
            Class and box features, each (targets, channels, H, W).
        """
        cls_features = F.relu(dynamic_conv1x1(features, kernels.cls1, image_index))
        return cls_features, F.relu(dynamic_conv1x1(features, kernels.reg1, image_index))


class Modulator(nn.Module):
    """Thins the towers' features and applies each target's second pair of kernels; shared by all levels.

    Args:
        channels: of the towers.
        mid_channels: of the result.
    """

    def __init__(self, channels: int = 256, mid_channels: int = 32) -> None:
        super().__init__()
        self.downsampler_cls = nn.Conv2d(channels, mid_channels, 1)
        self.downsampler_reg = nn.Conv2d(channels, mid_channels, 1)
        initialise_normal(self.downsampler_cls)
        initialise_normal(self.downsampler_reg)

    def forward(self, cls_features: Tensor, reg_features: Tensor, kernels: LevelKernels) -> tuple[Tensor, Tensor]:
        """(targets, channels, H, W) twice -> (targets, mid_channels, H, W) twice."""
        cls_features = dynamic_conv1x1_per_target(self.downsampler_cls(cls_features), kernels.cls2)
        reg_features = dynamic_conv1x1_per_target(self.downsampler_reg(reg_features), kernels.reg2)
        return F.relu(cls_features), F.relu(reg_features)

"""From a box on the query image to one template per feature level (spec section 1.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from dmtrack.registry import MODELS


def roi_levels(boxes_xyxy: Tensor, finest_scale: int, levels: int) -> Tensor:
    """Index of the level that a box's RoI features come from: finer for smaller boxes.

    Args:
        boxes_xyxy: (targets, 4) in network-input pixels.
        finest_scale: boxes of less than twice this side go to level 0, of less than four times to level 1, ...
        levels: how many levels there are.

    Returns:
        (targets,) int64.
    """
    side = ((boxes_xyxy[:, 2] - boxes_xyxy[:, 0]) * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1])).sqrt()
    return torch.floor(torch.log2(side / finest_scale + 1e-6)).clamp(0, levels - 1).long()


def pool_rois(
    features: Sequence[Tensor],
    boxes_xyxy: Tensor,
    image_index: Tensor,
    strides: Sequence[int],
    finest_scale: int,
    size: int,
    sampling_ratio: int = 2,
) -> Tensor:
    """RoIAlign (half-pixel aligned) of every box on the one level that fits its size.

    Returns:
        (targets, channels, size, size).
    """
    # Half precision holds neither the coordinates of a frame nor the bilinear weights.
    boxes_xyxy = boxes_xyxy.float()
    rois = torch.cat([image_index[:, None].to(boxes_xyxy), boxes_xyxy], dim=1)
    # Every level is pooled and one chosen: cheap, and no tensor's shape depends on a value.
    pooled = torch.stack(
        [
            roi_align(level.float(), rois, size, 1.0 / stride, sampling_ratio, aligned=True)
            for level, stride in zip(features, strides, strict=True)
        ]
    )
    levels = roi_levels(boxes_xyxy, finest_scale, len(features))
    return pooled[levels, torch.arange(len(boxes_xyxy), device=levels.device)]


@MODELS.register
class RoITemplate(nn.Module):
    """RoI features of the target, passed through one 1x1 convolution per feature level.

    Args:
        channels: of the feature maps.
        strides: of the levels, finest first.
        roi_size: cells per side of the RoI features.
        sampling_ratio: bilinear samples per cell and axis.
        finest_scale: see `roi_levels`.
    """

    def __init__(
        self,
        channels: int = 256,
        strides: Sequence[int] = (8, 16, 32),
        roi_size: int = 7,
        sampling_ratio: int = 2,
        finest_scale: int = 56,
    ) -> None:
        super().__init__()
        self.channels, self.strides = channels, tuple(strides)
        self.roi_size, self.sampling_ratio, self.finest_scale = roi_size, sampling_ratio, finest_scale
        self.fpn_modulator = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in self.strides)
        for convolution in self.fpn_modulator:
            initialise_normal(convolution)

    def pool(self, features: Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor, size: int = 0) -> Tensor:
        """RoI features (targets, channels, size, size); `roi_size` where no size is given."""
        return pool_rois(
            features,
            boxes_xyxy,
            image_index,
            self.strides,
            self.finest_scale,
            size or self.roi_size,
            self.sampling_ratio,
        )

    def forward(self, features: Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor) -> list[Tensor]:
        """Templates of the targets.

        Args:
            features: per level (images, channels, H, W), of the query images.
            boxes_xyxy: (targets, 4) in network-input pixels.
            image_index: (targets,) int64, the query image of each target.

        Returns:
            Per level (targets, channels, roi_size, roi_size).
        """
        pooled = self.pool(features, boxes_xyxy, image_index)
        return [convolution(pooled) for convolution in self.fpn_modulator]


def initialise_normal(convolution: nn.Module, std: float = 0.01) -> None:
    """Normal weights and zero bias, as the reference starts every 1x1 convolution around the template."""
    assert isinstance(convolution, nn.Conv2d)
    nn.init.normal_(convolution.weight, std=std)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)

"""Cosine correlation of a search image with the parts of a template: our addition to the published head.

A small network cannot learn to generate kernels that tell look-alikes apart from a few minutes of data; comparing the
cells of a grid on the template with every location of the search image gives it that for a handful of channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import Count
from dmtrack.models.global_search.head import dynamic_conv1x1

INITIAL_TEMPERATURE = 10.0


@dataclass(frozen=True)
class TemplateParts:
    """`template_parts`.

    Attributes:
        grid: the template is cut into grid x grid cells.
        channels: size of the vectors that are compared.
    """

    grid: Count = 3
    channels: Count = 64


class PartCorrelation(nn.Module):
    """Similarity of every location to every cell of a grid on the template, and to the template as a whole.

    Template cells and search locations go through one shared 1x1 embedding and are scaled to unit length; their inner
    product (a cosine in [-1, 1]) times a learned temperature is the output.
    """

    def __init__(self, in_channels: int, embedding_channels: int, grid: int = 3) -> None:
        super().__init__()
        self.grid = grid
        self.parts = grid * grid + 1
        self.embedding = nn.Conv2d(in_channels, embedding_channels, 1, bias=False)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(INITIAL_TEMPERATURE)))

    def encode(self, roi_features: Tensor) -> Tensor:
        """Unit vectors of the template's cells in row-major order, then of their mean.

        Args:
            roi_features: (targets, in_channels, grid, grid).

        Returns:
            (targets, grid * grid + 1, embedding_channels).
        """
        cells = self.embedding(roi_features).flatten(2).transpose(1, 2)
        return F.normalize(torch.cat([cells, cells.mean(dim=1, keepdim=True)], dim=1), dim=2)

    def forward(self, features: Tensor, parts: Tensor, image_index: Tensor) -> Tensor:
        """Correlation maps of every target in its image.

        Args:
            features: (images, in_channels, height, width).
            parts: (targets, grid * grid + 1, embedding_channels) of `encode`.
            image_index: (targets,) int64, the image of each target.

        Returns:
            (targets, grid * grid + 1, height, width), in [-temperature, temperature].
        """
        embedded = F.normalize(self.embedding(features), dim=1)
        return dynamic_conv1x1(embedded, parts, image_index) * self.log_temperature.exp()


class PartFusion(nn.Module):
    """Adds part correlations to the premodulated features; sizes are those of `TemplateParts`.

    One 1x1 convolution per branch mixes the correlation channels in. It starts at zero, so that a model that gets this
    option begins where it was without.
    """

    def __init__(self, features_channels: int, grid: int = 3, channels: int = 64) -> None:
        super().__init__()
        self.correlation = PartCorrelation(features_channels, channels, grid)
        self.fuse_cls = nn.Conv2d(self.correlation.parts, features_channels, 1)
        self.fuse_reg = nn.Conv2d(self.correlation.parts, features_channels, 1)
        for convolution in (self.fuse_cls, self.fuse_reg):
            nn.init.zeros_(convolution.weight)
            assert convolution.bias is not None
            nn.init.zeros_(convolution.bias)

    def forward(
        self, cls_features: Tensor, reg_features: Tensor, features: Tensor, parts: Tensor, image_index: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Class and box features of every target with the correlations mixed in.

        Args:
            cls_features: (targets, channels, H, W).
            reg_features: (targets, channels, H, W).
            features: (images, channels, H, W) that they were made from.
            parts: of `PartCorrelation.encode`.
            image_index: (targets,) int64, the image of each target.
        """
        correlations = self.correlation(features, parts, image_index)
        return cls_features + self.fuse_cls(correlations), reg_features + self.fuse_reg(correlations)

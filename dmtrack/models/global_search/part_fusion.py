"""Where the optional part correlations enter DMTrack-GS."""

from __future__ import annotations

from torch import Tensor, nn

from dmtrack.models.global_search.parts import PartCorrelation


class PartFusion(nn.Module):
    """Adds part correlations to the premodulated features.

    One 1x1 convolution per branch mixes the correlation channels in. It starts at zero, so that a model that gets this
    option begins where it was without.

    Args:
        features_channels: of the feature maps.
        grid: the template is cut into grid x grid parts.
        channels: size of the vectors that are compared.
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

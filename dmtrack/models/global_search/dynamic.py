"""1x1 convolutions whose kernels come from a template: every target has its own."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def dynamic_conv1x1(features: Tensor, kernels: Tensor, image_index: Tensor) -> Tensor:
    """Convolves the image of every target with that target's kernels.

    Args:
        features: (images, channels, height, width).
        kernels: (targets, outputs, channels).
        image_index: (targets,) int64, the image of each target.

    Returns:
        (targets, outputs, height, width).
    """
    targets, outputs, channels = kernels.shape
    images, _, height, width = features.shape
    if images == 1 and targets > 0:
        # All targets lie in one image: one ordinary convolution gives the responses of all of them.
        responses = F.conv2d(features, kernels.reshape(targets * outputs, channels, 1, 1))
        return responses.reshape(targets, outputs, height, width)
    own_features = features.index_select(0, image_index).flatten(2)
    return (kernels @ own_features).reshape(targets, outputs, height, width)


def dynamic_conv1x1_per_target(features: Tensor, kernels: Tensor) -> Tensor:
    """The same where every target already has its own features: (targets, channels, H, W) -> (targets, outputs, H, W).

    Args:
        features: (targets, channels, height, width).
        kernels: (targets, outputs, channels).
    """
    return (kernels @ features.flatten(2)).unflatten(2, features.shape[2:])

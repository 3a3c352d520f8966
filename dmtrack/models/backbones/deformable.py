"""Modulated deformable convolution (DCNv2, Zhu et al. 2019), with the parameter names of DMTrack's checkpoints."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from dmtrack.models.backbones.deformable_sampling import TAPS, sampled_deform_conv


def modulated_deform_conv(inputs: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """3x3 deformable convolution, stride 1, padding 1, one deformable group; samples outside the map are zero.

    Args:
        inputs: (images, in_channels, height, width).
        offset: (images, 18, height, width); channel 2k is dy and 2k+1 is dx of tap k = 3 * row + column, in cells.
        mask: (images, 9, height, width), the weight of each tap in [0, 1].
        weight: (out_channels, in_channels, 3, 3).
        bias: (out_channels,).

    Returns:
        (images, out_channels, height, width).
    """
    tensors = (inputs, offset, mask, weight, bias)
    needs_gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    if inputs.device.type == "cpu" and not needs_gradient and all(tensor.dtype == torch.float32 for tensor in tensors):
        with torch.autocast("cpu", enabled=False):
            return sampled_deform_conv(*tensors)
    return torchvision_deform_conv(*tensors)


def torchvision_deform_conv(inputs: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`modulated_deform_conv` by torchvision's operator, in float32 also where autocast asks for less.

    The operator has no half-precision kernel on CPUs, and half precision would move the sampling points.
    """
    wide = torch.promote_types(inputs.dtype, torch.float32)
    inputs_, offset, mask, weight, bias = (tensor.to(wide) for tensor in (inputs, offset, mask, weight, bias))
    with torch.autocast(inputs.device.type, enabled=False):
        outputs: Tensor = deform_conv2d(inputs_, offset, weight, bias, padding=1, mask=mask)
    return outputs.to(inputs.dtype)


class ModulatedDeformableConv(nn.Module):
    """3x3 modulated deformable convolution that predicts its own offsets and mask from its input.

    Args:
        in_channels: channels of the input map.
        out_channels: channels of the output map.
    """

    reference_equivalent = False
    """Calls torchvision's operator directly, whatever `modulated_deform_conv` does to be fast."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.conv_offset = nn.Conv2d(in_channels, 3 * TAPS, 3, padding=1)
        bound = 1.0 / math.sqrt(in_channels * TAPS)
        nn.init.uniform_(self.weight, -bound, bound)
        # Zero offsets and a mask of one half: training starts from an ordinary convolution.
        nn.init.zeros_(self.conv_offset.weight)
        assert self.conv_offset.bias is not None
        nn.init.zeros_(self.conv_offset.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        predicted = self.conv_offset(inputs)
        offset, mask = predicted[:, : 2 * TAPS], predicted[:, 2 * TAPS :].sigmoid()
        if self.reference_equivalent:
            return torchvision_deform_conv(inputs, offset, mask, self.weight, self.bias)
        return modulated_deform_conv(inputs, offset, mask, self.weight, self.bias)

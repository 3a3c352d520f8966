"""Modulated deformable convolution (DCNv2, Zhu et al. 2019), with the parameter names of DMTrack's checkpoints.

For inference on CPUs it is a table look-up and one matrix product: every (output cell, tap) is a weighted sum of the
four cells around its sampling point, that is, of four rows of the (cells, channels) table that a channels-last map
already is. `embedding_bag` computes such sums with vectorised, threaded code, and what remains is a product with the
(9 x in_channels, out_channels) weight.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import deform_conv2d


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
            taps = sample_taps(inputs, offset, mask)
            outputs = F.linear(taps, weight.permute(0, 2, 3, 1).flatten(1), bias).permute(0, 3, 1, 2)
            return outputs.contiguous() if inputs.is_contiguous() else outputs
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
    """3x3 modulated deformable convolution that predicts its own offsets and mask from its input."""

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


TAPS = 9
"""Sampling points of a 3x3 kernel."""


def sample_taps(inputs: Tensor, offset: Tensor, mask: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
    """The nine bilinear samples of every output cell times their mask; samples outside the map are zero.

    Args:
        inputs: (images, in_channels, H, W).
        offset: (images, 18, height, width); channel 2k is dy and 2k+1 is dx of tap k = 3 * row + column, in cells.
        mask: (images, 9, height, width).
        origin: row and column of the map at which the output begins, which may be smaller than the map.

    Returns:
        (images, height, width, 9 x in_channels) in the number format of the inputs.
    """
    images, channels, height, width = inputs.shape
    table = inputs.permute(0, 2, 3, 1).reshape(images * height * width, channels)
    rows, weights = bilinear_corners(offset.float(), mask.float(), (height, width), origin)
    # A weight of half precision rounds by as much as the features that it multiplies.
    samples = F.embedding_bag(rows, table, mode="sum", per_sample_weights=weights.to(table.dtype))
    return samples.view(images, *offset.shape[2:], TAPS * channels)


def bilinear_corners(
    offset: Tensor, mask: Tensor, size_hw: tuple[int, int], origin: tuple[int, int] = (0, 0)
) -> tuple[Tensor, Tensor]:
    """Where each tap of each output cell samples, as rows of the table of all cells of all images.

    Args:
        offset: (images, 18, height, width) float32.
        mask: (images, 9, height, width) float32.
        size_hw: of the map that is sampled.
        origin: see `sample_taps`.

    Returns:
        rows: (images x height x width x 9, 4) int32, the cells around the sampling point.
        weights: of the same shape, bilinear weight times mask; zero for cells outside the map.
    """
    images, _, height, width = offset.shape
    cells_y = torch.arange(height, device=offset.device) + origin[0]
    cells_x = torch.arange(width, device=offset.device) + origin[1]
    steps = torch.arange(-1, 2, device=offset.device)
    taps_last = offset.permute(0, 2, 3, 1).unflatten(3, (TAPS, 2))
    points_y = taps_last[..., 0] + (cells_y[:, None, None] + steps.repeat_interleave(3))
    points_x = taps_last[..., 1] + (cells_x[:, None] + steps.repeat(3))
    (top, bottom), (weight_top, weight_bottom) = _neighbours(points_y, size_hw[0])
    (left, right), (weight_left, weight_right) = _neighbours(points_x, size_hw[1])
    first_row = torch.arange(images, device=offset.device, dtype=torch.int32) * (size_hw[0] * size_hw[1])
    top, bottom = (rows * size_hw[1] + first_row.view(-1, 1, 1, 1) for rows in (top, bottom))
    taps_last_mask = mask.permute(0, 2, 3, 1)
    weight_top, weight_bottom = weight_top * taps_last_mask, weight_bottom * taps_last_mask
    corners = ((top, weight_top), (bottom, weight_bottom)), ((left, weight_left), (right, weight_right))
    rows = torch.stack([y + x for y, _ in corners[0] for x, _ in corners[1]], dim=-1)
    weights = torch.stack([y * x for _, y in corners[0] for _, x in corners[1]], dim=-1)
    return rows.view(-1, 4), weights.view(-1, 4)


def _neighbours(points: Tensor, size: int) -> tuple[list[Tensor], list[Tensor]]:
    """The two cells around every point, which is in cells, along an axis of `size` cells, and their weights.

    Returns:
        The lower and the upper cell as int32 indices clamped to the map, and their weights, zero outside of it.
    """
    # A point that is no number must not become an index; it counts as far outside.
    points = points.nan_to_num(nan=-2.0).clamp_(-2.0, size + 1.0)
    lower = points.floor()
    upper_share = points - lower
    indices, weights = [], []
    for cell, weight in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        clamped = cell.clamp(0, size - 1)
        # Clamping moves exactly the cells that lie outside, and those count as zero.
        weights.append(weight * (cell == clamped))
        indices.append(clamped.to(torch.int32))
    return indices, weights

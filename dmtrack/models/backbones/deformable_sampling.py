"""Deformable convolution as a table look-up and one matrix product: for inference on CPUs.

Every (output cell, tap) is a weighted sum of the four cells around its sampling point, that is, of four rows of the
(cells, channels) table that a channels-last map already is. `embedding_bag` computes such sums with vectorised,
threaded code, and what remains is a product with the (9 x in_channels, out_channels) weight.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TAPS = 9
"""Sampling points of a 3x3 kernel."""


def sampled_deform_conv(inputs: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same as `modulated_deform_conv`, whose arguments it takes, without gradients; channels-last output."""
    return product_with_samples(sample_taps(inputs, offset, mask), arrange_weight(weight), bias)


def arrange_weight(weight: Tensor) -> Tensor:
    """(out_channels, in_channels, 3, 3) -> (out_channels, 9 x in_channels), in the order of `sample_taps`."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def product_with_samples(samples: Tensor, arranged_weight: Tensor, bias: Tensor | None) -> Tensor:
    """Samples of `sample_taps` and a weight of `arrange_weight` -> (images, out_channels, height, width).

    The result is laid out channels-last.
    """
    return F.linear(samples, arranged_weight, bias).permute(0, 3, 1, 2)


def sample_taps(inputs: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
    """The nine bilinear samples of every cell times their mask; samples outside the map are zero.

    Args:
        inputs: (images, in_channels, height, width).
        offset: (images, 18, height, width); channel 2k is dy and 2k+1 is dx of tap k = 3 * row + column, in cells.
        mask: (images, 9, height, width).

    Returns:
        (images, height, width, 9 x in_channels) in the number format of the inputs.
    """
    images, channels, height, width = inputs.shape
    table = inputs.permute(0, 2, 3, 1).reshape(images * height * width, channels)
    rows, weights = bilinear_corners(offset.float(), mask.float())
    # A weight of half precision rounds by as much as the features that it multiplies.
    samples = F.embedding_bag(rows, table, mode="sum", per_sample_weights=weights.to(table.dtype))
    return samples.view(images, height, width, TAPS * channels)


def bilinear_corners(offset: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Where each tap of each cell samples, as rows of the table of all cells of all images.

    Args:
        offset: (images, 18, height, width) float32.
        mask: (images, 9, height, width) float32.

    Returns:
        rows: (images x height x width x 9, 4) int32, the cells around the sampling point.
        weights: of the same shape, bilinear weight times mask; zero for cells outside the map.
    """
    images, _, height, width = offset.shape
    taps_last = offset.unflatten(1, (TAPS, 2)).permute(2, 0, 3, 4, 1)  # (2, images, height, width, taps)
    rows_y, weights_y = _neighbours(taps_last[0], height, axis=0)
    rows_x, weights_x = _neighbours(taps_last[1], width, axis=1)
    weights_y = weights_y * mask.permute(0, 2, 3, 1)[..., None]
    rows_y = rows_y * width
    if images > 1:
        first_row = torch.arange(images, dtype=torch.int32, device=offset.device) * (height * width)
        rows_y = rows_y + first_row.view(-1, 1, 1, 1, 1)
    rows = rows_y[..., :, None] + rows_x[..., None, :]
    weights = weights_y[..., :, None] * weights_x[..., None, :]
    return rows.view(-1, 4), weights.view(-1, 4)


def _neighbours(offset: Tensor, size: int, axis: int) -> tuple[Tensor, Tensor]:
    """The two cells around every sampling point along one axis, and their weights.

    Args:
        offset: (images, height, width, 9) along that axis.
        size: cells along that axis.
        axis: 0 for y, 1 for x.

    Returns:
        (images, height, width, 9, 2) int32 indices clamped to the map, and weights, zero outside of it.
    """
    steps = torch.arange(-1, 2, dtype=offset.dtype, device=offset.device)
    taps = steps.repeat_interleave(3) if axis == 0 else steps.repeat(3)
    cells = torch.arange(size, dtype=offset.dtype, device=offset.device)
    point = offset + (cells.view(-1, 1, 1) if axis == 0 else cells.view(-1, 1)) + taps
    lower = point.floor()
    share = point - lower
    index = torch.stack([lower, lower + 1], dim=-1)
    weight = torch.stack([1 - share, share], dim=-1)
    clamped = index.clamp(0, size - 1)
    # Clamping moves exactly the cells that lie outside, and those count as zero. So does a point that is no number.
    weight = torch.where(index == clamped, weight, 0.0)
    return torch.nan_to_num(clamped).to(torch.int32), weight

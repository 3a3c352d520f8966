"""3x3 convolutions with a fraction of the multiplications (Winograd's F(m x m, 3x3); Lavin and Gray, 2016).

Output tiles of m x m cells come from input patches of (m + 2) x (m + 2): both are transformed by small constant
matrices, between which a convolution is one matrix product per element of the patch. That is 2.25 multiplications per
output for m = 4 and 1.78 for m = 6, where direct convolution needs 9. The transforms are matrix products too, so the
whole runs at the speed of the machine's BLAS, without compiled code of our own.

A dilated convolution sees only cells that lie a multiple of its dilation d apart: the map is d x d interleaved maps
(phases), each of which an ordinary convolution with padding 1 serves, and all phases together fill the matrix products.
"""

from __future__ import annotations

import functools
from collections import abc
from typing import TypeGuard

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.fast.convolution import Activation, activate

POINTS = {4: (0.0, 0.75, -0.75, 1.5, -1.5), 6: (0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0)}
"""Where the polynomials are evaluated, besides infinity, by tile size. Powers of them must stay near 1 to keep rounding
errors low: with these they are 5 times (m = 4) and 17 times (m = 6) those of direct convolution."""


@functools.cache
def transforms(tile: int) -> tuple[Tensor, Tensor, Tensor]:
    """The matrices of inputs (m + 2, m + 2), kernels (m + 2, 3) and outputs (m, m + 2), in float64 (Cook-Toom)."""
    size = tile + 2
    powers = np.vander(np.array(POINTS[tile]), size, increasing=True)

    def evaluation(columns: int) -> np.ndarray:
        infinity = np.eye(columns)[-1:]
        return np.concatenate([powers[:, :columns], infinity])

    inputs = np.linalg.inv(evaluation(size)).T.copy()
    return torch.from_numpy(inputs), torch.from_numpy(evaluation(3)), torch.from_numpy(evaluation(tile).T.copy())


def _is_plain_3x3(convolution: nn.Module, least_channels: int) -> TypeGuard[nn.Conv2d]:
    return (
        type(convolution) is nn.Conv2d
        and convolution.kernel_size == (3, 3)
        and convolution.stride == (1, 1)
        and convolution.padding_mode == "zeros"
        and convolution.groups == 1
        and convolution.weight.dtype == torch.float32
        and min(convolution.in_channels, convolution.out_channels) >= least_channels
    )


class WinogradConv(nn.Module):
    """3x3 convolution with stride 1 and padding 1 for inference, for one map or for several with the same weights.

    Args:
        convolution: what it computes.
        tile: output cells per side of a tile, 4 or 6. Larger tiles are faster on large maps, and round more.
        activation: what follows.
    """

    weight: Tensor
    bias: Tensor | None
    input_transform: Tensor
    output_transform: Tensor

    def __init__(self, convolution: nn.Conv2d, tile: int = 4, activation: Activation = "none") -> None:
        super().__init__()
        self.tile, self.patch = tile, tile + 2
        self.activation: Activation = activation
        weight = convolution.weight.detach()
        out_channels, in_channels = weight.shape[:2]
        inputs, kernels, outputs = transforms(tile)
        # (patch x patch, in, out), but with the inputs innermost in memory, which BLAS multiplies by a little faster.
        taps = weight.double().permute(2, 3, 0, 1).reshape(3, -1)
        rows = (kernels @ taps).view(self.patch, 3, -1)
        transformed = torch.matmul(kernels, rows).float()
        self.register_buffer("weight", transformed.view(-1, out_channels, in_channels).transpose(1, 2))
        self.register_buffer("bias", None if convolution.bias is None else convolution.bias.detach().clone())
        self.register_buffer("input_transform", inputs.float())
        self.register_buffer("output_transform", outputs.float())

    @staticmethod
    def suits(convolution: nn.Module, least_channels: int) -> bool:
        """Whether it can stand for a convolution, and is faster where that has at least so many channels.

        With few channels the transforms outweigh the gain; with many the weights, four to seven times as large as the
        original ones, no longer fit in the processor's caches.
        """
        return (
            _is_plain_3x3(convolution, least_channels)
            and convolution.dilation == convolution.padding == (1, 1)
            and max(convolution.in_channels, convolution.out_channels) <= 256
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W), channels-last."""
        return self.levels([inputs])[0]

    def levels(self, maps: abc.Sequence[Tensor]) -> list[Tensor]:
        """The convolution of several maps in one pass: the tiles of small maps fill up the matrix products.

        Args:
            maps: each (images, in_channels, H, W).

        Returns:
            Each (images, out_channels, H, W), channels-last.
        """
        in_channels = self.weight.shape[1]
        grids = [(len(level), -(-level.shape[2] // self.tile), -(-level.shape[3] // self.tile)) for level in maps]
        counts = [images * rows * columns for images, rows, columns in grids]
        patches = maps[0].new_empty(self.patch, self.patch, sum(counts), in_channels)
        for level, grid, part in zip(maps, grids, patches.split(counts, dim=2), strict=True):
            part.unflatten(2, grid).copy_(_overlapping_patches(level, grid, self.tile))
        tiles = self._transformed_products(patches)
        outputs = [
            _join_tiles(part.unflatten(2, grid), level.shape[2:], self.bias)
            for level, grid, part in zip(maps, grids, tiles.split(counts, dim=2), strict=True)
        ]
        return [activate(level, self.activation) for level in outputs]

    def _transformed_products(self, patches: Tensor) -> Tensor:
        """(patch, patch, tiles, in_channels) -> (tile, tile, tiles, out_channels)."""
        tiles, in_channels = patches.shape[2:]
        out_channels = self.weight.shape[2]
        rows = (self.input_transform @ patches.view(self.patch, -1)).view(self.patch, self.patch, -1)
        outputs = patches.new_empty(self.patch, self.tile, tiles * out_channels)
        # Row by row, so that what is transformed is multiplied while it lies in the processor's caches.
        for row, weight, output in zip(rows, self.weight.split(self.patch), outputs, strict=True):
            products = torch.bmm((self.input_transform @ row).view(self.patch, tiles, in_channels), weight)
            torch.mm(self.output_transform, products.view(self.patch, -1), out=output)
        return (self.output_transform @ outputs.view(self.patch, -1)).view(self.tile, self.tile, tiles, out_channels)


def _overlapping_patches(inputs: Tensor, grid: tuple[int, int, int], tile: int) -> Tensor:
    """A view (patch, patch, images, rows, columns, channels) of the padded map."""
    images, rows, columns = grid
    height, width = inputs.shape[2:]
    cells = inputs.permute(0, 2, 3, 1)
    padded = F.pad(cells, (0, 0, 1, tile * columns + 1 - width, 1, tile * rows + 1 - height)).contiguous()
    image, row, column, channel = padded.stride()
    return padded.as_strided(
        (tile + 2, tile + 2, images, rows, columns, inputs.shape[1]),
        (row, column, image, tile * row, tile * column, channel),
    )


def _join_tiles(tiles: Tensor, size_hw: abc.Sequence[int], bias: Tensor | None) -> Tensor:
    """(tile, tile, images, rows, columns, channels) -> (images, channels, H, W), channels-last."""
    height, width = size_hw
    cells = tiles.permute(2, 3, 0, 4, 1, 5).flatten(3, 4).flatten(1, 2)[:, :height, :width]
    outputs = cells if bias is None else cells + bias
    return outputs.contiguous().permute(0, 3, 1, 2)


class DilatedWinograd(nn.Module):
    """3x3 convolution with stride 1, of any dilation, padded by its dilation or not at all, for inference."""

    def __init__(self, convolution: nn.Conv2d, activation: Activation = "none") -> None:
        super().__init__()
        self.dilation = int(convolution.dilation[0])
        self.padded = convolution.padding[0] != 0
        self.winograd = WinogradConv(convolution, tile=4, activation=activation)

    @staticmethod
    def suits(convolution: nn.Module, least_channels: int = 128) -> bool:
        """Whether it can stand for a convolution, and is faster where that has at least so many channels."""
        return (
            _is_plain_3x3(convolution, least_channels)
            and convolution.dilation[0] == convolution.dilation[1]
            and convolution.padding in ((0, 0), convolution.dilation)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H', W'), channels-last."""
        if self.dilation == 1:
            outputs = self.winograd(inputs)
        else:
            height, width = inputs.shape[2:]
            outputs = _join(self.winograd(_phases(inputs, self.dilation)), self.dilation)[:, :, :height, :width]
        if not self.padded:
            border = self.dilation
            outputs = outputs[:, :, border:-border, border:-border]
        return outputs


def _phases(inputs: Tensor, dilation: int) -> Tensor:
    """(images, channels, H, W) -> (images x dilation^2, channels, H / dilation, W / dilation), filled up with zeros."""
    images, channels, height, width = inputs.shape
    rows, columns = -(-height // dilation), -(-width // dilation)
    cells = inputs.permute(0, 2, 3, 1)
    filled = nn.functional.pad(cells, (0, 0, 0, columns * dilation - width, 0, rows * dilation - height))
    split = filled.reshape(images, rows, dilation, columns, dilation, channels).permute(0, 2, 4, 1, 3, 5)
    return split.reshape(-1, rows, columns, channels).permute(0, 3, 1, 2)


def _join(phases: Tensor, dilation: int) -> Tensor:
    """The inverse of `_phases`."""
    _, channels, rows, columns = phases.shape
    split = phases.permute(0, 2, 3, 1).reshape(-1, dilation, dilation, rows, columns, channels)
    joined = split.permute(0, 3, 1, 4, 2, 5).reshape(-1, rows * dilation, columns * dilation, channels)
    return joined.permute(0, 3, 1, 2)

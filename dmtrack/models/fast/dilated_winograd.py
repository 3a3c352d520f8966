"""Dilated 3x3 convolutions by Winograd's method: a map with dilation d is d x d interleaved maps without.

Cells that lie a multiple of d apart see only each other, so each of the d x d phases is an ordinary convolution with
padding 1, and all phases together fill the matrix products.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmtrack.models.fast.winograd import WinogradConv


class DilatedWinograd(nn.Module):
    """3x3 convolution with stride 1, of any dilation, padded by its dilation or not at all, for inference.

    Args:
        convolution: what it computes.
        relu: whether a ReLU follows.
    """

    def __init__(self, convolution: nn.Conv2d, relu: bool = False) -> None:
        super().__init__()
        self.dilation = int(convolution.dilation[0])
        self.padded = convolution.padding[0] != 0
        self.winograd = WinogradConv(convolution, tile=4)
        self.relu = relu

    @property
    def relu(self) -> bool:
        """Whether a ReLU follows."""
        return self.winograd.relu

    @relu.setter
    def relu(self, value: bool) -> None:
        self.winograd.relu = value

    @staticmethod
    def suits(convolution: nn.Module, least_channels: int = 128) -> bool:
        """Whether it can stand for a convolution, and is faster where that has at least so many channels."""
        return (
            type(convolution) is nn.Conv2d
            and convolution.kernel_size == (3, 3)
            and convolution.stride == (1, 1)
            and convolution.dilation[0] == convolution.dilation[1]
            and convolution.padding in ((0, 0), convolution.dilation)
            and convolution.padding_mode == "zeros"
            and convolution.groups == 1
            and convolution.weight.dtype == torch.float32
            and min(convolution.in_channels, convolution.out_channels) >= least_channels
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

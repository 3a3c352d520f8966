"""Layers of an inference copy: the same functions as the trainable layers whose place they take."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.backbones.deformable import ModulatedDeformableConv, torchvision_deform_conv
from dmtrack.models.backbones.deformable_sampling import TAPS, arrange_weight, sample_taps
from dmtrack.models.fast.convolution import PreparedConv, convolve_region
from dmtrack.models.global_search.head import KernelController, LevelKernels


class FusedBlock(nn.Module):
    """Two convolutions around a shortcut, with as few passes over the maps as possible.

    Args:
        first: includes its ReLU.
        second: without activation; that of the block is made its own.
        shortcut: what the input passes where no residual is given; None adds the input itself.
    """

    def __init__(self, first: nn.Module, second: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second, self.shortcut = first, second, shortcut
        if isinstance(second, PreparedConv):
            second.relu = True

    def forward(self, inputs: Tensor, residual: Tensor | None = None) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H', W')."""
        if residual is None:
            residual = inputs if self.shortcut is None else self.shortcut(inputs)
        inside = self.first(inputs)
        if isinstance(self.second, PreparedConv):
            outputs: Tensor = self.second(inside, residual.to(inside.dtype))
            return outputs
        return F.relu_(self.second(inside).add_(residual))


class FusedRoot(nn.Module):
    """Concatenation and a convolution that includes its ReLU."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, branches: list[Tensor]) -> Tensor:
        """Branches of equal size -> (images, out_channels, H, W)."""
        return self.convolution(torch.cat(branches, dim=1))


class PreparedLinear(nn.Linear):
    """A fully connected layer that converts its input to the number format of its weights."""

    def __init__(self, linear: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return super().forward(inputs.to(self.weight.dtype))


class PreparedDeformableConv(nn.Module):
    """A modulated deformable convolution, on CPUs by table look-up.

    Offsets and masks are always float32: rounding the sampling points costs more than rounding what is sampled.

    Args:
        convolution: what it computes; a batch norm may have been folded in.
        dtype: number format of features and weights.
    """

    def __init__(self, convolution: ModulatedDeformableConv, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv_offset = PreparedConv(convolution.conv_offset, dtype)
        self.weight = nn.Parameter(convolution.weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(convolution.bias.detach(), requires_grad=False)
        product = nn.Conv2d(convolution.weight.shape[1] * TAPS, len(convolution.weight), 1)
        product.weight.data = arrange_weight(self.weight)[:, :, None, None]
        product.bias = self.bias
        self.product = PreparedConv(product, dtype)
        self.dtype = dtype

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        inputs = inputs.to(self.dtype)
        offset, mask = self._offset_and_mask(inputs)
        if inputs.device.type == "cpu":
            return self.product(sample_taps(inputs, offset, mask).permute(0, 3, 1, 2))
        return torchvision_deform_conv(inputs, offset, mask, self.weight, self.bias)

    def region(self, inputs: Tensor, rows: range, columns: range) -> Tensor:
        """The part of the output in these rows and columns: (images, out_channels, rows, columns). CPU only."""
        inputs = inputs.to(self.dtype)
        offset, mask = self._offset_and_mask(inputs, rows, columns)
        return self.product(sample_taps(inputs, offset, mask, (rows.start, columns.start)).permute(0, 3, 1, 2))

    def _offset_and_mask(
        self, inputs: Tensor, rows: range | None = None, columns: range | None = None
    ) -> tuple[Tensor, Tensor]:
        if rows is None or columns is None:
            predicted = self.conv_offset(inputs).float()
        else:
            predicted = convolve_region(self.conv_offset, inputs, rows, columns).float()
        return predicted[:, : 2 * TAPS], predicted[:, 2 * TAPS :].sigmoid()


class PreparedController(nn.Module):
    """A `KernelController` for few targets: its large matrices are read once, which is what takes the time.

    Args:
        controller: what it computes.
    """

    def __init__(self, controller: KernelController) -> None:
        super().__init__()
        self.controller = controller

    def forward(self, templates: Sequence[Tensor]) -> list[LevelKernels]:
        """As `KernelController.forward`."""
        targets = len(templates[0])
        inputs = torch.cat([interior_share(level) * level.mean(dim=(2, 3)) for level in templates])
        generated = []
        for name in ("cls1", "cls2", "reg1", "reg2"):
            layer = self.controller.get_submodule(f"controller_{name}")
            weight, bias = layer.get_parameter("weight").flatten(1), layer.get_parameter("bias")
            # Rows of the weight times few columns: BLAS does this order five times faster than the other.
            kernels = (weight @ inputs.t()).t() + bias
            side = math.isqrt(len(weight))
            generated.append(kernels.reshape(len(templates), targets, side, side))
        return [LevelKernels(*level) for level in zip(*generated, strict=True)]


def interior_share(template: Tensor) -> float:
    """Share of the cells of a map padded by one that are the map's own (spec section 1.4)."""
    height, width = template.shape[2:]
    return (height * width) / ((height + 2) * (width + 2))

"""What only DLA-34 has, for inference: the joints of its trees, and the deformable convolutions of its aggregation.

All other layers of that backbone are served by `rewriting` and `blocks` like those of any other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmtrack.models.backbones.deformable import (
    TAPS,
    ModulatedDeformableConv,
    sample_taps,
    torchvision_deform_conv,
)
from dmtrack.models.backbones.dla import Root
from dmtrack.models.backbones.dla34 import DeformableBlock
from dmtrack.models.fast.convolution import PreparedConv, convolve_region
from dmtrack.models.fast.rewriting import Rewriting, fast_layer, is_foldable


@fast_layer(Root)
def _root(layer: nn.Module, rewriting: Rewriting, path: str) -> nn.Module:
    """The convolution includes the ReLU."""
    if isinstance(layer.bn, nn.Identity):
        layer.conv = rewriting.convolution(layer.get_submodule("conv"), f"{path}.conv", relu=True)  # type: ignore[arg-type]
        layer.relu = nn.Identity()
        return layer
    return rewriting.inside(layer, path)


@fast_layer(DeformableBlock)
def _deformable_block(layer: DeformableBlock, rewriting: Rewriting, path: str) -> nn.Module:
    """Its norm is folded in here, because the convolution is no ordinary one; offsets and mask stay as they are."""
    convolution, norm = layer.conv, layer.actf[0]
    if is_foldable(norm):
        assert norm.running_mean is not None and norm.running_var is not None
        with torch.no_grad():
            factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            convolution.weight.mul_(factor[:, None, None, None])
            convolution.bias.copy_((convolution.bias - norm.running_mean) * factor + norm.bias)
        layer.actf[0] = nn.Identity()
    return rewriting.inside(layer, path)


@fast_layer(ModulatedDeformableConv)
class PreparedDeformableConv(nn.Module):
    """A modulated deformable convolution, on CPUs by table look-up.

    Offsets and masks are always float32: rounding the sampling points costs more than rounding what is sampled.

    Args:
        convolution: what it computes; a batch norm may have been folded in.
        rewriting: says the number format of features and weights.
        path: name of the convolution.
    """

    def __init__(self, convolution: ModulatedDeformableConv, rewriting: Rewriting, path: str) -> None:
        super().__init__()
        self.dtype = rewriting.dtype_of(path)
        self.conv_offset = PreparedConv(convolution.conv_offset, self.dtype)
        self.weight = nn.Parameter(convolution.weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(convolution.bias.detach(), requires_grad=False)
        product = nn.Conv2d(convolution.weight.shape[1] * TAPS, len(convolution.weight), 1)
        product.weight.data = self.weight.permute(0, 2, 3, 1).flatten(1)[:, :, None, None]
        product.bias = self.bias
        self.product = PreparedConv(product, self.dtype)

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        inputs = inputs.to(self.dtype)
        predicted = self.conv_offset(inputs).float()
        offset, mask = predicted[:, : 2 * TAPS], predicted[:, 2 * TAPS :].sigmoid()
        if inputs.device.type == "cpu":
            return self.product(sample_taps(inputs, offset, mask).permute(0, 3, 1, 2))
        return torchvision_deform_conv(inputs, offset, mask, self.weight, self.bias)

    def region(self, inputs: Tensor, rows: range, columns: range) -> Tensor:
        """The part of the output in these rows and columns: (images, out_channels, rows, columns). CPU only."""
        inputs = inputs.to(self.dtype)
        predicted = convolve_region(self.conv_offset, inputs, rows, columns).float()
        offset, mask = predicted[:, : 2 * TAPS], predicted[:, 2 * TAPS :].sigmoid()
        return self.product(sample_taps(inputs, offset, mask, (rows.start, columns.start)).permute(0, 3, 1, 2))

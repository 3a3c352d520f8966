"""Layers of an inference copy: the same functions as the trainable layers whose place they take."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.backbones.deformable import ModulatedDeformableConv, torchvision_deform_conv
from dmtrack.models.backbones.deformable_sampling import TAPS, arrange_weight, sample_taps

_HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch, "mkldnn_convolution")
_ONEDNN_DTYPES = (torch.float32, torch.bfloat16)


def conv1x1(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(images, in_channels, H, W) and (out_channels, in_channels, 1, 1) -> (images, out_channels, H, W).

    With one thread PyTorch multiplies 1x1 kernels by a slower way than oneDNN's, which is asked for here.
    """
    if inputs.device.type == "cpu" and _HAS_ONEDNN and inputs.dtype in _ONEDNN_DTYPES:
        return torch.mkldnn_convolution(inputs, weight, bias, (0, 0), (1, 1), (1, 1), 1)
    return F.conv2d(inputs, weight, bias)


class PreparedConv(nn.Conv2d):
    """A convolution in a number format of its own, with weights laid out channels-last.

    Args:
        convolution: what it computes.
        dtype: number format of weights, and of inputs, which are converted where they differ, and outputs.
    """

    def __init__(self, convolution: nn.Conv2d, dtype: torch.dtype) -> None:
        # Everything but the parameters comes from the convolution itself.
        nn.Module.__init__(self)
        self.__dict__.update({key: value for key, value in vars(convolution).items() if key not in vars(self)})
        self.training = False
        for name, parameter in convolution.named_parameters():
            converted = parameter.detach().to(dtype)
            if converted.dim() == 4:
                converted = converted.contiguous(memory_format=torch.channels_last)
            self.register_parameter(name, nn.Parameter(converted, requires_grad=False))
        if convolution.bias is None:
            self.register_parameter("bias", None)

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H', W')."""
        inputs = inputs.to(self.weight.dtype)
        if self.kernel_size == (1, 1) and self.stride == (1, 1) and self.padding == (0, 0) and self.groups == 1:
            return conv1x1(inputs, self.weight, self.bias)
        return super().forward(inputs)


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
        self.bias = nn.Parameter(convolution.bias.detach().to(dtype), requires_grad=False)
        arranged = arrange_weight(self.weight)[:, :, None, None]
        self.arranged = nn.Parameter(arranged.to(dtype).contiguous(), requires_grad=False)
        self.dtype = dtype

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        inputs = inputs.to(self.dtype)
        predicted = self.conv_offset(inputs).float()
        offset, mask = predicted[:, : 2 * TAPS], predicted[:, 2 * TAPS :].sigmoid()
        if inputs.device.type == "cpu":
            return conv1x1(sample_taps(inputs, offset, mask).permute(0, 3, 1, 2), self.arranged, self.bias)
        return torchvision_deform_conv(inputs, offset, mask, self.weight, self.bias)

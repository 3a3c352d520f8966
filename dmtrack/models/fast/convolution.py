"""Convolutions of an inference copy."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.global_search.head import dynamic_conv1x1

MAX_LAYOUTS = 4
"""Shapes of inputs for which a convolution keeps its weight laid out."""

Activation = Literal["none", "relu", "swish"]
"""What follows a convolution in the same pass, by oneDNN's names; swish is PyTorch's SiLU."""

ACTIVATIONS: dict[type[nn.Module], Activation] = {nn.ReLU: "relu", nn.SiLU: "swish"}


def activate(maps: Tensor, activation: Activation) -> Tensor:
    """The maps with an activation applied in place."""
    if activation == "none":
        return maps
    return F.relu_(maps) if activation == "relu" else F.silu(maps, inplace=True)


class PreparedConv(nn.Conv2d):
    """A convolution in a number format of its own, laid out for the machine at hand.

    On CPUs it calls the operators by which PyTorch's own compiler runs frozen models: oneDNN with weights laid out
    once and the activation in the same pass. They are not part of PyTorch's promises, so `has_frozen_convolutions`
    tries them first; without them, the ordinary convolution does the work.

    Args:
        convolution: what it computes.
        dtype: number format of weights, and of inputs, which are converted where they differ, and outputs.
        activation: what follows.
    """

    def __init__(self, convolution: nn.Conv2d, dtype: torch.dtype, activation: Activation = "none") -> None:
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
        self.activation: Activation = activation
        self._arguments: tuple[Any, ...] = (self.padding, self.stride, self.dilation, self.groups)
        self._layouts: dict[tuple[int, ...], Tensor] = {}

    def forward(self, inputs: Tensor, residual: Tensor | None = None) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H', W').

        A residual, of the shape of the output, is added before the activation.
        """
        inputs = inputs.to(self.weight.dtype)
        ordinary = self.padding_mode == "zeros" and not isinstance(self.padding, str) and inputs.dim() == 4
        if ordinary and inputs.device.type == "cpu" and has_frozen_convolutions(inputs.dtype):
            laid_out = self._laid_out(inputs.shape)
            return _frozen_convolution(inputs, laid_out, self.bias, self._arguments, self.activation, residual)
        outputs = super().forward(inputs)
        if residual is not None:
            outputs += residual
        return activate(outputs, self.activation)

    def __getstate__(self) -> dict[str, Any]:
        # What oneDNN has laid out can be neither copied nor stored.
        return {**self.__dict__, "_layouts": {}}

    def _laid_out(self, shape: torch.Size) -> Tensor:
        """The weight in the layout that is best for inputs of this shape."""
        if tuple(shape) not in self._layouts:
            # The levels of a pyramid are a few shapes; frames of ever new sizes must not fill the memory.
            if len(self._layouts) == MAX_LAYOUTS:
                self._layouts.clear()
            lay_out = torch.ops.mkldnn._reorder_convolution_weight
            self._layouts[tuple(shape)] = lay_out(self.weight.detach(), *self._arguments, list(shape))
        return self._layouts[tuple(shape)]


@functools.cache
def has_frozen_convolutions(dtype: torch.dtype) -> bool:
    """Whether this machine and this PyTorch have oneDNN's convolutions with weights laid out beforehand."""
    if not torch.backends.mkldnn.is_available() or dtype not in (torch.float32, torch.bfloat16):
        return False
    weight = torch.linspace(-1, 1, 8 * 8 * 9).view(8, 8, 3, 3).to(dtype)
    inputs = torch.linspace(-1, 1, 8 * 36).view(1, 8, 6, 6).to(dtype).contiguous(memory_format=torch.channels_last)
    bias, arguments = torch.linspace(-1, 1, 8).to(dtype), ((1, 1), (1, 1), (1, 1), 1)
    try:
        laid_out = torch.ops.mkldnn._reorder_convolution_weight(weight, *arguments, list(inputs.shape))
        cases: tuple[tuple[Activation, Tensor | None], ...] = (("relu", None), ("relu", inputs), ("swish", None))
        found = [_frozen_convolution(inputs, laid_out, bias, arguments, *case) for case in cases]
    except (AttributeError, RuntimeError):
        return False
    plain = F.conv2d(inputs.float(), weight.float(), bias.float(), padding=1)
    expected = torch.stack([F.relu(plain), F.relu(plain + inputs.float()), F.silu(plain)])
    allowed = 1e-4 if dtype == torch.float32 else 0.05
    return bool((torch.stack(found).float() - expected).abs().max() < allowed * expected.abs().max())


def _frozen_convolution(
    inputs: Tensor,
    laid_out: Tensor,
    bias: Tensor | None,
    arguments: tuple[Any, ...],
    activation: Activation,
    residual: Tensor | None = None,
) -> Tensor:
    operator = torch.ops.mkldnn._convolution_pointwise
    if residual is None:
        outputs: Tensor = operator(inputs, laid_out, bias, *arguments, activation, [], "")
        return outputs
    # Behind a sum it knows ReLU alone.
    fused = activation if activation == "relu" else None
    summed: Tensor = operator.binary(inputs, residual, laid_out, bias, *arguments, "add", 1.0, fused, [], "")
    return summed if fused else activate(summed, activation)


def side_by_side(convolutions: Sequence[Any]) -> nn.Conv2d:
    """One convolution with the outputs of several that differ in their weights alone and have the same input."""
    joined: nn.Conv2d = copy.deepcopy(convolutions[0])
    joined.out_channels = sum(convolution.out_channels for convolution in convolutions)
    joined.weight = nn.Parameter(torch.cat([convolution.weight for convolution in convolutions]), requires_grad=False)
    biases = [convolution.bias for convolution in convolutions]
    joined.bias = nn.Parameter(torch.cat([bias for bias in biases if bias is not None]), requires_grad=False)
    return joined


def conv1x1(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(images, in_channels, H, W) and (out_channels, in_channels, 1, 1) -> (images, out_channels, H, W).

    For weights that are new every time. With one thread PyTorch multiplies 1x1 kernels by a slower way than oneDNN's,
    which is asked for here.
    """
    if inputs.device.type == "cpu" and has_frozen_convolutions(inputs.dtype):
        return torch.mkldnn_convolution(inputs, weight, bias, (0, 0), (1, 1), (1, 1), 1)
    return F.conv2d(inputs, weight, bias)


def dynamic_conv(features: Tensor, kernels: Tensor, image_index: Tensor) -> Tensor:
    """As `dynamic_conv1x1`, by the faster product where all targets lie in one image."""
    targets, outputs, channels = kernels.shape
    if len(features) != 1:
        return dynamic_conv1x1(features, kernels, image_index)
    responses = conv1x1(features, kernels.reshape(targets * outputs, channels, 1, 1))
    # A view of one target's map would lose the strides by which a channels-last layout is recognised.
    return responses if targets == 1 else responses.view(targets, outputs, *features.shape[2:])


def convolve_region(convolution: nn.Module, inputs: Tensor, rows: range, columns: range) -> Tensor:
    """The part in these rows and columns of the output of a 3x3 convolution with padding 1.

    The convolution takes the whole map, (images, channels, H, W), to one of the same size.
    """
    height, width = inputs.shape[2:]
    top, left = max(rows.start - 1, 0), max(columns.start - 1, 0)
    outputs = convolution(inputs[:, :, top : min(rows.stop + 1, height), left : min(columns.stop + 1, width)])
    # What the padding inside the map has touched is cut away again.
    first_row, first_column = rows.start - top, columns.start - left
    return outputs[:, :, first_row : first_row + len(rows), first_column : first_column + len(columns)]

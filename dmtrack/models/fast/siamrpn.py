"""SiamRPN++ for tracking alone: the same outputs with a fraction of the work per frame.

Batch norms are folded, the template's kernels are computed once per target, score and box branches of a level share
their convolution of the search map, large 3x3 convolutions go by Winograd's method on CPUs.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.backbones.siamese_resnet import DilatedBottleneck
from dmtrack.models.fast.convolution import PreparedConv
from dmtrack.models.fast.dilated_winograd import DilatedWinograd
from dmtrack.models.fast.preparing import DTYPES
from dmtrack.models.folding import fold_batch_norms
from dmtrack.models.siamrpn.layers import ConvNorm, CorrelationHead, Outputs, PlainConv
from dmtrack.models.siamrpn.siamrpn import SiamRPN

WINOGRAD_CHANNELS = 128


class FastCopy(NamedTuple):
    """A model for tracking alone.

    Attributes:
        model: offers `encode_template` and `search`.
        needs_autocast: whether it leaves the choice of number formats to `torch.autocast`.
    """

    model: FastSiamRPN
    needs_autocast: bool


def fast_siamrpn(model: SiamRPN, precision: str = "fp32") -> FastCopy:
    """The fast copy of a model, on its device.

    Args:
        model: stays as it is, apart from being read; later changes of its weights do not reach the copy.
        precision: 'fp32', 'bf16' or 'fp16'.
    """
    # CPUs compute few operations in fp16; autocast knows which.
    unusual = precision == "fp16" and model.device.type == "cpu"
    return FastCopy(FastSiamRPN(model, "fp32" if unusual else precision), unusual)


class FastSiamRPN(nn.Module):
    """The inference copy.

    Args:
        model: what it computes.
        precision: number format of the convolutions.
    """

    def __init__(self, model: SiamRPN, precision: str = "fp32") -> None:
        super().__init__()
        dtype = DTYPES[precision]
        folded = fold_batch_norms(model).requires_grad_(False)
        self._cut_centre = folded.cut_centre
        exchange = _Exchange(dtype, model.device.type == "cpu" and dtype == torch.float32)
        self.backbone = exchange.inside(folded.backbone)
        self.neck = None if folded.neck is None else exchange.inside(folded.neck)
        weights = [weight.detach().clone() for weight in folded.head.fusion()]
        self.levels = nn.ModuleList(
            FastLevel(cls, reg, [float(weight[level]) for weight in weights], exchange)
            for level, (cls, reg) in enumerate(zip(folded.head.cls_heads, folded.head.reg_heads, strict=True))
        )

    def encode_template(self, images: Tensor) -> list[Tensor]:
        """Per level the correlation kernels (2 x channels, 1, h, w) of one exemplar image, scores before boxes."""
        features = self._extract(images)
        kernels = []
        for level, map_ in zip(self.levels, features, strict=True):
            assert isinstance(level, FastLevel)
            kernels.append(level.kernels(self._cut_centre(map_)))
        return kernels

    def search(self, templates: list[Tensor], images: Tensor) -> Outputs:
        """Raw outputs for one search image."""
        features = self._extract(images)
        maps = [level(kernels, map_) for level, kernels, map_ in zip(self.levels, templates, features, strict=True)]
        cls, reg = (torch.stack(branch).sum(0) for branch in zip(*maps, strict=True))
        return Outputs(cls, reg)

    def _extract(self, images: Tensor) -> tuple[Tensor, ...]:
        features = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return features if self.neck is None else self.neck(features)


class FastLevel(nn.Module):
    """Both branches of a level.

    Args:
        cls: folded branch of the scores.
        reg: folded branch of the boxes.
        weights: of the level in the fusion of scores and of boxes; they are multiplied into the last convolutions.
        exchange: makes fast convolutions.
    """

    def __init__(self, cls: nn.Module, reg: nn.Module, weights: list[float], exchange: _Exchange) -> None:
        super().__init__()
        assert isinstance(cls, CorrelationHead) and isinstance(reg, CorrelationHead)
        branches = (cls, reg)
        self.kernel_conv = exchange.convolution(_side_by_side([b.kernel_convs.conv for b in branches]), relu=True)
        self.search_conv = exchange.convolution(_side_by_side([b.search_convs.conv for b in branches]), relu=True)
        self.first_convs, self.last_convs = nn.ModuleList(), nn.ModuleList()
        for branch, weight in zip(branches, weights, strict=True):
            first, last = branch.head_convs
            assert isinstance(first, ConvNorm) and isinstance(last, PlainConv)
            with torch.no_grad():
                last.conv.weight.mul_(weight)
                assert last.conv.bias is not None
                last.conv.bias.mul_(weight)
            self.first_convs.append(exchange.convolution(first.conv, relu=True))
            # Scores and boxes are decided by small differences.
            self.last_convs.append(PreparedConv(last.conv, torch.float32))

    def kernels(self, template: Tensor) -> Tensor:
        """(1, channels, h, w) -> (2 x channels, 1, h - 2, w - 2)."""
        return self.kernel_conv(template).transpose(0, 1).contiguous()

    def forward(self, kernels: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted score and box maps of the level, float32."""
        search = self.search_conv(features)
        responses = F.conv2d(search, kernels, groups=len(kernels))
        cls, reg = (
            last(first(part))
            for part, first, last in zip(responses.chunk(2, dim=1), self.first_convs, self.last_convs, strict=True)
        )
        return cls, reg


class FastBottleneck(nn.Module):
    """A `DilatedBottleneck` with few passes over the maps."""

    def __init__(self, block: DilatedBottleneck, exchange: _Exchange) -> None:
        super().__init__()
        self.conv1 = exchange.convolution(block.conv1, relu=True)
        self.conv2 = exchange.convolution(block.conv2, relu=True)
        self.conv3 = exchange.convolution(block.conv3)
        self.shortcut: nn.Module | None = None
        if block.downsample is not None:
            assert isinstance(block.downsample, nn.Sequential)
            convolution = block.downsample[0]
            assert isinstance(convolution, nn.Conv2d)
            self.shortcut = exchange.convolution(convolution)

    def forward(self, inputs: Tensor) -> Tensor:
        """As `DilatedBottleneck.forward`."""
        shortcut = inputs if self.shortcut is None else self.shortcut(inputs)
        return F.relu_(self.conv3(self.conv2(self.conv1(inputs))).add_(shortcut))


class _Exchange:
    """Exchanges the layers of a folded module.

    Args:
        dtype: of the convolutions.
        winograd: whether large 3x3 convolutions go by Winograd's method.
    """

    def __init__(self, dtype: torch.dtype, winograd: bool) -> None:
        self.dtype, self.winograd = dtype, winograd

    def convolution(self, convolution: nn.Conv2d, relu: bool = False) -> nn.Module:
        """The substitute of a convolution with its ReLU."""
        if self.winograd and DilatedWinograd.suits(convolution, WINOGRAD_CHANNELS):
            return DilatedWinograd(convolution, relu)
        return PreparedConv(convolution, self.dtype, relu)

    def inside(self, module: nn.Module) -> nn.Module:
        """The module with exchanged content."""
        for name, child in list(module.named_children()):
            if isinstance(child, DilatedBottleneck):
                setattr(module, name, FastBottleneck(child, self))
            elif type(child) is nn.Conv2d:
                setattr(module, name, self.convolution(child))
            else:
                self.inside(child)
        return module


def _side_by_side(convolutions: list[nn.Conv2d]) -> nn.Conv2d:
    """One convolution with the outputs of all, one after the other; they have the same input."""
    joined = copy.deepcopy(convolutions[0])
    joined.out_channels = sum(convolution.out_channels for convolution in convolutions)
    joined.weight = nn.Parameter(torch.cat([convolution.weight for convolution in convolutions]), requires_grad=False)
    biases = [convolution.bias for convolution in convolutions]
    joined.bias = nn.Parameter(torch.cat([bias for bias in biases if bias is not None]), requires_grad=False)
    return joined

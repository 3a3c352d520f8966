"""SiamRPN++ for tracking alone: the same outputs with a fraction of the work per frame.

Batch norms are folded, the template's kernels are computed once per target, score and box branches of a level share
their convolution of the search map, large 3x3 convolutions go by Winograd's method on CPUs.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.fast.convolution import PreparedConv
from dmtrack.models.fast.rewriting import DTYPES, Rewriting, fold_batch_norms
from dmtrack.models.siamrpn.layers import CorrelationHead, Outputs
from dmtrack.models.siamrpn.siamrpn import SiamRPN


class FastSiamRPN(nn.Module):
    """The inference copy.

    Args:
        model: what it computes.
        precision: number format of the convolutions.
    """

    def __init__(self, model: SiamRPN, precision: str = "fp32") -> None:
        super().__init__()
        folded = fold_batch_norms(model).requires_grad_(False)
        self._cut_centre = folded.cut_centre
        # The maps are small, and most 3x3 convolutions dilated or not padded.
        rewriting = Rewriting(DTYPES[precision], any_dilation=True, on_cpu=model.device.type == "cpu")
        self.backbone = rewriting.layer(folded.backbone, "backbone")
        self.neck = None if folded.neck is None else rewriting.layer(folded.neck, "neck")
        weights = [weight.detach().clone() for weight in folded.head.fusion()]
        self.levels = nn.ModuleList(
            FastLevel(cls, reg, [float(weight[level]) for weight in weights], rewriting)
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
        rewriting: makes fast convolutions.
    """

    def __init__(self, cls: nn.Module, reg: nn.Module, weights: list[float], rewriting: Rewriting) -> None:
        super().__init__()
        assert isinstance(cls, CorrelationHead) and isinstance(reg, CorrelationHead)
        branches = (cls, reg)
        self.kernel_conv = rewriting.convolution(_side_by_side([_conv(b.kernel_convs) for b in branches]), relu=True)
        self.search_conv = rewriting.convolution(_side_by_side([_conv(b.search_convs) for b in branches]), relu=True)
        self.first_convs, self.last_convs = nn.ModuleList(), nn.ModuleList()
        for branch, weight in zip(branches, weights, strict=True):
            first, last = (_conv(part) for part in branch.head_convs)
            with torch.no_grad():
                last.weight.mul_(weight)
                assert last.bias is not None
                last.bias.mul_(weight)
            self.first_convs.append(rewriting.convolution(first, relu=True))
            # Scores and boxes are decided by small differences.
            self.last_convs.append(PreparedConv(last, torch.float32))

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


def _conv(part: nn.Module) -> nn.Conv2d:
    convolution = part.get_submodule("conv")
    assert isinstance(convolution, nn.Conv2d)
    return convolution


def _side_by_side(convolutions: list[nn.Conv2d]) -> nn.Conv2d:
    """One convolution with the outputs of all, one after the other; they have the same input."""
    joined = copy.deepcopy(convolutions[0])
    joined.out_channels = sum(convolution.out_channels for convolution in convolutions)
    joined.weight = nn.Parameter(torch.cat([convolution.weight for convolution in convolutions]), requires_grad=False)
    biases = [convolution.bias for convolution in convolutions]
    joined.bias = nn.Parameter(torch.cat([bias for bias in biases if bias is not None]), requires_grad=False)
    return joined

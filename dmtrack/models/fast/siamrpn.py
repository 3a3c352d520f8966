"""SiamRPN++ for tracking alone: the same outputs with a fraction of the work per frame.

Batch norms are folded, the template's kernels are computed once per target, score and box branches of a level share
their convolution of the search map, large 3x3 convolutions go by Winograd's method on CPUs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.fast.convolution import PreparedConv, side_by_side
from dmtrack.models.fast.rewriting import DTYPES, Rewriting, fold_batch_norms
from dmtrack.models.siamrpn.layers import CorrelationHead, Outputs
from dmtrack.models.siamrpn.siamrpn import SiamRPN


class FastSiamRPN(nn.Module):
    """The inference copy."""

    def __init__(self, model: SiamRPN, precision: str = "fp32") -> None:
        super().__init__()
        folded = fold_batch_norms(model).requires_grad_(False)
        self._cut_centre = folded.cut_centre
        # The maps are small, and most 3x3 convolutions dilated or not padded.
        rewriting = Rewriting(DTYPES[precision], any_dilation=True, on_cpu=model.device.type == "cpu")
        parts = {"backbone": folded.backbone, "neck": folded.neck}
        layers = (rewriting.layer(part, name) for name, part in parts.items() if part is not None)
        self.features = nn.Sequential(*layers)
        weights = [weight.detach().clone() for weight in folded.head.fusion()]
        self.levels = nn.ModuleList(
            FastLevel(cls, reg, [float(weight[level]) for weight in weights], rewriting)
            for level, (cls, reg) in enumerate(zip(folded.head.cls_heads, folded.head.reg_heads, strict=True))
        )

    def encode_template(self, images: Tensor) -> list[Tensor]:
        """Per level the correlation kernels (2 x channels, 1, h, w) of one exemplar image, scores before boxes."""
        kernels = []
        for level, map_ in zip(
            self.levels, self.features(images.contiguous(memory_format=torch.channels_last)), strict=True
        ):
            # (1, 2 x channels, h, w) becomes a kernel of its own for every channel.
            template = level.get_submodule("kernel_conv")(self._cut_centre(map_))
            kernels.append(template.transpose(0, 1).contiguous())
        return kernels

    def search(self, templates: list[Tensor], images: Tensor) -> Outputs:
        """Raw outputs for one search image."""
        levels = zip(
            self.levels, templates, self.features(images.contiguous(memory_format=torch.channels_last)), strict=True
        )
        maps = [level(kernels, map_) for level, kernels, map_ in levels]
        cls, reg = (torch.stack(branch).sum(0) for branch in zip(*maps, strict=True))
        return Outputs(cls, reg)


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
        self.kernel_conv = rewriting.convolution(
            side_by_side([branch.kernel_convs[0] for branch in branches]), activation="relu"
        )
        self.search_conv = rewriting.convolution(
            side_by_side([branch.search_convs[0] for branch in branches]), activation="relu"
        )
        self.first_convs, self.last_convs = nn.ModuleList(), nn.ModuleList()
        for branch, weight in zip(branches, weights, strict=True):
            first, last = (part.get_submodule("conv") for part in branch.head_convs)
            assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d)
            with torch.no_grad():
                last.weight.mul_(weight)
                assert last.bias is not None
                last.bias.mul_(weight)
            self.first_convs.append(rewriting.convolution(first, activation="relu"))
            # Scores and boxes are decided by small differences.
            self.last_convs.append(PreparedConv(last, torch.float32))

    def forward(self, kernels: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted score and box maps of the level, float32."""
        search = self.search_conv(features)
        responses = F.conv2d(search, kernels, groups=len(kernels))
        cls, reg = (
            last(first(part))
            for part, first, last in zip(responses.chunk(2, dim=1), self.first_convs, self.last_convs, strict=True)
        )
        return cls, reg

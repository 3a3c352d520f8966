"""Batch normalisation folded into the convolution before it: the same function, one pass over the data fewer."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dmtrack.models.backbones.deformable import ModulatedDeformableConv
from dmtrack.models.backbones.dla_up import DeformableBlock

Module = TypeVar("Module", bound=nn.Module)


def fold_batch_norms(model: Module) -> Module:
    """A copy in eval mode where every convolution followed by a batch norm is one convolution with a bias.

    "Followed by" is read off the order in which a module declares its children, which in this package is the order in
    which they run. Outputs equal those of the original up to rounding.
    """
    folded = copy.deepcopy(model).eval()
    for module in list(folded.modules()):
        previous: tuple[str, nn.Module] | None = None
        for name, child in list(module.named_children()):
            if _foldable(child) and previous is not None and isinstance(previous[1], nn.Conv2d):
                setattr(module, previous[0], fuse_conv_bn_eval(previous[1], child))  # type: ignore[arg-type]
                setattr(module, name, nn.Identity())
            previous = (name, child)
        if isinstance(module, DeformableBlock) and _foldable(module.actf[0]):
            _fold_into_deformable(module.conv, module.actf[0])
            module.actf[0] = nn.Identity()
    return folded


def _foldable(module: nn.Module) -> bool:
    """Whether it is a batch norm, synchronised or not, with statistics and factors of its own."""
    norms = (nn.BatchNorm2d, nn.SyncBatchNorm)
    return isinstance(module, norms) and module.running_mean is not None and module.affine


def _fold_into_deformable(convolution: ModulatedDeformableConv, norm: nn.Module) -> None:
    """Changes the convolution in place; its offsets and mask are computed before the norm and stay as they are."""
    assert isinstance(norm, nn.modules.batchnorm._BatchNorm)
    assert norm.running_mean is not None and norm.running_var is not None
    with torch.no_grad():
        factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        convolution.weight.mul_(factor[:, None, None, None])
        convolution.bias.copy_((convolution.bias - norm.running_mean) * factor + norm.bias)

"""Residual blocks of this package's backbones for inference: one entry per type of block."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.backbones.dla import BasicBlock
from dmtrack.models.backbones.siamese_resnet import DilatedBottleneck
from dmtrack.models.fast.convolution import PreparedConv
from dmtrack.models.fast.rewriting import Rewriting, fast_layer


class FusedBlock(nn.Module):
    """Convolutions around a shortcut, with as few passes over the maps as possible.

    Args:
        convolutions: all but the last include their ReLU.
        shortcut: what the input passes where no residual is given; None adds the input itself.
    """

    def __init__(self, convolutions: list[nn.Module], shortcut: nn.Module | None = None) -> None:
        super().__init__()
        *first, self.last = convolutions
        self.first, self.shortcut = nn.Sequential(*first), shortcut
        if isinstance(self.last, PreparedConv):
            # It adds the residual before its ReLU, which is the block's.
            self.last.relu = True

    def forward(self, inputs: Tensor, residual: Tensor | None = None) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H', W')."""
        if residual is None:
            residual = inputs if self.shortcut is None else self.shortcut(inputs)
        inside: Tensor = self.first(inputs)
        if isinstance(self.last, PreparedConv):
            return self.last(inside, residual.to(inside.dtype))  # type: ignore[no-any-return]
        return F.relu_(self.last(inside).add_(residual))


@fast_layer(BasicBlock, DilatedBottleneck)
def _fused_block(layer: nn.Module, rewriting: Rewriting, path: str) -> nn.Module:
    """For blocks whose convolutions are called conv1, conv2, ... and their norms bn1, bn2, ..."""
    names = [name for name, _ in layer.named_children() if name.startswith("conv")]
    if not all(type(layer.get_submodule(name.replace("conv", "bn"))) is nn.Identity for name in names):
        return rewriting.inside(layer, path)
    convolutions = [
        rewriting.layer(layer.get_submodule(name), f"{path}.{name}")
        if name == names[-1]
        else rewriting.convolution(layer.get_submodule(name), f"{path}.{name}", relu=True)  # type: ignore[arg-type]
        for name in names
    ]
    shortcut_name = "downsample" if isinstance(layer, DilatedBottleneck) else "shortcut"
    shortcut = getattr(layer, shortcut_name, None)
    if shortcut is not None:
        shortcut = rewriting.layer(shortcut, f"{path}.{shortcut_name}")
    return FusedBlock(convolutions, shortcut)

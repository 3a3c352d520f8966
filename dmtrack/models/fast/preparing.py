"""From a trained module to a copy that computes the same faster: layers exchanged, structure kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from dmtrack.models.backbones.deformable import ModulatedDeformableConv
from dmtrack.models.backbones.dla import BasicBlock, Root
from dmtrack.models.backbones.residual_trunk import ResidualBlock
from dmtrack.models.fast.convolution import PreparedConv
from dmtrack.models.fast.layers import FusedBlock, FusedRoot, PreparedController, PreparedDeformableConv, PreparedLinear
from dmtrack.models.fast.winograd import WinogradConv
from dmtrack.models.folding import fold_batch_norms
from dmtrack.models.global_search.head import KernelController

Module = TypeVar("Module", bound=nn.Module)

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def prepare_layers(
    module: Module,
    precision: str = "fp32",
    full_precision: Sequence[str] = (),
    large_maps: Sequence[str] = (),
    winograd_channels: int = 128,
) -> Module:
    """A copy in evaluation mode with folded batch norms and exchanged layers, for inference alone.

    Args:
        module: stays as it is.
        precision: number format of the convolutions: 'fp32', 'bf16' or 'fp16'.
        full_precision: beginnings of the names of layers that stay in fp32 all the same.
        large_maps: beginnings of the names of layers whose maps are large enough for large Winograd tiles.
        winograd_channels: how many channels a 3x3 convolution needs at least to become a Winograd convolution; fewer
            pay where the maps are so small that the tiles stay in the processor's caches.
    """
    copied = fold_batch_norms(module)
    copied.requires_grad_(False)
    on_cpu = next(copied.parameters(), torch.empty(0)).device.type == "cpu"
    exchange = _Exchange(DTYPES[precision], tuple(full_precision), tuple(large_maps), winograd_channels, on_cpu)
    exchange.inside(copied, "")
    return copied


@dataclass(frozen=True)
class _Exchange:
    """Exchanges the layers of a module for faster ones; the arguments are those of `prepare_layers`."""

    dtype: torch.dtype
    full_precision: tuple[str, ...]
    large_maps: tuple[str, ...]
    winograd_channels: int
    on_cpu: bool

    def inside(self, parent: nn.Module, path: str) -> None:
        """Exchanges what is inside of a module."""
        if isinstance(parent, nn.Sequential) and [type(child) for child in parent] == [nn.Conv2d, nn.Identity, nn.ReLU]:
            first = parent[0]
            assert isinstance(first, nn.Conv2d)
            parent[0], parent[2] = self.convolution(first, f"{path}0", relu=True), nn.Identity()
        for name, child in list(parent.named_children()):
            setattr(parent, name, self.layer(child, path + name))

    def layer(self, layer: nn.Module, path: str) -> nn.Module:
        """The layer's substitute, or the layer itself with exchanged content."""
        if type(layer) is nn.Conv2d:
            return self.convolution(layer, path)
        if type(layer) is KernelController:
            return PreparedController(layer)
        if type(layer) is ModulatedDeformableConv:
            return PreparedDeformableConv(layer, self._dtype(path))
        if type(layer) is nn.Linear:
            return PreparedLinear(layer)
        if type(layer) in (nn.ConvTranspose2d, nn.GroupNorm):
            return layer.to(self._dtype(path))
        self.inside(layer, f"{path}.")
        if (type(layer) is BasicBlock or type(layer) is ResidualBlock) and _folded(layer.bn1, layer.bn2):
            first, second = layer.conv1, layer.conv2
            assert isinstance(first, PreparedConv | WinogradConv)
            first.relu = True
            return FusedBlock(first, second, getattr(layer, "shortcut", None))
        if type(layer) is Root and _folded(layer.bn):
            assert isinstance(layer.conv, PreparedConv)
            layer.conv.relu = True
            return FusedRoot(layer.conv)
        return layer

    def convolution(self, convolution: nn.Conv2d, path: str, relu: bool = False) -> nn.Module:
        """The substitute of a convolution."""
        dtype = self._dtype(path)
        if self.on_cpu and dtype == torch.float32 and WinogradConv.suits(convolution, self.winograd_channels):
            return WinogradConv(convolution, 6 if path.startswith(self.large_maps) else 4, relu)
        return PreparedConv(convolution, dtype, relu)

    def _dtype(self, path: str) -> torch.dtype:
        return torch.float32 if path.startswith(self.full_precision) else self.dtype


def _folded(*norms: nn.Module) -> bool:
    return all(isinstance(norm, nn.Identity) for norm in norms)

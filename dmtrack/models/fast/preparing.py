"""From a trained module to a copy that computes the same faster: layers exchanged, structure kept."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import nn

from dmtrack.models.backbones.deformable import ModulatedDeformableConv
from dmtrack.models.fast.layers import PreparedConv, PreparedDeformableConv
from dmtrack.models.fast.winograd import WinogradConv
from dmtrack.models.folding import fold_batch_norms

Module = TypeVar("Module", bound=nn.Module)

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def prepare_layers(
    module: Module, precision: str = "fp32", full_precision: Sequence[str] = (), large_maps: Sequence[str] = ()
) -> Module:
    """A copy in evaluation mode with folded batch norms and exchanged convolutions, for inference alone.

    Args:
        module: stays as it is.
        precision: number format of the convolutions: 'fp32', 'bf16' or 'fp16'.
        full_precision: beginnings of the names of layers that stay in fp32 all the same.
        large_maps: beginnings of the names of layers whose maps are large enough for large Winograd tiles.
    """
    copied = fold_batch_norms(module)
    copied.requires_grad_(False)
    on_cpu = next(copied.parameters(), torch.empty(0)).device.type == "cpu"
    for name, parent in list(copied.named_modules()):
        for child_name, child in list(parent.named_children()):
            path = f"{name}.{child_name}".lstrip(".")
            dtype = torch.float32 if path.startswith(tuple(full_precision)) else DTYPES[precision]
            tile = 6 if path.startswith(tuple(large_maps)) else 4
            setattr(parent, child_name, _prepared(child, dtype, tile if on_cpu else None))
    return copied


def _prepared(layer: nn.Module, dtype: torch.dtype, tile: int | None) -> nn.Module:
    """The layer's substitute, or the layer itself; no Winograd convolutions where there is no tile size."""
    if type(layer) is ModulatedDeformableConv:
        return PreparedDeformableConv(layer, dtype)
    if type(layer) is nn.Conv2d:
        if tile is not None and dtype == torch.float32 and WinogradConv.suits(layer):
            return WinogradConv(layer, tile)
        return PreparedConv(layer, dtype)
    if type(layer) in (nn.ConvTranspose2d, nn.GroupNorm):
        return layer.to(dtype)
    return layer

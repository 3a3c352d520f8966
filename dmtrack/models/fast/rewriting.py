"""From a trained module to a copy that computes the same faster: layers exchanged by their type, structure kept.

Two walks over the tree of modules do it, so they serve any backbone. The first folds batch norms into the convolutions
before them; the second asks for every module how the fast substitute of its type is made (`fast_layer` adds a type).
Modules of other types stay as they are, and the walk goes on inside them: what is made of plain convolutions, norms and
activations, such as a ResNet of torchvision, is served without an entry of its own.
"""

from __future__ import annotations

import copy
import re
from collections import abc
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeGuard, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dmtrack.models.fast.convolution import ACTIVATIONS, Activation, PreparedConv
from dmtrack.models.fast.winograd import DilatedWinograd, WinogradConv

Module = TypeVar("Module", bound=nn.Module)

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Rewriting:
    """How the layers of one module are exchanged.

    Attributes:
        dtype: number format of the convolutions.
        full_precision: beginnings of the names of layers that stay in fp32 all the same.
        large_maps: beginnings of the names of layers whose maps are large enough for large Winograd tiles.
        winograd_channels: how many channels a 3x3 convolution needs at least to become a Winograd convolution; fewer
            pay where the maps are so small that the tiles stay in the processor's caches.
        any_dilation: whether dilated and unpadded 3x3 convolutions, of any number of channels, become Winograd
            convolutions as well, which pays on small maps.
        on_cpu: whether the module lies on a CPU; Winograd convolutions are for these.
    """

    dtype: torch.dtype
    full_precision: tuple[str, ...] = ()
    large_maps: tuple[str, ...] = ()
    winograd_channels: int = 128
    any_dilation: bool = False
    on_cpu: bool = False

    def layer(self, layer: nn.Module, path: str) -> nn.Module:
        """The substitute of a module called `path`, or the module itself with exchanged content."""
        substitute = _FAST_LAYERS.get(type(layer))
        return self.inside(layer, path) if substitute is None else substitute(layer, self, path)

    def inside(self, parent: Module, path: str) -> Module:
        """A module with exchanged content."""
        if not isinstance(parent, torch.jit.ScriptModule):
            for name, child in list(parent.named_children()):
                setattr(parent, name, self.layer(child, f"{path}.{name}".lstrip(".")))
        return parent

    def convolution(self, convolution: nn.Conv2d, path: str = "", activation: Activation = "none") -> nn.Module:
        """The substitute of a convolution and of the activation that may follow it."""
        dtype = self.dtype_of(path)
        if self.on_cpu and dtype == torch.float32:
            if self.any_dilation and DilatedWinograd.suits(convolution, self.winograd_channels):
                return DilatedWinograd(convolution, activation)
            if not self.any_dilation and WinogradConv.suits(convolution, self.winograd_channels):
                return WinogradConv(convolution, 6 if path.startswith(self.large_maps) else 4, activation)
        return PreparedConv(convolution, dtype, activation)

    def dtype_of(self, path: str) -> torch.dtype:
        """The number format of a layer."""
        return torch.float32 if path.startswith(self.full_precision) else self.dtype


Substitute = TypeVar("Substitute", bound=Callable[[Any, Rewriting, str], nn.Module])
"""(a folded module, how its layers are exchanged, its name in the whole) -> what computes the same faster."""

_FAST_LAYERS: dict[type[nn.Module], Callable[[Any, Rewriting, str], nn.Module]] = {}


def fast_layer(*kinds: type[nn.Module]) -> Callable[[Substitute], Substitute]:
    """Registers how the fast substitute of these types is made; subclasses, which may compute otherwise, are not meant.

    The substitute may be the module itself: where a layer is not as expected, return `rewriting.inside(layer, path)`.
    """

    def register(substitute: Substitute) -> Substitute:
        _FAST_LAYERS.update(dict.fromkeys(kinds, substitute))
        return substitute

    return register


def prepare_layers(
    module: Module,
    precision: str = "fp32",
    full_precision: abc.Sequence[str] = (),
    large_maps: abc.Sequence[str] = (),
    winograd_channels: int = 128,
) -> Module:
    """A copy in evaluation mode with folded batch norms and exchanged layers, for inference alone.

    Args:
        module: stays as it is.
        precision: number format of the convolutions: 'fp32', 'bf16' or 'fp16'.
        full_precision: see `Rewriting`.
        large_maps: likewise.
        winograd_channels: likewise.
    """
    copied = fold_batch_norms(module).requires_grad_(False)
    on_cpu = next(copied.parameters(), torch.empty(0)).device.type == "cpu"
    names = tuple(full_precision), tuple(large_maps)
    rewriting = Rewriting(DTYPES[precision], *names, winograd_channels, on_cpu=on_cpu)
    return rewriting.layer(copied, "")  # type: ignore[return-value]


def fold_batch_norms(model: Module) -> Module:
    """A copy in eval mode where every convolution followed by a batch norm is one convolution with a bias.

    "Followed by" is read off the order in which a module declares its children; `conv2` and `bn1` do not belong
    together in any order. Outputs equal those of the original up to rounding.
    """
    folded = copy.deepcopy(model).eval()
    for module in list(folded.modules()):
        children = list(module.named_children())
        for (name, layer), (norm_name, norm) in pairwise(children):
            numbered = re.sub(r"\D", "", name), re.sub(r"\D", "", norm_name)
            belongs = isinstance(module, nn.Sequential) or numbered[0] == numbered[1]
            if belongs and is_foldable(norm) and type(layer) is nn.Conv2d and layer.out_channels == norm.num_features:
                setattr(module, name, fuse_conv_bn_eval(layer, norm))
                setattr(module, norm_name, nn.Identity())
    return folded


def is_foldable(norm: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    """Whether it is a batch norm, synchronised or not, with statistics and factors of its own, and nothing else."""
    return type(norm) in (nn.BatchNorm2d, nn.SyncBatchNorm) and norm.running_mean is not None and bool(norm.affine)


@fast_layer(nn.Conv2d)
def _convolution(layer: nn.Conv2d, rewriting: Rewriting, path: str) -> nn.Module:
    return rewriting.convolution(layer, path)


@fast_layer(nn.ConvTranspose2d, nn.GroupNorm)
def _in_its_format(layer: nn.Module, rewriting: Rewriting, path: str) -> nn.Module:
    return layer.to(rewriting.dtype_of(path))


@fast_layer(nn.Sequential)
def _sequential(layer: nn.Sequential, rewriting: Rewriting, path: str) -> nn.Module:
    """Here alone it is certain that an activation acts on what stands before it, and on nothing else."""
    children = [(name, child) for name, child in layer.named_children() if type(child) is not nn.Identity]
    for (name, child), (follower_name, follower) in pairwise(children):
        if type(child) is nn.Conv2d and type(follower) in ACTIVATIONS:
            activation = ACTIVATIONS[type(follower)]
            setattr(layer, name, rewriting.convolution(child, f"{path}.{name}".lstrip("."), activation))
            setattr(layer, follower_name, nn.Identity())
    return rewriting.inside(layer, path)


@fast_layer(nn.Linear)
class PreparedLinear(nn.Linear):
    """A fully connected layer that converts its input to the number format of its weights, which stays fp32."""

    def __init__(self, linear: nn.Linear, rewriting: Rewriting, path: str) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return super().forward(inputs.to(self.weight.dtype))

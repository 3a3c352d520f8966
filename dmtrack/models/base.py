"""What a model offers to the training loop, and its parts from the nodes of a config."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dmtrack.config import build
from dmtrack.data.batches import Batch, ClipEncoder
from dmtrack.errors import ConfigError, WeightsError
from dmtrack.registry import Registry


class TrainableModel(nn.Module):
    """A network that `dmtrack train` can train: it gives losses of a batch; the other methods are hooks with defaults.

    Attributes:
        preprocessing: how images are prepared for it; stored with its weights.
        training_only: prefixes of parameters that only training needs; files without them load all the same.
    """

    preprocessing: Any
    training_only: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Scalar training losses by name (`loss_cls`, ...); their sum is minimised. Finite for empty batches."""

    def forward(self, batch: Batch) -> Any:
        """`losses`: the training pass, under the name that DistributedDataParallel hooks into."""
        return self.losses(batch)

    def clip_encoder(self) -> ClipEncoder:
        """What makes the batches of augmented clips, in the processes that prepare data."""
        return ClipEncoder(self.preprocessing)

    def start_epoch(self, epoch: int) -> None:
        """Called before every iteration with its epoch, 0-based: parts of a model may join the training later."""

    def pretrained_backbone(self) -> nn.Module | None:
        """The part that starts from the ImageNet weights that its attribute `pretrained` names, if it names any.

        It is the first part called `backbone`, wherever it lies.
        """
        return next((part for name, part in self.named_modules() if name.split(".")[-1] == "backbone"), None)

    def check_metadata(self, metadata: Mapping[str, Any], source: object) -> None:
        """Refuses weights whose names and shapes fit, but which mean something else to this model.

        Args:
            metadata: of the file, empty where it has none.
            source: the file, for the error.

        Raises:
            WeightsError: anchors, crops, classes or normalisation of the weights are others than the model's.
        """


class AssistedModel(TrainableModel):
    """A model in training with something beside it that only training needs.

    Attributes:
        trained: the model that weights files and checkpoints are of.
        beside: what else learns with it; checkpoints keep it, weights files do not.
    """

    trained: TrainableModel
    beside: nn.Module


def build_part(node: dict[str, Any] | nn.Module, registry: Registry, kind: type[Any] = nn.Module, key: str = "") -> Any:
    """The module that a config node describes; modules pass unchanged.

    Args:
        node: of the config, or a module.
        registry: of the names that `type` may have.
        kind: what the part must be.
        key: the model's and the part's name in errors, e.g. "DMTrackReID: detector".

    Raises:
        ConfigError: the node cannot be built, or the part is of another kind.
    """
    part = build(node, registry) if isinstance(node, dict) else node
    if not isinstance(part, kind):
        raise ConfigError(f"{key} must be a {kind.__name__}, got {type(part).__name__}")
    return part


def keep_statistics(module: nn.Module) -> None:
    """Puts the batch norms inside into evaluation mode: `train` of a model whose statistics stay calls it last."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()


def import_timm(user: str) -> Any:
    """timm, which not everybody has.

    Args:
        user: what needs it, for the error.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise ConfigError(f"{user} needs timm, which is not installed: pip install 'dmtrack[mot]'") from error


def class_names_of(classes: tuple[str, ...] | int) -> tuple[str, ...]:
    """The names of the classes that a detector tells apart; numbers from 0 where only their number is given.

    Raises:
        ConfigError: there is none, or two have one name.
    """
    names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"model.classes is {classes!r}: give every class a name of its own, or their number")
    return names


def check_class_names(names: tuple[str, ...], metadata: Mapping[str, Any], source: object) -> None:
    """Refuses weights whose classes have other names, or the same in another order.

    Args:
        names: of the classes of the model.
        metadata: of the weights.
        source: of the weights, for the error.

    Raises:
        WeightsError: they have.
    """
    stored = ((metadata.get("config") or {}).get("model") or {}).get("classes", names)
    if isinstance(stored, (list, tuple)) and len(stored) > 1 and tuple(stored) != names:
        raise WeightsError(
            f"{source} tells {', '.join(stored)} apart, in this order, and the model {', '.join(names)}; set "
            "model.classes to those of the weights"
        )

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
from dmtrack.errors import ConfigError
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

"""`model.train_cfg` of SiamRPN++."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from dmtrack.errors import ConfigError
from dmtrack.models.siamrpn.targets import AssignmentSettings


@dataclass(frozen=True)
class SiamRPNTraining(AssignmentSettings):
    """How a SiamRPN is trained.

    Attributes:
        search_size: side of the search images in training, in pixels; None for that of the preprocessing.
        backbone_layers: names of the parts of the backbone that are trained; the rest keeps its weights and its batch
            norm statistics. None means all of it.
        backbone_from_epoch: 0-based epoch from which on they are; the whole backbone is frozen before.
    """

    search_size: int | None = None
    backbone_layers: tuple[str, ...] | None = None
    backbone_from_epoch: int = 0


def trained_modules(backbone: nn.Module, layers: tuple[str, ...] | None) -> set[str]:
    """Names of the backbone's modules that lie in the given parts of it; all where `layers` is None.

    Raises:
        ConfigError: it has no such part.
    """
    names = [name for name, _ in backbone.named_modules()]
    if layers is None:
        return set(names)
    for layer in layers:
        if not layer or layer not in names:
            known = ", ".join(name for name in names if name and "." not in name)
            raise ConfigError(
                f"model.train_cfg.backbone_layers: {type(backbone).__name__} has no part {layer!r}; it has {known}"
            )
    return {name for name in names if any(f"{name}.".startswith(f"{layer}.") for layer in layers)}

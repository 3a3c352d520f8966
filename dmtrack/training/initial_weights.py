"""What the network knows before training starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from dmtrack.errors import ConfigError
from dmtrack.registry import did_you_mean


def load_initial_weights(module: nn.Module, config: Mapping[str, Any]) -> None:
    """Loads the model from `load_from`, or else its backbone from what `model.backbone.pretrained` names.

    What `load_from_except` names starts fresh: parameters that are new, or that the model no longer has. With
    `load_from_into` the weights are those of a part of the model (a detector inside), and the rest starts fresh.

    Raises:
        ConfigError: the model has no such part.
        WeightsError: the file is not there or of another architecture; the message says where to get it.
    """
    if config.get("load_from"):
        part = _part(module, config.get("load_from_into"))
        _load_whole_model(part, config["load_from"], tuple(config.get("load_from_except") or ()))
        return
    backbone = getattr(module, "backbone", None)
    pretrained = getattr(backbone, "pretrained", None)
    if backbone is not None and pretrained:
        from dmtrack.weights.imagenet import load_backbone

        load_backbone(backbone, pretrained)


def _part(module: nn.Module, name: str | None) -> nn.Module:
    """A part of the model by its name; the model itself where there is no name."""
    parts = dict(module.named_modules())
    chosen = name or ""
    if chosen not in parts:
        hint = did_you_mean(chosen, [child for child, _ in module.named_children()])
        raise ConfigError(f"load_from_into: {type(module).__name__} has no part {name!r}{hint}")
    return parts[chosen]


def _load_whole_model(module: nn.Module, name_or_path: str, but: tuple[str, ...]) -> None:
    from dmtrack.weights import find_weights, load_into, read_weights

    weights = read_weights(find_weights(name_or_path))
    taken = {name: value for name, value in weights.state_dict.items() if not name.startswith(but)}
    own = {name: value for name, value in module.state_dict().items() if name.startswith(but)}
    load_into(module, {**taken, **own}, weights.path, metadata=weights.metadata)

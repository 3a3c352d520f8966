"""What the network knows before training starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn


def load_initial_weights(module: nn.Module, config: Mapping[str, Any]) -> None:
    """Loads the whole model from `load_from`, or else its backbone from what `model.backbone.pretrained` names.

    Raises:
        WeightsError: the file is not there or of another architecture; the message says where to get it.
    """
    if config.get("load_from"):
        from dmtrack.weights import load_weights

        load_weights(module, config["load_from"])
        return
    backbone = getattr(module, "backbone", None)
    pretrained = getattr(backbone, "pretrained", None)
    if backbone is not None and pretrained:
        from dmtrack.weights.imagenet import load_backbone

        load_backbone(backbone, pretrained)

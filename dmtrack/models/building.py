"""From the nodes of a config to the parts of a model."""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from dmtrack.config import build
from dmtrack.errors import ConfigError
from dmtrack.registry import Registry


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

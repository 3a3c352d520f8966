"""Datasets inside datasets: built objects are taken as they are, config dicts are built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmtrack.registry import DATASETS


def built(node: Any) -> Any:
    """The object, or what its `dict(type=...)` describes.

    Raises:
        ConfigError: an unknown type or argument.
    """
    if not isinstance(node, Mapping):
        return node
    from dmtrack.config import build

    return build(node, DATASETS)

"""The published computation step by step, to measure the fast path against and to check it by.

Same parameters, same results up to rounding: the controller's padded convolutions, torchvision's deformable operator,
one target after the other, suppression among all candidates, and the projections whose result nobody uses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import nn


def set_reference_equivalent(model: nn.Module, enabled: bool) -> None:
    """Switches every part of the model that has a faster equivalent of the published computation."""
    for module in model.modules():
        if hasattr(type(module), "reference_equivalent"):
            module.reference_equivalent = enabled


@contextlib.contextmanager
def reference_path(model: nn.Module) -> Iterator[Any]:
    """Inside the block the model computes as published; the earlier choice returns afterwards."""
    switched = [module for module in model.modules() if hasattr(type(module), "reference_equivalent")]
    before = [module.reference_equivalent for module in switched]
    set_reference_equivalent(model, True)
    try:
        yield model
    finally:
        for module, value in zip(switched, before, strict=True):
            module.reference_equivalent = value  # type: ignore[assignment]

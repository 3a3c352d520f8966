"""The published computation step by step, to measure the fast path against and to check it by.

Same parameters, same results up to rounding: the controller's padded convolutions, torchvision's deformable operator,
one target after the other, suppression among all candidates, and the projections whose result nobody uses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import nn

SWITCH = "reference_equivalent"
"""Attribute of every module that has a faster equivalent of the published computation."""


def set_reference_equivalent(model: nn.Module, enabled: bool) -> None:
    """Switches the whole model to the published computation, or back."""
    for module in _switches(model):
        setattr(module, SWITCH, enabled)


@contextlib.contextmanager
def reference_path(model: nn.Module) -> Iterator[Any]:
    """Inside the block the model computes as published; the earlier choice returns afterwards."""
    before = [(module, getattr(module, SWITCH)) for module in _switches(model)]
    set_reference_equivalent(model, True)
    try:
        yield model
    finally:
        for module, value in before:
            setattr(module, SWITCH, value)


def _switches(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if hasattr(type(module), SWITCH)]

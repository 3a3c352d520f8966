"""The exponential moving average of a model's weights, which tracks better than the last weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class ExponentialMovingAverage:
    """A copy of a model that follows it slowly.

    In the first steps the decay is smaller, min(decay, (1 + steps) / (10 + steps)), so that the average forgets the
    random initial weights. Integer buffers are copied.

    Args:
        model: what is followed; not changed.
        decay: weight of the old average in each step, in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, iteration: int) -> None:
        """Moves the average towards the model after optimiser step `iteration` (0-based)."""
        decay = min(self.decay, (1 + iteration) / (10 + iteration))
        averages: list[torch.Tensor] = []
        values: list[torch.Tensor] = []
        for average, value in zip(_tensors(self.model), _tensors(model), strict=True):
            if average.is_floating_point():
                averages.append(average)
                values.append(value)
            else:
                average.copy_(value)
        torch._foreach_lerp_(averages, values, 1.0 - decay)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights."""
        return self.model.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes averaged weights over."""
        self.model.load_state_dict(state)


def _tensors(model: nn.Module) -> list[torch.Tensor]:
    return [*(parameter.detach() for parameter in model.parameters()), *model.buffers()]

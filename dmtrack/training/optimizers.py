"""Parameter groups, optimisers, and the moving average of the weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from dmtrack.config import top_level

NORM_LAYERS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm)


def parameter_multipliers(model: nn.Module, settings: top_level.Optimizer) -> dict[str, tuple[float, float]]:
    """Factors on learning rate and weight decay of every parameter.

    Biases outside of normalisation layers get `bias_lr_mult` and `bias_decay_mult`; everything else, the weights and
    biases of normalisation layers included, gets 1 and 1 (as the published training does) unless
    `norm_decay_mult` says otherwise. Everything in `backbone` gets `backbone_lr_mult` besides. With
    `decay_matrices_only`, parameters of fewer than two dimensions are not decayed at all.

    Returns:
        (learning-rate factor, weight-decay factor) by parameter name, in the model's order.
    """
    matrices_only = settings.decay_matrices_only
    if matrices_only is None:
        matrices_only = settings.type == "AdamW"
    backbone = getattr(getattr(model, "trained", model), "backbone", None)
    in_backbone = set() if backbone is None else {id(parameter) for parameter in backbone.parameters()}
    multipliers = {}
    for module_name, module in model.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            in_norm = isinstance(module, NORM_LAYERS)
            plain_bias = leaf == "bias" and not in_norm
            lr_mult = settings.bias_lr_mult if plain_bias else 1.0
            decay_mult = settings.bias_decay_mult if plain_bias else settings.norm_decay_mult if in_norm else 1.0
            if matrices_only and parameter.ndim < 2:
                decay_mult = 0.0
            name = f"{module_name}.{leaf}" if module_name else leaf
            if id(parameter) in in_backbone:
                lr_mult *= settings.backbone_lr_mult
            multipliers[name] = (lr_mult, decay_mult)
    return multipliers


def parameter_groups(model: nn.Module, settings: top_level.Optimizer, base_lr: float) -> list[dict[str, Any]]:
    """One optimiser group per pair of factors.

    Each group carries `initial_lr`, which the schedule multiplies in every iteration.

    Args:
        model: its trainable parameters are grouped; a parameter shared by two modules is taken once.
        settings: the config section `optimizer`.
        base_lr: learning rate after scaling by the number of processes.
    """
    parameters = dict(model.named_parameters())
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, factors in parameter_multipliers(model, settings).items():
        if name not in parameters or not parameters[name].requires_grad:
            continue
        lr_mult, decay_mult = factors
        group = groups.setdefault(
            factors,
            {
                "params": [],
                "lr": base_lr * lr_mult,
                "initial_lr": base_lr * lr_mult,
                "weight_decay": settings.weight_decay * decay_mult,
            },
        )
        group["params"].append(parameters[name])
    return list(groups.values())


def build_optimizer(model: nn.Module, settings: top_level.Optimizer, base_lr: float) -> torch.optim.Optimizer:
    """SGD, Adam or AdamW over `parameter_groups`."""
    groups = parameter_groups(model, settings, base_lr)
    if settings.type == "SGD":
        return torch.optim.SGD(groups, lr=base_lr, momentum=settings.momentum, nesterov=settings.nesterov)
    kind = torch.optim.AdamW if settings.type == "AdamW" else torch.optim.Adam
    return kind(groups, lr=base_lr, betas=settings.betas, eps=settings.eps)


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Sets every group to its initial learning rate times `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


class ExponentialMovingAverage:
    """A copy of a model that follows it slowly, and tracks better than the model's last weights.

    In the first steps the decay is smaller, min(decay, (1 + steps) / (10 + steps)), so that the average forgets the
    random initial weights. Integer buffers are copied.

    Args:
        model: what is followed; not changed.
        decay: weight of the old average in each step, in [0, 1).

    Attributes:
        model: the average.
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


def _tensors(model: nn.Module) -> list[torch.Tensor]:
    return [*(parameter.detach() for parameter in model.parameters()), *model.buffers()]

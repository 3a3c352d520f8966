"""Parameter groups, optimisers, moving average of the weights; learning rates and what is due, by the iteration."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dmtrack.config import top_level
from dmtrack.config.top_level import LearningRate
from dmtrack.errors import ConfigError
from dmtrack.models.base import AssistedModel

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
    backbone = getattr(model.trained if isinstance(model, AssistedModel) else model, "backbone", None)
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
        settings: the config section `ema`.

    Attributes:
        model: the average.
    """

    def __init__(self, model: nn.Module, settings: top_level.Ema) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.settings = settings

    @torch.no_grad()
    def update(self, model: nn.Module, iteration: int) -> None:
        """Moves the average towards the model after optimiser step `iteration` (0-based)."""
        decay, horizon = self.settings.decay, self.settings.horizon
        if horizon is None:
            decay = min(decay, (1 + iteration) / (10 + iteration))
        else:
            decay *= 1 - math.exp(-(iteration + 1) / horizon)
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


def learning_rate_factor(settings: LearningRate, iteration: int, total_iterations: int, total_epochs: int) -> float:
    """The factor for one iteration: the policy's value times that of the warm-up.

    `step` multiplies by `gamma` at the start of every epoch in `settings.step`; an epoch is the `total_epochs`-th part
    of the run. `cosine` falls from 1 to `min_lr_ratio` over the iterations after the warm-up. `log` is that of
    `warmup_then_log`, its own warm-up included. `yoloxwarmcos` is YOLOX's: from `warmup_ratio` with the square of the
    iteration, a cosine to `min_lr_ratio`, and flat for the last epochs. `constant` stays at 1.
    The warm-up replaces the first `warmup_iters` iterations by `warmup_ratio` times the policy's value (`constant`) or
    by a straight line from that to the policy's value (`linear`), as mmcv does.

    Args:
        settings: the config section `lr_config`; its `min_lr` is not used.
        iteration: 0-based optimiser step, below `total_iterations`.
        total_iterations: of the run.
        total_epochs: of the run; `step`, `log` and `yoloxwarmcos` use it.

    Raises:
        ConfigError: `log` with a warm-up that is not shorter than the run.
    """
    factor = _policy(settings, iteration, total_iterations, total_epochs)
    if settings.warmup is None or iteration >= settings.warmup_iters:
        return factor
    if settings.warmup == "constant":
        return factor * settings.warmup_ratio
    return factor * (1.0 - (1.0 - iteration / settings.warmup_iters) * (1.0 - settings.warmup_ratio))


def _policy(settings: LearningRate, iteration: int, total_iterations: int, total_epochs: int) -> float:
    if settings.policy == "step":
        epoch = epoch_of(iteration, total_iterations, total_epochs)
        steps = (settings.step,) if isinstance(settings.step, int) else settings.step
        return settings.gamma ** sum(epoch >= start for start in steps)
    if settings.policy == "log":
        factors = warmup_then_log(
            total_epochs, settings.warmup_epochs, (settings.warmup_ratio, 1.0), (1.0, settings.min_lr_ratio)
        )
        return float(factors[epoch_of(iteration, total_iterations, total_epochs)])
    if settings.policy == "yoloxwarmcos":
        rising, flat = (
            epochs * total_iterations / total_epochs for epochs in (settings.warmup_epochs, settings.flat_epochs)
        )
        if iteration < rising:
            return settings.warmup_ratio + (1.0 - settings.warmup_ratio) * (iteration / rising) ** 2
        progress = min((iteration - rising) / max(total_iterations - rising - flat, 1.0), 1.0)
        return settings.min_lr_ratio + (1.0 - settings.min_lr_ratio) * 0.5 * (1.0 + math.cos(math.pi * progress))
    if settings.policy == "cosine":
        warmup = settings.warmup_iters if settings.warmup else 0
        progress = min(max(iteration - warmup, 0) / max(total_iterations - warmup, 1), 1.0)
        return settings.min_lr_ratio + (1.0 - settings.min_lr_ratio) * 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0


def epoch_of(iteration: int, total_iterations: int, total_epochs: int) -> int:
    """The 0-based epoch that an iteration belongs to; epochs are equal parts of the run."""
    return iteration * total_epochs // total_iterations


def warmup_then_log(
    epochs: int = 20,
    warmup_epochs: int = 5,
    warmup: tuple[float, float] = (0.2, 1.0),
    decay: tuple[float, float] = (1.0, 0.1),
) -> NDArray[np.float64]:
    """SiamRPN++'s factor, or learning rate, of every epoch: rising geometrically at first, then falling.

    Args:
        epochs: of the run.
        warmup_epochs: of the rising part.
        warmup: where it starts and what it leads to.
        decay: first and last value of the falling part, which is a straight line in the logarithm.

    Returns:
        (epochs,) values.

    Raises:
        ConfigError: a warm-up longer than the run, or values that are not above 0.
    """
    if not 0 <= warmup_epochs < epochs:
        raise ConfigError(f"warm-up of {warmup_epochs} epochs in a run of {epochs}: expected fewer than the run has")
    if min(*warmup, *decay) <= 0:
        raise ConfigError(f"learning-rate factors {warmup} and {decay}: expected numbers above 0")
    start, end = warmup
    rising = start * (end / start) ** (np.arange(warmup_epochs) / max(warmup_epochs, 1))
    falling = np.logspace(np.log10(decay[0]), np.log10(decay[1]), epochs - warmup_epochs)
    return np.concatenate([rising, falling])


def is_due(
    done: int,
    total_iterations: int,
    total_epochs: int,
    interval_iterations: int | None,
    interval_epochs: int | None,
    start: int = 0,
) -> bool:
    """Whether an interval ends with the iteration just done; every interval ends with the run.

    Args:
        done: optimiser steps done, at least 1.
        total_iterations: of the run.
        total_epochs: equal parts of the run.
        interval_iterations: None for none.
        interval_epochs: None for none.
        start: epochs that are over before the first interval ends.
    """
    before, epochs = (epoch_of(count, total_iterations, total_epochs) for count in (done - 1, done))
    if done == total_iterations:
        return True
    if epochs < start:
        return False
    if interval_iterations is not None and done % interval_iterations == 0:
        return True
    return before != epochs and interval_epochs is not None and epochs % interval_epochs == 0

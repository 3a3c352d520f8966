"""Learning-rate policies as pure functions: iteration -> factor on every group's learning rate."""

from __future__ import annotations

import math

from dmtrack.config.top_level import LearningRate
from dmtrack.training.siamrpn_schedule import warmup_then_log


def learning_rate_factor(settings: LearningRate, iteration: int, total_iterations: int, total_epochs: int) -> float:
    """The factor for one iteration: the policy's value times that of the warm-up.

    `step` multiplies by `gamma` at the start of every epoch in `settings.step`; an epoch is the `total_epochs`-th part
    of the run. `cosine` falls from 1 to `min_lr_ratio` over the iterations after the warm-up. `log` is that of
    `warmup_then_log`, its own warm-up included. `constant` stays at 1.
    The warm-up replaces the first `warmup_iters` iterations by `warmup_ratio` times the policy's value (`constant`) or
    by a straight line from that to the policy's value (`linear`), as mmcv does.

    Args:
        settings: the config section `lr_config`; its `min_lr` is not used.
        iteration: 0-based optimiser step, below `total_iterations`.
        total_iterations: of the run.
        total_epochs: of the run; only `step` and `log` use it.

    Raises:
        ConfigError: `log` with a warm-up that is not shorter than the run.
    """
    return _policy(settings, iteration, total_iterations, total_epochs) * _warmup(settings, iteration)


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
    if settings.policy == "cosine":
        warmup = settings.warmup_iters if settings.warmup else 0
        progress = min(max(iteration - warmup, 0) / max(total_iterations - warmup, 1), 1.0)
        return settings.min_lr_ratio + (1.0 - settings.min_lr_ratio) * 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0


def _warmup(settings: LearningRate, iteration: int) -> float:
    if settings.warmup is None or iteration >= settings.warmup_iters:
        return 1.0
    if settings.warmup == "constant":
        return settings.warmup_ratio
    return 1.0 - (1.0 - iteration / settings.warmup_iters) * (1.0 - settings.warmup_ratio)


def epoch_of(iteration: int, total_iterations: int, total_epochs: int) -> int:
    """The 0-based epoch that an iteration belongs to; epochs are equal parts of the run."""
    return iteration * total_epochs // total_iterations

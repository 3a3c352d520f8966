"""Learning rates as pure functions of the iteration, and when checkpoints and validations are due."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dmtrack.config.top_level import LearningRate
from dmtrack.errors import ConfigError


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

"""What a config says about training: its sections with the defaults filled in, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dmtrack.config import parse_config
from dmtrack.config.top_level import (
    Checkpoints,
    Evaluation,
    LearningRate,
    Log,
    Optimizer,
    OptimizerConfig,
    Stage,
    TopLevel,
)
from dmtrack.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(TopLevel):
    """A config that can be trained: everything that the loop asks for is there.

    Attributes:
        stages: those of `data`.
    """

    optimizer: Optimizer
    optimizer_config: OptimizerConfig = field(default_factory=OptimizerConfig)
    lr_config: LearningRate = field(default_factory=LearningRate)
    total_epochs: int = 1
    checkpoint_config: Checkpoints = field(default_factory=Checkpoints)
    log_config: Log = field(default_factory=Log)
    evaluation: Evaluation = field(default_factory=Evaluation)
    stages: tuple[Stage, ...] = ()

    def iterations(self, world_size: int) -> int:
        """Optimiser steps of the run: `total_iterations`, or what `total_epochs` x `samples_per_epoch` pairs give."""
        if self.total_iterations is not None:
            return self.total_iterations
        starts = [0.0, *(stage.until for stage in self.stages)]
        pairs_per_batch = sum(
            (stage.until - start) * stage.samples_per_gpu for stage, start in zip(self.stages, starts, strict=False)
        )
        pairs = self.total_epochs * (self.samples_per_epoch or 0)
        return max(round(pairs / (pairs_per_batch * world_size * self.optimizer_config.accumulate)), 1)

    def learning_rate(self, world_size: int) -> float:
        """`optimizer.lr`, scaled by the number of processes if the config says so."""
        base = self.optimizer_config.autoscale_lr
        return self.optimizer.lr * world_size / base if base else self.optimizer.lr


def read_settings(config: Mapping[str, Any]) -> TrainingSettings:
    """The training settings of a config.

    `lr_config.min_lr` is turned into `min_lr_ratio`.

    Raises:
        ConfigError: a missing section or length, an unknown key, a value out of range; names the key.
    """
    entries = parse_config(config)
    if entries.optimizer is None:
        raise ConfigError("the config has no section 'optimizer', e.g. optimizer = dict(type='SGD', lr=0.001)")
    if entries.total_iterations is None and None in (entries.total_epochs, entries.samples_per_epoch):
        raise ConfigError("the config does not say how long to train: set total_iterations, or total_epochs and "
                          "samples_per_epoch")  # fmt: skip
    given = {key: value for key, value in vars(entries).items() if value is not None}
    settings = TrainingSettings(**given, stages=(entries.data and entries.data.stages) or (Stage(),))
    schedule = settings.lr_config
    min_lr_ratio = max(schedule.min_lr_ratio, schedule.min_lr / settings.optimizer.lr)
    return replace(settings, lr_config=replace(schedule, min_lr_ratio=min_lr_ratio))

"""The top-level keys of a config: the one place where they are declared, with their defaults and checks of values.

Dicts annotated `dict` hold a `type` and are checked against the class that it names; the other sections are the
dataclasses of `data_section.py` and `training_sections.py`, which training works with as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from dmtrack.config.data_section import Data, Recipe, Stage
from dmtrack.config.training_sections import (
    Checkpoints,
    Ema,
    Evaluation,
    GradClip,
    LearningRate,
    Log,
    Optimizer,
    OptimizerConfig,
)
from dmtrack.config.value_checks import check_one_of, check_whole

__all__ = [
    "Checkpoints",
    "Data",
    "Ema",
    "Evaluation",
    "GradClip",
    "LearningRate",
    "Log",
    "Optimizer",
    "OptimizerConfig",
    "Precision",
    "Recipe",
    "Stage",
    "TopLevel",
]

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class TopLevel:
    """Every top-level key.

    Attributes:
        model: the network with its losses.
        data: what to train and validate on.
        optimizer: needed for training, as is the length of the run.
        optimizer_config: what happens around an optimiser step.
        lr_config: warm-up and schedule.
        total_epochs: parts that the run is divided into; of `samples_per_epoch` pairs each, or of equal length where
            `total_iterations` is given. None means 1.
        samples_per_epoch: training pairs, over all processes.
        total_iterations: length of the run in optimiser steps; it takes precedence.
        ema: moving average of the weights.
        precision: of the computations; weights stay in fp32.
        channels_last: memory format of weights and images, faster for convolutions on many machines.
        seed: of every random draw.
        checkpoint_config: how often the state of the run is written.
        log_config: how often losses are.
        evaluation: how often the validation set is tracked.
        tracker: how sequences are tracked with the model.
        load_from: weights of a whole model to start from.
        load_from_except: beginnings of the names of parameters that are not taken from there, and need not be there.
        load_from_into: the part of the model that `load_from` fills, e.g. "detector"; None is the whole model.
        work_dir: folder of the run.
    """

    model: dict[str, Any]
    data: Data | None = None
    optimizer: Optimizer | None = None
    optimizer_config: OptimizerConfig | None = None
    lr_config: LearningRate | None = None
    total_epochs: int | None = None
    samples_per_epoch: int | None = None
    total_iterations: int | None = None
    ema: Ema | None = None
    precision: Precision = "fp32"
    channels_last: bool = False
    seed: int = 1
    checkpoint_config: Checkpoints | None = None
    log_config: Log | None = None
    evaluation: Evaluation | None = None
    tracker: dict[str, Any] | None = None
    load_from: str | None = None
    load_from_except: list[str] | None = None
    load_from_into: str | None = None
    work_dir: str | None = None

    def __post_init__(self) -> None:
        for key in ("total_iterations", "total_epochs", "samples_per_epoch"):
            check_whole(key, getattr(self, key))
        check_one_of("precision", self.precision, get_args(Precision))

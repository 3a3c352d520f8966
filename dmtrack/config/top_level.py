"""The top-level keys of a config: the one place where they are declared.

Dicts annotated `dict` hold a `type` and are checked against the class that it names; the other sections are the
dataclasses below. Nothing instantiates these classes; they are the schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass
class Stage:
    """`data.stages[i]`: a part of the run with its own batch and image size."""

    until: float
    samples_per_gpu: int = 1
    image_size_wh: tuple[int, int] | None = None


@dataclass
class Recipe:
    """`data.recipe` with settings of its own."""

    type: Literal["fixed", "reference"]
    scale: tuple[int, int] = (900, 608)
    short_side_range: tuple[int, int] | None = (256, 608)
    gray: float = 0.0
    blur: float = 0.0
    max_instances: int = 8


@dataclass
class Data:
    """`data`: what to train and validate on."""

    train: dict[str, Any] | None = None
    val: dict[str, Any] | list[dict[str, Any]] | None = None
    recipe: Literal["fixed", "reference"] | Recipe | list[Any] | None = None
    stages: list[Stage] | None = None
    workers_per_gpu: int = 0


@dataclass
class Optimizer:
    """`optimizer`."""

    type: Literal["SGD", "AdamW"]
    lr: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    bias_lr_mult: float = 1.0
    bias_decay_mult: float = 1.0
    norm_decay_mult: float = 1.0
    decay_matrices_only: bool | None = None


@dataclass
class GradClip:
    """`optimizer_config.grad_clip`."""

    max_norm: float
    norm_type: float = 2


@dataclass
class OptimizerConfig:
    """`optimizer_config`: what happens around an optimiser step."""

    grad_clip: GradClip | None = None
    accumulate: int = 1
    autoscale_lr: int | None = None


@dataclass
class LearningRate:
    """`lr_config`: warm-up and schedule."""

    policy: Literal["step", "cosine", "constant"] = "constant"
    warmup: Literal["constant", "linear"] | None = None
    warmup_iters: int = 0
    warmup_ratio: float = 0.1
    step: list[int] | int = 0
    gamma: float = 0.1
    min_lr: float = 0.0
    min_lr_ratio: float = 0.0


@dataclass
class Ema:
    """`ema`: moving average of the weights."""

    decay: float


@dataclass
class Checkpoints:
    """`checkpoint_config`."""

    interval_iterations: int | None = None
    interval: int | None = None
    interval_seconds: float | None = 900.0
    max_keep: int | None = None


@dataclass
class Log:
    """`log_config`."""

    interval: int = 50
    tensorboard: bool = True


@dataclass
class Evaluation:
    """`evaluation`: how often the validation set is tracked in training."""

    interval_iterations: int | None = None
    interval: int | None = None
    metric: str | None = None


@dataclass
class TopLevel:
    """Every top-level key."""

    model: dict[str, Any]
    data: Data | None = None
    optimizer: Optimizer | None = None
    optimizer_config: OptimizerConfig | None = None
    lr_config: LearningRate | None = None
    total_epochs: int | None = None
    samples_per_epoch: int | None = None
    total_iterations: int | None = None
    ema: Ema | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = False
    seed: int = 1
    checkpoint_config: Checkpoints | None = None
    log_config: Log | None = None
    evaluation: Evaluation | None = None
    tracker: dict[str, Any] | None = None
    load_from: str | None = None
    work_dir: str | None = None

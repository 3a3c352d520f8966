"""The config sections about how to train: optimiser, schedule, checkpoints, logs, validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from dmtrack.config.value_checks import ConfigValueError, check_one_of, check_positive, check_whole

OptimizerType = Literal["SGD", "Adam", "AdamW"]
Policy = Literal["step", "cosine", "constant", "log"]
Warmup = Literal["constant", "linear"]


@dataclass(frozen=True)
class Optimizer:
    """`optimizer`.

    Attributes:
        type: the algorithm.
        lr: learning rate before scaling by the number of processes, above 0.
        weight_decay: per step, before the multipliers.
        momentum: SGD only.
        nesterov: SGD only.
        betas: Adam and AdamW only.
        eps: Adam and AdamW only.
        bias_lr_mult: factor on the learning rate of biases outside of normalisation layers.
        bias_decay_mult: factor on their weight decay.
        norm_decay_mult: factor on the weight decay of normalisation layers.
        backbone_lr_mult: factor on the learning rate of everything in `model.backbone`.
        decay_matrices_only: no decay for parameters of fewer than two dimensions; None means yes for AdamW, no for
            the others.
    """

    type: OptimizerType
    lr: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    bias_lr_mult: float = 1.0
    bias_decay_mult: float = 1.0
    norm_decay_mult: float = 1.0
    backbone_lr_mult: float = 1.0
    decay_matrices_only: bool | None = None

    def __post_init__(self) -> None:
        check_one_of("optimizer.type", self.type, get_args(OptimizerType))
        check_positive("optimizer.lr", self.lr)


@dataclass(frozen=True)
class GradClip:
    """`optimizer_config.grad_clip`.

    Attributes:
        max_norm: of all gradients together; larger ones are scaled down to it.
        norm_type: which p-norm.
    """

    max_norm: float
    norm_type: float = 2


@dataclass(frozen=True)
class OptimizerConfig:
    """`optimizer_config`: what happens around an optimiser step.

    Attributes:
        grad_clip: None for no clipping.
        accumulate: batches per optimiser step, at least 1.
        autoscale_lr: number of processes that `optimizer.lr` is meant for; with another number it is scaled in
            proportion (8 in the published training). None leaves it.
    """

    grad_clip: GradClip | None = None
    accumulate: int = 1
    autoscale_lr: int | None = None

    def __post_init__(self) -> None:
        check_whole("optimizer_config.accumulate", self.accumulate)
        check_whole("optimizer_config.autoscale_lr", self.autoscale_lr)


@dataclass(frozen=True)
class LearningRate:
    """`lr_config`: warm-up and schedule; `dmtrack/training/schedules.py` computes them.

    Attributes:
        policy: `step`, `cosine` or `constant`, over the iterations after the warm-up; or `log`, which is constant
            within an epoch: it rises geometrically from `warmup_ratio` to 1 in `warmup_epochs`, then falls along a
            straight line in the logarithm to `min_lr_ratio` (SiamRPN++).
        warmup: a lower rate at first, `constant` or rising in a straight line (`linear`); None for none.
        warmup_iters: iterations of the warm-up.
        warmup_ratio: factor on the learning rate in the warm-up (`constant`) or at its start (`linear`, `log`).
        step: `step` only: the 0-based epochs from which on the rate is multiplied by `gamma` once more.
        gamma: `step` only.
        min_lr: `cosine` and `log`: the rate at the end, before scaling by the number of processes.
        min_lr_ratio: the same as a share of `optimizer.lr`; the larger of the two counts.
        warmup_epochs: `log` only.
    """

    policy: Policy = "constant"
    warmup: Warmup | None = None
    warmup_iters: int = 0
    warmup_ratio: float = 0.1
    step: tuple[int, ...] | int = ()
    gamma: float = 0.1
    min_lr: float = 0.0
    min_lr_ratio: float = 0.0
    warmup_epochs: int = 5

    def __post_init__(self) -> None:
        check_one_of("lr_config.policy", self.policy, get_args(Policy))
        check_one_of("lr_config.warmup", self.warmup, (*get_args(Warmup), None))
        check_whole("lr_config.warmup_epochs", self.warmup_epochs, least=0)
        if self.policy == "log":
            check_positive("lr_config.warmup_ratio", self.warmup_ratio)
            check_positive("lr_config.min_lr_ratio", max(self.min_lr, self.min_lr_ratio))
            if self.warmup is not None:
                raise ConfigValueError(
                    "lr_config.warmup: the policy 'log' has a warm-up of its own; set warmup_epochs and warmup_ratio",
                    "lr_config.warmup",
                )


@dataclass(frozen=True)
class Ema:
    """`ema`: moving average of the weights.

    Attributes:
        decay: weight of the old average in each step, in [0, 1).
    """

    decay: float


@dataclass(frozen=True)
class Checkpoints:
    """`checkpoint_config`.

    Attributes:
        interval_iterations: a checkpoint is written whenever this many iterations are done; None for never.
        interval: the same in epochs.
        interval_seconds: and whenever the last one is this old; None for never.
        max_keep: how many are kept; None means 2.
    """

    interval_iterations: int | None = None
    interval: int | None = None
    interval_seconds: float | None = 900.0
    max_keep: int | None = None

    def __post_init__(self) -> None:
        check_whole("checkpoint_config.interval_iterations", self.interval_iterations)
        check_whole("checkpoint_config.interval", self.interval)


@dataclass(frozen=True)
class Log:
    """`log_config`.

    Attributes:
        interval: iterations between two records.
        tensorboard: whether TensorBoard files are written.
    """

    interval: int = 50
    tensorboard: bool = True

    def __post_init__(self) -> None:
        check_whole("log_config.interval", self.interval)


@dataclass(frozen=True)
class Evaluation:
    """`evaluation`: how often the validation set is tracked in training.

    Attributes:
        interval_iterations: validation whenever this many iterations are done, and at the end.
        interval: the same in epochs.
        start: epochs that are over before the first validation.
        metric: the figure, higher is better, by which the best weights are chosen; None means "success".
    """

    interval_iterations: int | None = None
    interval: int | None = None
    metric: str | None = None
    start: int = 0

    def __post_init__(self) -> None:
        check_whole("evaluation.interval_iterations", self.interval_iterations)
        check_whole("evaluation.interval", self.interval)
        check_whole("evaluation.start", self.start, least=0)

"""What a config says about training, as checked values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from dmtrack.data.stages import Stage, parse_stages
from dmtrack.errors import ConfigError
from dmtrack.registry import did_you_mean

PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class OptimizerSettings:
    """The section `optimizer`.

    Attributes:
        type: "SGD", "Adam" or "AdamW".
        lr: learning rate before scaling by the number of processes.
        weight_decay: per step, before the multipliers.
        momentum: SGD only.
        nesterov: SGD only.
        betas: Adam and AdamW only.
        eps: Adam and AdamW only.
        bias_lr_mult: factor on the learning rate of biases outside of normalisation layers.
        bias_decay_mult: factor on their weight decay.
        norm_decay_mult: factor on the weight decay of normalisation layers.
        decay_matrices_only: no decay for parameters of fewer than two dimensions; None means yes for AdamW, no for SGD.
    """

    type: str = "SGD"
    lr: float = 0.001
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    bias_lr_mult: float = 1.0
    bias_decay_mult: float = 1.0
    norm_decay_mult: float = 1.0
    decay_matrices_only: bool | None = None

    def __post_init__(self) -> None:
        _one_of("optimizer.type", self.type, ("SGD", "Adam", "AdamW"))
        _positive("optimizer.lr", self.lr)
        object.__setattr__(self, "betas", tuple(self.betas))

    @property
    def decays_matrices_only(self) -> bool:
        """`decay_matrices_only` with its default resolved."""
        return self.type == "AdamW" if self.decay_matrices_only is None else self.decay_matrices_only


@dataclass(frozen=True)
class StepSettings:
    """The section `optimizer_config`: what happens around an optimiser step.

    Attributes:
        grad_clip: dict(max_norm=..., norm_type=2), or None.
        accumulate: batches per optimiser step.
        autoscale_lr: number of processes that `lr` is meant for; with another number it is scaled in proportion
            (8 in the published training). None leaves it.
    """

    grad_clip: Mapping[str, float] | None = None
    accumulate: int = 1
    autoscale_lr: int | None = None

    def __post_init__(self) -> None:
        if self.grad_clip is not None:
            unknown = set(self.grad_clip) - {"max_norm", "norm_type"}
            if unknown or "max_norm" not in self.grad_clip:
                raise ConfigError(f"optimizer_config.grad_clip is {dict(self.grad_clip)}: expected max_norm, norm_type")
        _whole("optimizer_config.accumulate", self.accumulate)
        if self.autoscale_lr is not None:
            _whole("optimizer_config.autoscale_lr", self.autoscale_lr)


@dataclass(frozen=True)
class ScheduleSettings:
    """The section `lr_config`; `schedules.learning_rate_factor` says what the values mean.

    `min_lr` is what `min_lr_ratio` x `optimizer.lr` would be; `read_settings` turns it into `min_lr_ratio`.
    """

    policy: str = "constant"
    warmup: str | None = None
    warmup_iters: int = 0
    warmup_ratio: float = 0.1
    step: tuple[int, ...] = ()
    gamma: float = 0.1
    min_lr: float = 0.0
    min_lr_ratio: float = 0.0

    def __post_init__(self) -> None:
        _one_of("lr_config.policy", self.policy, ("step", "cosine", "constant"))
        _one_of("lr_config.warmup", self.warmup, ("constant", "linear", None))
        steps = (self.step,) if isinstance(self.step, int) else tuple(self.step or ())
        object.__setattr__(self, "step", steps)


@dataclass(frozen=True)
class CheckpointSettings:
    """The section `checkpoint_config`.

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


@dataclass(frozen=True)
class LogSettings:
    """The section `log_config`: iterations between two records, and whether TensorBoard files are written."""

    interval: int = 50
    tensorboard: bool = True


@dataclass(frozen=True)
class ValidationSettings:
    """The section `evaluation`.

    Attributes:
        interval_iterations: validation whenever this many iterations are done, and at the end.
        interval: the same in epochs.
        metric: the figure, higher is better, by which the best weights are chosen; None means "success".
    """

    interval_iterations: int | None = None
    interval: int | None = None
    metric: str | None = None


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that the loop needs to know from a config."""

    optimizer: OptimizerSettings
    optimizer_config: StepSettings = field(default_factory=StepSettings)
    lr_config: ScheduleSettings = field(default_factory=ScheduleSettings)
    checkpoint_config: CheckpointSettings = field(default_factory=CheckpointSettings)
    log_config: LogSettings = field(default_factory=LogSettings)
    evaluation: ValidationSettings = field(default_factory=ValidationSettings)
    stages: tuple[Stage, ...] = (Stage(),)
    total_epochs: int = 1
    samples_per_epoch: int | None = None
    total_iterations: int | None = None
    ema_decay: float | None = None
    precision: str = "fp32"
    channels_last: bool = False
    seed: int = 1

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

    Raises:
        ConfigError: a missing section or length, an unknown key, a value out of range; names the key.
    """
    if config.get("optimizer") is None:
        raise ConfigError("the config has no section 'optimizer', e.g. optimizer = dict(type='SGD', lr=0.001)")
    if config.get("total_iterations") is None and None in (
        config.get("total_epochs"),
        config.get("samples_per_epoch"),
    ):
        raise ConfigError("the config does not say how long to train: set total_iterations, or total_epochs and "
                          "samples_per_epoch")  # fmt: skip
    for key in ("total_iterations", "total_epochs", "samples_per_epoch"):
        if config.get(key) is not None:
            _whole(key, config[key])
    optimizer = _section("optimizer", config["optimizer"], OptimizerSettings)
    schedule = _section("lr_config", config.get("lr_config"), ScheduleSettings)
    schedule = replace(schedule, min_lr_ratio=max(schedule.min_lr_ratio, schedule.min_lr / optimizer.lr))
    ema = config.get("ema")
    precision = config.get("precision", "fp32")
    _one_of("precision", precision, PRECISIONS)
    return TrainingSettings(
        optimizer=optimizer,
        optimizer_config=_section("optimizer_config", config.get("optimizer_config"), StepSettings),
        lr_config=schedule,
        checkpoint_config=_section("checkpoint_config", config.get("checkpoint_config"), CheckpointSettings),
        log_config=_section("log_config", config.get("log_config"), LogSettings),
        evaluation=_section("evaluation", config.get("evaluation"), ValidationSettings),
        stages=parse_stages((config.get("data") or {}).get("stages")),
        total_epochs=config.get("total_epochs") or 1,
        samples_per_epoch=config.get("samples_per_epoch"),
        total_iterations=config.get("total_iterations"),
        ema_decay=None if ema is None else float(ema["decay"]),
        precision=precision,
        channels_last=bool(config.get("channels_last", False)),
        seed=int(config.get("seed", 1)),
    )


Section = TypeVar("Section")


def _section(name: str, values: Mapping[str, Any] | None, kind: type[Section]) -> Section:
    known = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    values = values or {}
    for key in values:
        if key not in known:
            raise ConfigError(f"unknown key {name}.{key}{did_you_mean(key, known)}")
    return kind(**values)


def _one_of(key: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{key} is {value!r}: expected one of {', '.join(map(repr, allowed))}")


def _positive(key: str, value: float) -> None:
    if not value > 0:
        raise ConfigError(f"{key} is {value!r}: expected a number above 0")


def _whole(key: str, value: object) -> None:
    if not isinstance(value, int) or value < 1:
        raise ConfigError(f"{key} is {value!r}: expected a whole number above 0")

"""The keys of a config: the one place where they are declared, with their defaults and ranges.

Dicts annotated `dict` hold a `type` and are checked against the class that it names; the others are dataclasses, with
which training works as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dmtrack.config.checking import ConfigValueError
from dmtrack.config.signatures import Amount, Count, CountOrZero, Positive, Share, ShareBelowOne

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""Number format of convolutions and matrix products, `auto` for the fastest one here; everything delicate is fp32."""


@dataclass(frozen=True)
class Stage:
    """`data.stages[i]`: a part of the run with its own batch and image size.

    Attributes:
        until: share of the run, in (0, 1], at which the stage ends; the last stage ends at 1.
        samples_per_gpu: pairs per process and iteration, at least 1.
        image_size_wh: (width, height) that samplers which render their images are asked for; None leaves it to them.
        train: the sampler of this stage, such as one without mosaic for the end; None is `data.train`.
    """

    until: float = 1.0
    samples_per_gpu: Count = 1
    image_size_wh: tuple[Count, Count] | None = None
    train: dict[str, Any] | None = None


@dataclass(frozen=True)
class Recipe:
    """`data.recipe` with settings of its own; `dmtrack/data/recipes.py` says what they do.

    Attributes:
        type: which recipe.
        scale: (long side, short side) that images must fit in.
        short_side_range: the short side is drawn from this range for every image.
        gray: share of pairs in shades of gray.
        blur: share of search images that are blurred.
        max_instances: per pair.
    """

    type: Literal["fixed", "reference"]
    scale: tuple[Count, Count] = (900, 608)
    short_side_range: tuple[Count, Count] | None = (256, 608)
    gray: Share = 0.0
    blur: Share = 0.0
    max_instances: Count = 8


@dataclass(frozen=True)
class Data:
    """`data`: what to train and validate on.

    Attributes:
        train: the sampler of training pairs.
        val: one dataset of sequences to track in validation, or several.
        recipe: the augmentation: a name, a `Recipe`, a list of transforms, or None where the sampler renders final
            images.
        stages: the parts of the run; None is one stage of one pair per process.
        workers_per_gpu: processes that prepare batches; 0 prepares them in the training process.
    """

    train: dict[str, Any] | None = None
    val: dict[str, Any] | list[dict[str, Any]] | None = None
    recipe: Literal["fixed", "reference"] | Recipe | list[Any] | None = None
    stages: tuple[Stage, ...] | None = None
    workers_per_gpu: CountOrZero = 0

    def __post_init__(self) -> None:
        previous = 0.0
        for number, stage in enumerate(self.stages or ()):
            key = f"data.stages.{number}"
            if not previous < stage.until <= 1.0:
                raise ConfigValueError(
                    f"{key}.until is {stage.until}: expected a share of the run above {previous:g} and at most 1",
                    f"{key}.until",
                )
            previous = stage.until
        if self.stages is not None and previous != 1.0:
            raise ConfigValueError(
                f"data.stages: the last stage ends at {previous:g} of the run; set its `until` to 1.0", "data.stages"
            )


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

    type: Literal["SGD", "Adam", "AdamW"]
    lr: Positive
    weight_decay: Amount = 0.0
    momentum: ShareBelowOne = 0.0
    nesterov: bool = False
    betas: tuple[ShareBelowOne, ShareBelowOne] = (0.9, 0.999)
    eps: Amount = 1e-8
    bias_lr_mult: Amount = 1.0
    bias_decay_mult: Amount = 1.0
    norm_decay_mult: Amount = 1.0
    backbone_lr_mult: Amount = 1.0
    decay_matrices_only: bool | None = None

    def __post_init__(self) -> None:
        if self.type == "SGD" and self.nesterov and self.momentum == 0:
            raise ConfigValueError(
                "optimizer.nesterov looks ahead along the momentum, which is 0: set optimizer.momentum, such as 0.9",
                "optimizer.nesterov",
            )


@dataclass(frozen=True)
class GradClip:
    """`optimizer_config.grad_clip`.

    Attributes:
        max_norm: of all gradients together; larger ones are scaled down to it.
        norm_type: which p-norm.
    """

    max_norm: Positive
    norm_type: Positive = 2


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
    accumulate: Count = 1
    autoscale_lr: Count | None = None


@dataclass(frozen=True)
class LearningRate:
    """`lr_config`: warm-up and schedule; `dmtrack/training/optimizers.py` computes them.

    Attributes:
        policy: `step`, `cosine` or `constant`, over the iterations after the warm-up; or `log`, which is constant
            within an epoch: it rises geometrically from `warmup_ratio` to 1 in `warmup_epochs`, then falls along a
            straight line in the logarithm to `min_lr_ratio` (SiamRPN++); or `yoloxwarmcos`, which rises with the
            square of the iteration from `warmup_ratio` to 1 in `warmup_epochs`, falls along a cosine to `min_lr_ratio`
            and stays there for the last `flat_epochs` (YOLOX).
        warmup: a lower rate at first, `constant` or rising in a straight line (`linear`); None for none.
        warmup_iters: iterations of the warm-up.
        warmup_ratio: factor on the learning rate in the warm-up (`constant`) or at its start (`linear`, `log`).
        step: `step` only: the 0-based epochs from which on the rate is multiplied by `gamma` once more.
        gamma: `step` only.
        min_lr: `cosine` and `log`: the rate at the end, before scaling by the number of processes.
        min_lr_ratio: the same as a share of `optimizer.lr`; the larger of the two counts.
        warmup_epochs: `log` and `yoloxwarmcos` only.
        flat_epochs: `yoloxwarmcos` only.
    """

    policy: Literal["step", "cosine", "constant", "log", "yoloxwarmcos"] = "constant"
    warmup: Literal["constant", "linear"] | None = None
    warmup_iters: CountOrZero = 0
    warmup_ratio: Amount = 0.1
    step: tuple[CountOrZero, ...] | CountOrZero = ()
    gamma: Positive = 0.1
    min_lr: Amount = 0.0
    min_lr_ratio: Share = 0.0
    warmup_epochs: CountOrZero = 5
    flat_epochs: CountOrZero = 0

    def __post_init__(self) -> None:
        if self.policy in ("log", "yoloxwarmcos") and self.warmup is not None:
            raise ConfigValueError(
                f"lr_config.warmup: the policy {self.policy!r} has a warm-up of its own; set warmup_epochs and "
                "warmup_ratio",
                "lr_config.warmup",
            )
        if self.policy == "log":
            for key, value in (
                ("warmup_ratio", self.warmup_ratio),
                ("min_lr_ratio", max(self.min_lr, self.min_lr_ratio)),
            ):
                if not value > 0:
                    key = f"lr_config.{key}"
                    raise ConfigValueError(f"{key} is {value!r}: expected a number above 0", key)


@dataclass(frozen=True)
class Ema:
    """`ema`: moving average of the weights.

    Attributes:
        decay: weight of the old average in each step, in [0, 1).
        horizon: iterations n over which that weight rises, decay * (1 - exp(-iteration / n)), 2000 for YOLOX; None lets
            it rise as (1 + iteration) / (10 + iteration).
    """

    decay: ShareBelowOne
    horizon: Positive | None = None


@dataclass(frozen=True)
class Checkpoints:
    """`checkpoint_config`.

    Attributes:
        interval_iterations: a checkpoint is written whenever this many iterations are done; None for never.
        interval: the same in epochs.
        interval_seconds: and whenever the last one is this old; None for never.
        max_keep: how many are kept; None means 2.
    """

    interval_iterations: Count | None = None
    interval: Count | None = None
    interval_seconds: Amount | None = 900.0
    max_keep: Count | None = None


@dataclass(frozen=True)
class Log:
    """`log_config`.

    Attributes:
        interval: iterations between two records.
        tensorboard: whether TensorBoard files are written.
    """

    interval: Count = 50
    tensorboard: bool = True


@dataclass(frozen=True)
class Evaluation:
    """`evaluation`: how often the validation set is tracked in training.

    Attributes:
        interval_iterations: validation whenever this many iterations are done, and at the end.
        interval: the same in epochs.
        start: epochs that are over before the first validation.
        metric: the figure, higher is better, by which the best weights are chosen; None means "success".
    """

    interval_iterations: Count | None = None
    interval: Count | None = None
    metric: str | None = None
    start: CountOrZero = 0


@dataclass(frozen=True)
class Distillation:
    """`distillation`: the model learns besides to see what a frozen teacher sees.

    Attributes:
        teacher: `TimmTeacher` or `ConfigTeacher`.
        alpha: weight of the distillation loss; the losses of the model have 1 - alpha.
        loss: `cosine` is 1 - cosine of the maps of an image, `mse` their mean squared difference.
        adapt_to: which side's channels are compared: the model's maps are turned into the `teacher`'s, or the teacher's
            into those of the `student`.
        adapter: what turns them: one 1x1 convolution (`linear`), or two convolutions with batch norm (`deep`).
        layer: of the model, whose map is compared: its backbone or a part of it, such as "backbone.stage4".
    """

    teacher: dict[str, Any]
    alpha: Share = 0.5
    loss: Literal["cosine", "mse"] = "cosine"
    adapt_to: Literal["teacher", "student"] = "teacher"
    adapter: Literal["linear", "deep"] = "linear"
    layer: str = "backbone"


@dataclass(frozen=True)
class TopLevel:
    """Every top-level key.

    Attributes:
        model: the network with its losses; only a tracker of given detections has none.
        data: what to train and validate on.
        optimizer: needed for training, as is the length of the run.
        optimizer_config: what happens around an optimiser step.
        lr_config: warm-up and schedule.
        total_epochs: parts that the run is divided into; of `samples_per_epoch` pairs each, or of equal length where
            `total_iterations` is given. None means 1.
        samples_per_epoch: training pairs, over all processes.
        total_iterations: length of the run in optimiser steps; it takes precedence.
        ema: moving average of the weights.
        precision: of the computations; weights stay in fp32. `auto` is bf16 where the processor has instructions for
            it, bf16 or fp16 on GPUs, and fp32 elsewhere.
        channels_last: memory format of weights and images, faster for convolutions on many machines.
        seed: of every random draw.
        checkpoint_config: how often the state of the run is written.
        log_config: how often losses are.
        evaluation: how often the validation set is tracked.
        distillation: from which teacher the model learns besides.
        tracker: how sequences are tracked with the model.
        load_from: weights of a whole model to start from.
        load_from_except: beginnings of the names of parameters that are not taken from there, and need not be there.
        load_from_into: the part of the model that `load_from` fills, e.g. "detector"; None is the whole model.
        work_dir: folder of the run.
    """

    model: dict[str, Any] | None = None
    data: Data | None = None
    optimizer: Optimizer | None = None
    optimizer_config: OptimizerConfig | None = None
    lr_config: LearningRate | None = None
    total_epochs: Count | None = None
    samples_per_epoch: Count | None = None
    total_iterations: Count | None = None
    ema: Ema | None = None
    precision: Precision = "fp32"
    channels_last: bool = False
    seed: CountOrZero = 1
    checkpoint_config: Checkpoints | None = None
    log_config: Log | None = None
    evaluation: Evaluation | None = None
    distillation: Distillation | None = None
    tracker: dict[str, Any] | None = None
    load_from: str | None = None
    load_from_except: list[str] | None = None
    load_from_into: str | None = None
    work_dir: str | None = None

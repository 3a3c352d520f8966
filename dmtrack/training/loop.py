"""The training loop, read from top to bottom.

Launch lines:
    one GPU             dmtrack train --config configs/dmtrackGS_dla34_fpn.py
    N GPUs              dmtrack train --config ... --gpus N
    N CPU processes     dmtrack train --config ... --cpus N
    M nodes of N GPUs   torchrun --nnodes M --nproc_per_node N --rdzv_backend c10d --rdzv_endpoint HOST:29500 \
                            tools/train_dmtrack.py --config ... --gpus N --nodes M
    Slurm               srun --nodes M --ntasks-per-node N python tools/train_dmtrack.py --config ... --gpus N --nodes M
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from dmtrack.data.batches import PairBatch
from dmtrack.data.stages import IterationBatches
from dmtrack.errors import TrainingError
from dmtrack.training.ema import ExponentialMovingAverage
from dmtrack.training.intervals import Moment, evaluation_due, is_due, seconds_passed
from dmtrack.training.logs import RunLog
from dmtrack.training.optimizers import set_learning_rate
from dmtrack.training.random_state import seed_batch
from dmtrack.training.schedules import epoch_of, learning_rate_factor
from dmtrack.training.settings import TrainingSettings
from dmtrack.training.signals import StopRequest

Validate = Callable[[nn.Module], dict[str, float]]


@dataclass
class Progress:
    """How far a run has come; all of it goes into checkpoints.

    Attributes:
        iteration: optimiser steps done.
        window: sums of the values since the last log record, and their number under "count".
        best: the best validation so far: its metrics, "iteration" and "score" (the metric that decides).
    """

    iteration: int = 0
    window: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)


@dataclass
class Run:
    """What the loop works on.

    Attributes:
        fabric: the processes and devices.
        settings: of the config.
        total_iterations: optimiser steps of the whole run.
        module: the model itself.
        model: the module as Fabric wrapped it (precision, gradients averaged over processes).
        optimizer: as Fabric wrapped it.
        batches: of this process, from `progress.iteration` on.
        numbering: which pairs a batch holds, for messages.
        ema: the averaged model, on process 0 only.
        progress: where the run stands.
        log: on process 0 only.
        save: writes a checkpoint; called on every process.
        save_best: keeps the weights of the best validation; called on process 0.
        validate: figures of a model on held-out sequences; called on process 0.
    """

    fabric: Fabric
    settings: TrainingSettings
    total_iterations: int
    module: nn.Module
    model: nn.Module
    optimizer: Any
    batches: Iterator[PairBatch]
    numbering: IterationBatches
    ema: ExponentialMovingAverage | None
    progress: Progress
    log: RunLog | None
    save: Callable[[], None]
    save_best: Callable[[dict[str, float]], None]
    validate: Validate | None = None


def train(run: Run, stop: StopRequest) -> bool:
    """Trains from `run.progress` to the end, or until a stop is requested; a checkpoint is written in both cases.

    Returns:
        Whether the run is finished.

    Raises:
        TrainingError: a loss that is not finite; names the iteration and the pairs.
        OutputError: a log or checkpoint that cannot be written; earlier checkpoints are untouched.
    """
    settings, progress = run.settings, run.progress
    checkpoints, evaluation = settings.checkpoint_config, settings.evaluation
    last_save = last_log = time.monotonic()
    last_log_iteration, data_seconds = progress.iteration, 0.0
    run.module.train()
    while progress.iteration < run.total_iterations:
        iteration = progress.iteration
        start_epoch(run.module, epoch_of(iteration, run.total_iterations, settings.total_epochs))
        factor = learning_rate_factor(settings.lr_config, iteration, run.total_iterations, settings.total_epochs)
        # Fabric's wrapper holds the parameter groups from before a resume; the inner optimiser has the current ones.
        set_learning_rate(run.optimizer.optimizer, factor)

        losses, waited = accumulate_gradients(run)
        data_seconds += waited
        save_due = seconds_passed(last_save, checkpoints.interval_seconds)
        values, save_due, stopping = agree(run, losses, save_due, stop.requested)
        gradient_norm = clip_gradients(run)
        run.optimizer.step()
        run.optimizer.zero_grad(set_to_none=True)
        if run.ema is not None:
            run.ema.update(run.module, iteration)

        progress.iteration = done = iteration + 1
        for name, value in {**values, "gradient_norm": gradient_norm}.items():
            progress.window[name] = progress.window.get(name, 0.0) + value
        progress.window["count"] = progress.window.get("count", 0.0) + 1.0
        finished = done == run.total_iterations
        now = Moment(done, run.total_iterations, settings.total_epochs)

        if done % settings.log_config.interval == 0 or finished:
            seconds = max(time.monotonic() - last_log, 1e-9)
            if run.log is not None:
                speed = {
                    "iterations_per_second": (done - last_log_iteration) / seconds,
                    "data_share": data_seconds / seconds,
                }
                run.log.train(done, window_record(run, factor), speed)
            progress.window = {}
            last_log, last_log_iteration, data_seconds = time.monotonic(), done, 0.0
        if evaluation_due(now, evaluation):
            validate_and_keep_best(run)
        if stopping or save_due or is_due(now, checkpoints.interval_iterations, checkpoints.interval):
            run.save()
            last_save = time.monotonic()
        if stopping and not finished:
            return False
    return True


def start_epoch(module: nn.Module, epoch: int) -> None:
    """Tells a model which epoch it is in, if it wants to know: parts of it may join in later."""
    if hasattr(module, "start_epoch"):
        module.start_epoch(epoch)  # type: ignore[operator]


def accumulate_gradients(run: Run) -> tuple[dict[str, Tensor], float]:
    """Forward and backward of one iteration's batches.

    Returns:
        The losses (mean over the batches) with their sum under "loss", and the seconds spent waiting for data.
    """
    count = run.settings.optimizer_config.accumulate
    sums: dict[str, Tensor] = {}
    waited = 0.0
    for number in range(count):
        started = time.monotonic()
        batch = next(run.batches).to(run.fabric.device, non_blocking=True)
        waited += time.monotonic() - started
        # After the batch has come: a loader that starts draws random numbers too.
        seed_batch(run.settings.seed, run.progress.iteration * count + number, run.fabric.global_rank)
        if run.settings.channels_last:
            batch.query_images = batch.query_images.contiguous(memory_format=torch.channels_last)
            batch.search_images = batch.search_images.contiguous(memory_format=torch.channels_last)
        # Gradients travel between the processes once per iteration, with its last batch.
        with run.fabric.no_backward_sync(run.model, enabled=number < count - 1):
            losses = run.model(batch)
            total = torch.stack([loss.float() for loss in losses.values()]).sum()
            run.fabric.backward(total / count)
        for name, loss in {"loss": total, **losses}.items():
            sums[name] = sums.get(name, 0.0) + loss.detach().double() / count
    return sums, waited


def agree(run: Run, losses: dict[str, Tensor], save_due: bool, stopping: bool) -> tuple[dict[str, float], bool, bool]:
    """Shares losses and decisions, so that all processes log, save and stop at the same iteration.

    Returns:
        Mean losses over the processes; whether process 0's clock says to save; whether any process shall stop.

    Raises:
        TrainingError: the loss of a process is not finite; raised on all.
    """
    names = sorted(losses)
    own = torch.stack([losses[name] for name in names])
    flags = own.new_tensor([float(save_due), float(stopping)])
    table = gather(torch.cat([own, flags]), run.fabric.world_size).tolist()
    broken = [rank for rank, row in enumerate(table) if not all(map(math.isfinite, row))]
    if broken:
        raise TrainingError(
            f"the loss is not finite in iteration {run.progress.iteration + 1} "
            f"({', '.join(f'{name} {table[broken[0]][place]:g}' for place, name in enumerate(names))}) with the pairs "
            f"{pair_numbers(run, broken)}; the last checkpoint is kept: lower optimizer.lr or set a smaller "
            "optimizer_config.grad_clip, then --resume"
        )
    means = {name: sum(row[place] for row in table) / len(table) for place, name in enumerate(names)}
    return means, bool(table[0][-2]), any(row[-1] for row in table)


def gather(vector: Tensor, world_size: int) -> Tensor:
    """The vectors of all processes as rows, in the order of their ranks."""
    if world_size == 1:
        return vector[None]
    rows = [torch.empty_like(vector) for _ in range(world_size)]
    torch.distributed.all_gather(rows, vector)
    return torch.stack(rows)


def pair_numbers(run: Run, ranks: list[int]) -> str:
    """The global numbers of the pairs that some processes saw in the current iteration."""
    numbering, count = run.numbering, run.settings.optimizer_config.accumulate
    numbers = []
    for rank in ranks:
        own = IterationBatches(0, numbering.total_iterations, numbering.stages, rank, numbering.world_size)
        for batch in range(run.progress.iteration * count, (run.progress.iteration + 1) * count):
            numbers += [number for number, _ in own.tokens(batch)]
    return ", ".join(map(str, numbers))


def clip_gradients(run: Run) -> float:
    """Clips the gradients as configured and returns their norm before that (0 without clipping).

    Raises:
        TrainingError: the norm is not finite although the loss is; with fp16 that is normal, the step is skipped.
    """
    clip = run.settings.optimizer_config.grad_clip
    if clip is None:
        return 0.0
    norm = run.fabric.clip_gradients(
        run.model,
        run.optimizer,
        max_norm=float(clip.max_norm),
        norm_type=float(clip.norm_type),
        error_if_nonfinite=False,
    )
    value = float(norm)
    if math.isfinite(value):
        return value
    if run.settings.precision == "fp16":
        return 0.0
    raise TrainingError(
        f"the gradients are not finite in iteration {run.progress.iteration + 1} with the pairs "
        f"{pair_numbers(run, list(range(run.fabric.world_size)))}; the last checkpoint is kept: lower optimizer.lr, "
        "then --resume"
    )


def window_record(run: Run, factor: float) -> dict[str, float]:
    """What is logged: epoch, learning rate, and means since the last record."""
    window = dict(run.progress.window)
    count = window.pop("count")
    epoch = epoch_of(run.progress.iteration - 1, run.total_iterations, run.settings.total_epochs)
    learning_rate = run.settings.learning_rate(run.fabric.world_size) * factor
    return {"epoch": epoch + 1, "lr": learning_rate, **{name: value / count for name, value in window.items()}}


def validate_and_keep_best(run: Run) -> None:
    """Validates the averaged model (or the model) on process 0, and keeps its weights if they are the best so far."""
    if run.log is not None and run.validate is not None:
        with evaluation_mode(run):
            metrics = run.validate(run.ema.model if run.ema is not None else run.module)
        metric = run.settings.evaluation.metric or "success"
        if metric not in metrics:
            raise TrainingError(f"evaluation.metric is {metric!r}, but validation gives {', '.join(sorted(metrics))}")
        score = -math.inf if math.isnan(metrics[metric]) else metrics[metric]
        best = score > run.progress.best.get("score", -math.inf)
        if best:
            run.progress.best = {**metrics, "iteration": run.progress.iteration, "score": score}
            run.save_best(metrics)
        run.log.validation(run.progress.iteration, metrics, best)
    run.fabric.barrier()


@contextlib.contextmanager
def evaluation_mode(run: Run) -> Iterator[None]:
    """The model in evaluation mode, and back in training mode afterwards."""
    run.module.eval()
    with torch.no_grad():
        yield
    run.module.train()

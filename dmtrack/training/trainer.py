"""The training loop, read from top to bottom: `Trainer.train`.

Launch lines:
    one GPU             dmtrack train --config configs/dmtrackGS_dla34_fpn.py
    N GPUs              dmtrack train --config ... --gpus N
    N CPU processes     dmtrack train --config ... --cpus N
    M nodes of N GPUs   torchrun --nnodes M --nproc_per_node N --rdzv_backend c10d --rdzv_endpoint HOST:29500 \
                            tools/train_dmtrack.py --config ... --gpus N --nodes M
    Slurm               srun --nodes M --ntasks-per-node N python tools/train_dmtrack.py --config ... --gpus N --nodes M
"""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

import dmtrack
from dmtrack.data.batches import Batch
from dmtrack.data.loader import IterationBatches
from dmtrack.errors import TrainingError
from dmtrack.models.base import AssistedModel, TrainableModel
from dmtrack.training.launch import StopRequest
from dmtrack.training.logs import RunLog
from dmtrack.training.optimizers import (
    ExponentialMovingAverage,
    build_optimizer,
    epoch_of,
    is_due,
    learning_rate_factor,
    set_learning_rate,
)
from dmtrack.training.resume import save_checkpoint, seed_batch
from dmtrack.training.settings import TrainingSettings

FINAL_NAME = "final.safetensors"
BEST_NAME = "best.safetensors"

Validate = Callable[[nn.Module], dict[str, float]]
"""Figures of a model on held-out sequences, by name."""


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


class Trainer:
    """Trains a model on batches, and keeps what a run leaves behind: checkpoints, the best and the final weights.

    Args:
        fabric: the processes and devices.
        config: of the run, stored with its checkpoints and weights.
        settings: of the config.
        module: the model itself.
        batches: of this process, from the run's first iteration or that of the checkpoint on.
        folder: of the run.
        log: on process 0 only.
        validate: figures of a model on held-out sequences, on process 0; None trains without validation.
        checkpoint: content of the checkpoint that the run goes on from.

    Attributes:
        total_iterations: optimiser steps of the whole run.
        trained: what is validated, averaged and saved: the module, or the model that it is wrapped around.
        beside: what else learns with it, which checkpoints keep, but no weights file.
        model: the module as Fabric wrapped it (precision, gradients averaged over processes).
        optimizer: as Fabric wrapped it.
        ema: the averaged model, on process 0 only.
        progress: where the run stands.
    """

    def __init__(
        self,
        fabric: Fabric,
        config: Mapping[str, Any],
        settings: TrainingSettings,
        module: TrainableModel,
        batches: Iterable[Batch],
        folder: Path,
        log: RunLog | None = None,
        validate: Validate | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> None:
        self.fabric, self.config, self.settings, self.module = fabric, config, settings, module
        self.folder, self.log, self.validate = folder, log, validate
        self.batches = iter(batches)
        self.total_iterations = settings.iterations(fabric.world_size)
        assisted = module if isinstance(module, AssistedModel) else None
        self.trained: TrainableModel = module if assisted is None else assisted.trained
        self.beside: nn.Module | None = None if assisted is None else assisted.beside
        optimizer = build_optimizer(module, settings.optimizer, settings.learning_rate(fabric.world_size))
        self.model, self.optimizer = fabric.setup(module, optimizer)
        self.ema: ExponentialMovingAverage | None = None
        if settings.ema is not None and fabric.is_global_zero:
            self.ema = ExponentialMovingAverage(self.trained, settings.ema)
        self.progress = Progress()
        if checkpoint is not None:
            optimizer.load_state_dict(checkpoint["optimizer"])
            fabric.strategy.precision.load_state_dict(checkpoint["scaler"])
            if self.ema is not None and checkpoint["ema"] is not None:
                self.ema.model.load_state_dict(checkpoint["ema"])
            self.progress = Progress(**checkpoint["progress"])

    def train(self, stop: StopRequest) -> bool:
        """Trains from `progress` to the end, or until a stop is requested; a checkpoint is written in both cases.

        Returns:
            Whether the run is finished.

        Raises:
            TrainingError: a loss that is not finite; names the iteration and the pairs.
            OutputError: a log or checkpoint that cannot be written; earlier checkpoints are untouched.
        """
        settings, progress = self.settings, self.progress
        checkpoints, evaluation = settings.checkpoint_config, settings.evaluation
        last_save = last_log = time.monotonic()
        last_log_iteration, data_seconds = progress.iteration, 0.0
        self.module.train()
        while progress.iteration < self.total_iterations:
            iteration = progress.iteration
            self.trained.start_epoch(epoch_of(iteration, self.total_iterations, settings.total_epochs))
            factor = learning_rate_factor(settings.lr_config, iteration, self.total_iterations, settings.total_epochs)
            # Fabric's wrapper holds the parameter groups from before a resume; the inner optimiser has those of now.
            set_learning_rate(self.optimizer.optimizer, factor)

            losses, waited = self._accumulate_gradients()
            data_seconds += waited
            interval = checkpoints.interval_seconds
            save_due = interval is not None and time.monotonic() - last_save >= interval
            values, save_due, stopping = self._agree(losses, save_due, stop.requested)
            gradient_norm = self._clip_gradients()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if self.ema is not None:
                self.ema.update(self.trained, iteration)

            progress.iteration = done = iteration + 1
            for name, value in {**values, "gradient_norm": gradient_norm}.items():
                progress.window[name] = progress.window.get(name, 0.0) + value
            progress.window["count"] = progress.window.get("count", 0.0) + 1.0
            finished = done == self.total_iterations
            due = partial(is_due, done, self.total_iterations, settings.total_epochs)

            if done % settings.log_config.interval == 0 or finished:
                seconds = max(time.monotonic() - last_log, 1e-9)
                if self.log is not None:
                    speed = {
                        "iterations_per_second": (done - last_log_iteration) / seconds,
                        "data_share": data_seconds / seconds,
                    }
                    self.log.train(done, self._window_record(factor), speed)
                progress.window = {}
                last_log, last_log_iteration, data_seconds = time.monotonic(), done, 0.0
            if due(evaluation.interval_iterations, evaluation.interval, evaluation.start):
                self._validate_and_keep_best()
            if stopping or save_due or due(checkpoints.interval_iterations, checkpoints.interval):
                self.save()
                last_save = time.monotonic()
            if stopping and not finished:
                return False
        return True

    def _accumulate_gradients(self) -> tuple[dict[str, Tensor], float]:
        """Forward and backward of one iteration's batches.

        Returns:
            The losses (mean over the batches) with their sum under "loss", and the seconds spent waiting for data.
        """
        count = self.settings.optimizer_config.accumulate
        sums: dict[str, Tensor] = {}
        waited = 0.0
        for number in range(count):
            started = time.monotonic()
            batch = next(self.batches).to(self.fabric.device, non_blocking=True)
            waited += time.monotonic() - started
            # After the batch has come: a loader that starts draws random numbers too.
            seed_batch(self.settings.seed, self.progress.iteration * count + number, self.fabric.global_rank)
            if self.settings.channels_last:
                batch = batch.channels_last()
            # Gradients travel between the processes once per iteration, with its last batch.
            with self.fabric.no_backward_sync(self.model, enabled=number < count - 1):
                losses = self.model(batch)
                total = torch.stack([loss.float() for loss in losses.values()]).sum()
                self.fabric.backward(total / count)
            for name, loss in {"loss": total, **losses}.items():
                sums[name] = sums.get(name, 0.0) + loss.detach().double() / count
        return sums, waited

    def _agree(self, losses: dict[str, Tensor], save_due: bool, stopping: bool) -> tuple[dict[str, float], bool, bool]:
        """Shares losses and decisions, so that all processes log, save and stop at the same iteration.

        Returns:
            Mean losses over the processes; whether process 0's clock says to save; whether any process shall stop.

        Raises:
            TrainingError: the loss of a process is not finite; raised on all.
        """
        names = sorted(losses)
        own = torch.stack([losses[name] for name in names])
        flags = own.new_tensor([float(save_due), float(stopping)])
        table = _gather(torch.cat([own, flags]), self.fabric.world_size).tolist()
        broken = [rank for rank, row in enumerate(table) if not all(map(math.isfinite, row))]
        if broken:
            raise TrainingError(
                f"the loss is not finite in iteration {self.progress.iteration + 1} "
                f"({', '.join(f'{name} {table[broken[0]][place]:g}' for place, name in enumerate(names))}) with the "
                f"pairs {self._clip_numbers(broken)}; the last checkpoint is kept: lower optimizer.lr or set a smaller "
                "optimizer_config.grad_clip, then --resume"
            )
        means = {name: sum(row[place] for row in table) / len(table) for place, name in enumerate(names)}
        return means, bool(table[0][-2]), any(row[-1] for row in table)

    def _clip_numbers(self, ranks: list[int]) -> str:
        """The global numbers of the pairs (or clips) that some processes saw in the current iteration."""
        count = self.settings.optimizer_config.accumulate
        numbers = []
        for rank in ranks:
            total = self.total_iterations * count
            own = IterationBatches(0, total, self.settings.stages, rank, self.fabric.world_size)
            for batch in range(self.progress.iteration * count, (self.progress.iteration + 1) * count):
                numbers += [number for number, _ in own.tokens(batch)]
        return ", ".join(map(str, numbers))

    def _clip_gradients(self) -> float:
        """Clips the gradients as configured and returns their norm before that (0 without clipping).

        Raises:
            TrainingError: the norm is not finite although the loss is; with fp16 that is normal, the step is skipped.
        """
        clip = self.settings.optimizer_config.grad_clip
        if clip is None:
            return 0.0
        norm = self.fabric.clip_gradients(
            self.model,
            self.optimizer,
            max_norm=float(clip.max_norm),
            norm_type=float(clip.norm_type),
            error_if_nonfinite=False,
        )
        value = float(norm)
        if math.isfinite(value):
            return value
        if self.settings.precision == "fp16":
            return 0.0
        raise TrainingError(
            f"the gradients are not finite in iteration {self.progress.iteration + 1} with the pairs "
            f"{self._clip_numbers(list(range(self.fabric.world_size)))}; the last checkpoint is kept: lower "
            "optimizer.lr, then --resume"
        )

    def _window_record(self, factor: float) -> dict[str, float]:
        """What is logged: epoch, learning rate, and means since the last record."""
        window = dict(self.progress.window)
        count = window.pop("count")
        epoch = epoch_of(self.progress.iteration - 1, self.total_iterations, self.settings.total_epochs)
        learning_rate = self.settings.learning_rate(self.fabric.world_size) * factor
        return {"epoch": epoch + 1, "lr": learning_rate, **{name: value / count for name, value in window.items()}}

    def _validate_and_keep_best(self) -> None:
        """Validates the averaged model (or the model) on process 0, and keeps its weights if they are the best yet."""
        if self.log is not None and self.validate is not None:
            self.module.eval()
            with torch.no_grad():
                metrics = self.validate(self.ema.model if self.ema is not None else self.trained)
            self.module.train()
            metric = self.settings.evaluation.metric or "success"
            if metric not in metrics:
                known = ", ".join(sorted(metrics))
                raise TrainingError(f"evaluation.metric is {metric!r}, but validation gives {known}")
            score = -math.inf if math.isnan(metrics[metric]) else metrics[metric]
            best = score > self.progress.best.get("score", -math.inf)
            if best:
                self.progress.best = {**metrics, "iteration": self.progress.iteration, "score": score}
                self.publish(self.folder / BEST_NAME, metrics)
            self.log.validation(self.progress.iteration, metrics, best)
        self.fabric.barrier()

    def save(self) -> None:
        """Writes a checkpoint on process 0; the others wait."""
        if self.log is not None:
            self.log.sync()
            content = {
                "model": self.trained.state_dict(),
                "beside": None if self.beside is None else self.beside.state_dict(),
                "ema": self.ema.model.state_dict() if self.ema is not None else None,
                "optimizer": self.optimizer.optimizer.state_dict(),
                "scaler": self.fabric.strategy.precision.state_dict(),
                "progress": dict(vars(self.progress)),
                "config": dict(self.config),
                "rng": {"scheme": "seeded anew for every batch of every process", "seed": self.settings.seed},
                "metadata": {
                    "world_size": self.fabric.world_size,
                    "total_iterations": self.total_iterations,
                    "threads": torch.get_num_threads(),
                    "precision": self.settings.precision,
                    **_software(),
                },
            }
            keep = self.settings.checkpoint_config.max_keep or 2
            save_checkpoint(self.folder / "checkpoints", self.progress.iteration, content, keep)
        self.fabric.barrier()

    def publish(self, path: Path, metrics: Mapping[str, float]) -> None:
        """Writes weights for use, of the averaged model where there is one, with a record of how they came about.

        Raises:
            OutputError: they cannot be written.
        """
        from dmtrack.weights import save_weights

        training = {
            "iterations": self.progress.iteration,
            "world_size": self.fabric.world_size,
            "seed": self.settings.seed,
            "precision": self.settings.precision,
            "averaged": self.ema is not None,
            **_software(),
        }
        model = self.ema.model if self.ema is not None else self.trained
        dataset = self.config["data"].get("train")
        save_weights(path, model, config=self.config, training=training, dataset=dataset, metrics=metrics)


def _software() -> dict[str, str]:
    return {
        "command": " ".join(sys.argv),
        "dmtrack": dmtrack.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def _gather(vector: Tensor, world_size: int) -> Tensor:
    """The vectors of all processes as rows, in the order of their ranks."""
    if world_size == 1:
        return vector[None]
    rows = [torch.empty_like(vector) for _ in range(world_size)]
    torch.distributed.all_gather(rows, vector)
    return torch.stack(rows)

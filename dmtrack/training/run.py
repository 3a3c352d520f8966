"""From a config to a trained model: puts the pieces of a run together and hands them to the loop."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn

import dmtrack
from dmtrack.config import build, dump_config
from dmtrack.data.loader import IterationBatches, training_loader_from_config
from dmtrack.errors import TrainingError
from dmtrack.files import check_writable_folder, write_text
from dmtrack.registry import MODELS
from dmtrack.training.checkpoints import load_checkpoint, save_checkpoint
from dmtrack.training.ema import ExponentialMovingAverage
from dmtrack.training.initial_weights import load_initial_weights
from dmtrack.training.launch import Devices, start_fabric
from dmtrack.training.logs import RunLog
from dmtrack.training.loop import Progress, Run, Validate, train
from dmtrack.training.optimizers import build_optimizer
from dmtrack.training.publish import publish
from dmtrack.training.random_state import MODEL_INITIALISATION, seed_batch
from dmtrack.training.resume import check_same_run, find_checkpoint
from dmtrack.training.settings import TrainingSettings, read_settings
from dmtrack.training.signals import StopRequest
from dmtrack.training.workers import prepare_workers

FINAL_NAME = "final.safetensors"
BEST_NAME = "best.safetensors"


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Attributes:
        finished: False where the run was asked to stop (SIGTERM, Ctrl-C) and can be resumed.
        exit_code: for the command line: 0, or 128 + the signal that stopped the run; always 0 on processes other than
            the first, because launchers kill a run of which a process has failed.
        iteration: optimiser steps done.
        folder: checkpoints, logs and weights.
        weights: the final weights, where the run is finished.
    """

    finished: bool
    exit_code: int
    iteration: int
    folder: Path
    weights: Path | None


def train_from_config(
    config: Mapping[str, Any],
    work_dir: str | Path,
    devices: Devices | None = None,
    resume: str | None = None,
    make_validate: Callable[[Mapping[str, Any]], Validate | None] | None = None,
) -> Outcome:
    """Trains the model of a config.

    Every process of the run calls this; where there are several on one machine and no launcher started them, the
    first call starts the others by running the same command line again.

    Args:
        config: see docs/contracts.md.
        work_dir: receives `checkpoints/`, `log.jsonl`, `tensorboard/`, `config.py`, `best.safetensors` and
            `final.safetensors`.
        devices: see `Devices`.
        resume: None starts anew; "auto" goes on from the last checkpoint of `work_dir` if there is one; a path goes on
            from that checkpoint, even with a changed config.
        make_validate: gives the validation of a config, or None; called on process 0 only.

    Raises:
        ConfigError: a config that cannot be trained.
        TrainingError: devices that are not there, a checkpoint of another run, a loss that is not finite.
        OutputError: a folder that cannot be written.
        DataError: a dataset that is not there.
    """
    settings = read_settings(config)
    folder = Path(work_dir)
    checkpoint_path = find_checkpoint(folder, resume)
    fabric = start_fabric(devices or Devices(), settings.precision)
    make_deterministic(fabric.device)
    total_iterations = settings.iterations(fabric.world_size)
    identity = run_identity(config, fabric.world_size, total_iterations)
    content = None
    if checkpoint_path is not None:
        content = load_checkpoint(checkpoint_path)
        check_same_run(checkpoint_path, content, identity, exact=resume == "auto")

    seed_batch(settings.seed, MODEL_INITIALISATION)
    module = build(config["model"], MODELS)
    if not isinstance(module, nn.Module):
        raise TrainingError(f"model.type {config['model'].get('type')!r} is not a torch module")
    check_batch_norm(module, fabric)
    if content is None:
        load_initial_weights(module, config)
    else:
        load_into(module, content["model"], checkpoint_path)
    if settings.channels_last:
        module = module.to(memory_format=torch.channels_last)

    with ExitStack() as stack:
        run = assemble(fabric, config, settings, total_iterations, module, content)
        if fabric.is_global_zero:
            check_writable_folder(folder)
            write_text(folder / "config.py", dump_config(config))
            run.log = stack.enter_context(
                RunLog(folder, total_iterations, run.progress.iteration, settings.log_config.tensorboard)
            )
            run.validate = make_validate(config) if make_validate else None
            if checkpoint_path is not None:
                run.log.note(f"going on from {checkpoint_path}, iteration {run.progress.iteration}")
            describe(run)
        run.save = partial(save_run, run, folder / "checkpoints", identity)
        run.save_best = partial(publish, run, config, identity, folder / BEST_NAME)
        stop = stack.enter_context(StopRequest())
        finished = train(run, stop)
        if finished and fabric.is_global_zero:
            publish(run, config, identity, folder / FINAL_NAME, run.progress.best)
        if run.log is not None:
            done = f"finished: {folder / FINAL_NAME}" if finished else "stopped as asked; go on with --resume auto"
            run.log.note(f"iteration {run.progress.iteration}: {done}")
        fabric.barrier()
    exit_code = 0 if finished or not fabric.is_global_zero else stop.exit_code
    return Outcome(finished, exit_code, run.progress.iteration, folder, folder / FINAL_NAME if finished else None)


def assemble(
    fabric: Fabric,
    config: Mapping[str, Any],
    settings: TrainingSettings,
    total_iterations: int,
    module: nn.Module,
    content: Mapping[str, Any] | None,
) -> Run:
    """The run of a module, in the state of a checkpoint's content if there is one."""
    accumulate = settings.optimizer_config.accumulate
    optimizer = build_optimizer(module, settings.optimizer, settings.learning_rate(fabric.world_size))
    model, fabric_optimizer = fabric.setup(module, optimizer)
    ema = None
    if settings.ema is not None and fabric.is_global_zero:
        ema = ExponentialMovingAverage(module, settings.ema.decay)
    progress = Progress()
    if content is not None:
        optimizer.load_state_dict(content["optimizer"])
        fabric.strategy.precision.load_state_dict(content["scaler"])
        if ema is not None and content["ema"] is not None:
            ema.load_state_dict(content["ema"])
        progress = Progress(**content["progress"])
    loader = training_loader_from_config(
        config["data"],
        preprocessing=module.preprocessing,  # type: ignore[arg-type]
        encoder=module.pair_encoder() if hasattr(module, "pair_encoder") else None,  # type: ignore[operator]
        total_iterations=total_iterations * accumulate,
        seed=settings.seed,
        start_iteration=progress.iteration * accumulate,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        pin_memory=fabric.device.type == "cuda",
    )
    prepare_workers(loader)
    return Run(
        fabric=fabric,
        settings=settings,
        total_iterations=total_iterations,
        module=module,
        model=model,
        optimizer=fabric_optimizer,
        batches=iter(loader),
        numbering=IterationBatches(0, total_iterations * accumulate, settings.stages, world_size=fabric.world_size),
        ema=ema,
        progress=progress,
        log=None,
        save=lambda: None,
        save_best=lambda metrics: None,
    )


def save_run(run: Run, folder: Path, identity: Mapping[str, Any]) -> None:
    """Writes a checkpoint on process 0; the others wait."""
    if run.log is not None:
        run.log.sync()
        progress = run.progress
        content = {
            "model": run.module.state_dict(),
            "ema": run.ema.state_dict() if run.ema is not None else None,
            "optimizer": run.optimizer.optimizer.state_dict(),
            "scaler": run.fabric.strategy.precision.state_dict(),
            "progress": {"iteration": progress.iteration, "window": progress.window, "best": progress.best},
            "config": identity["config"],
            "rng": {"scheme": "seeded anew for every batch of every process", "seed": run.settings.seed},
            "metadata": {
                "world_size": identity["world_size"],
                "total_iterations": identity["total_iterations"],
                "dmtrack": dmtrack.__version__,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
                "command": " ".join(sys.argv),
                "threads": torch.get_num_threads(),
            },
        }
        save_checkpoint(folder, progress.iteration, content, run.settings.checkpoint_config.max_keep or 2)
    run.fabric.barrier()


def run_identity(config: Mapping[str, Any], world_size: int, total_iterations: int) -> dict[str, Any]:
    """What must be equal for a resumed run to be the same run."""
    return {"config": dict(config), "world_size": world_size, "total_iterations": total_iterations}


def load_into(module: nn.Module, state: Mapping[str, Any], path: Path | None) -> None:
    """Weights of a checkpoint into the model, all or nothing."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise TrainingError(f"{path} holds another model than the config: {reason}") from error


def make_deterministic(device: torch.device) -> None:
    """On a CPU, operators that give the same bits in every run; on a GPU, the fastest ones."""
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    else:
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")


def check_batch_norm(module: nn.Module, fabric: Fabric) -> None:
    """Synchronised batch norm needs GPUs; torch's own message comes late and does not say what to do."""
    synchronised = any(isinstance(part, nn.SyncBatchNorm) for part in module.modules())
    if synchronised and fabric.device.type == "cpu" and fabric.world_size > 1:
        raise TrainingError(
            "synchronised batch norm works on GPUs only; set model.train_cfg.batch_norm to 'frozen' or 'live', or use "
            "--gpus"
        )


def describe(run: Run) -> None:
    """Says on the console what is about to happen."""
    fabric, settings = run.fabric, run.settings
    parameters = sum(parameter.numel() for parameter in run.module.parameters() if parameter.requires_grad)
    device = f"{torch.get_num_threads()} threads"
    if fabric.device.type == "cuda":
        device = torch.cuda.get_device_name(fabric.device)
    assert run.log is not None
    run.log.note(
        f"{type(run.module).__name__}: {parameters / 1e6:.2f} M trainable parameters, "
        f"{run.total_iterations} iterations, {fabric.world_size} x {fabric.device.type} ({device}), "
        f"{settings.precision}, lr {settings.learning_rate(fabric.world_size):g}"
    )

"""From a config to a trained model: puts the pieces of a run together and starts the trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn

from dmtrack.config import build, dump_config, require
from dmtrack.data.loader import training_loader_from_config
from dmtrack.errors import ConfigError, TrainingError
from dmtrack.files import check_writable_folder, write_text
from dmtrack.models.base import AssistedModel, TrainableModel
from dmtrack.registry import MODELS, did_you_mean
from dmtrack.tracking.device import resolve_precision
from dmtrack.training.devices import Devices
from dmtrack.training.launch import StopRequest, choose_devices, prepare_workers, start_fabric
from dmtrack.training.logs import RunLog
from dmtrack.training.resume import MODEL_INITIALISATION, check_same_run, find_checkpoint, load_checkpoint, seed_batch
from dmtrack.training.settings import read_settings
from dmtrack.training.trainer import FINAL_NAME, Trainer, Validate


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
    settings, devices = read_settings(config), devices or Devices()
    precision = resolve_precision(settings.precision, torch.device(choose_devices(devices)[0]))
    settings = replace(settings, precision=precision)
    folder = Path(work_dir)
    checkpoint_path = find_checkpoint(folder, resume)
    fabric = start_fabric(devices, precision)
    make_deterministic(fabric.device)
    total_iterations = settings.iterations(fabric.world_size)
    content = None
    if checkpoint_path is not None:
        content = load_checkpoint(checkpoint_path)
        check_same_run(checkpoint_path, content, config, fabric.world_size, precision, exact=resume == "auto")

    seed_batch(settings.seed, MODEL_INITIALISATION)
    require(config, "model", purpose="training")
    module = build(config["model"], MODELS)
    if not isinstance(module, TrainableModel):
        kind = config["model"].get("type")
        raise TrainingError(f"model.type {kind!r} cannot be trained: it is no dmtrack.models.base.TrainableModel")
    check_batch_norm(module, fabric)
    start_iteration, notes = 0, []
    if content is None:
        notes += load_initial_weights(module, config)
    else:
        load_checkpoint_weights(module, content["model"], checkpoint_path)
        start_iteration = content["progress"]["iteration"]
    encoder = module.clip_encoder()
    if settings.distillation is not None:
        from dmtrack.training.distillation import DistilledModel

        module = DistilledModel(module, settings.distillation)
        notes.append(module.teacher.note)
    if content is not None:
        beside = module.beside if isinstance(module, AssistedModel) else nn.Module()
        load_checkpoint_weights(beside, content.get("beside") or {}, checkpoint_path)
    if settings.channels_last:
        module = module.to(memory_format=torch.channels_last)
    accumulate = settings.optimizer_config.accumulate
    loader = training_loader_from_config(
        config["data"],
        encoder,
        total_iterations=total_iterations * accumulate,
        seed=settings.seed,
        start_iteration=start_iteration * accumulate,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        pin_memory=fabric.device.type == "cuda",
    )
    prepare_workers(loader)

    with ExitStack() as stack:
        log = validate = None
        if fabric.is_global_zero:
            check_writable_folder(folder)
            write_text(folder / "config.py", dump_config(config))
            log = stack.enter_context(
                RunLog(folder, total_iterations, start_iteration, settings.log_config.tensorboard)
            )
            validate = make_validate(config) if make_validate else None
        trainer = Trainer(fabric, config, settings, module, loader, folder, log, validate, content)
        if log is not None:
            if checkpoint_path is not None:
                log.note(f"going on from {checkpoint_path}, iteration {start_iteration}")
            for note in (*notes, description(trainer)):
                log.note(note)
        stop = stack.enter_context(StopRequest())
        finished = trainer.train(stop)
        iteration, weights = trainer.progress.iteration, folder / FINAL_NAME
        if finished and fabric.is_global_zero:
            trainer.publish(weights, trainer.progress.best)
        if log is not None:
            done = f"finished: {weights}" if finished else "stopped as asked; go on with --resume auto"
            log.note(f"iteration {iteration}: {done}")
        fabric.barrier()
    exit_code = 0 if finished or not fabric.is_global_zero else stop.exit_code
    return Outcome(finished, exit_code, iteration, folder, weights if finished else None)


def load_initial_weights(module: TrainableModel, config: Mapping[str, Any]) -> list[str]:
    """Loads the model from `load_from`, and the backbone that is not taken from there from what `pretrained` names.

    What `load_from_except` names starts fresh: parameters that are new, or that the model no longer has. With
    `load_from_into` the weights are those of a part of the model (a detector inside), and the rest starts fresh.

    Returns:
        What the log should warn of: a backbone that is frozen, but has learnt nothing.

    Raises:
        ConfigError: the model has no such part.
        WeightsError: the file is not there or of another architecture; the message says where to get it.
    """
    if config.get("load_from"):
        from dmtrack.weights import find_weights, load_into, read_weights

        parts, name = dict(module.named_modules()), config.get("load_from_into") or ""
        if name not in parts:
            hint = did_you_mean(name, [child for child, _ in module.named_children()])
            raise ConfigError(f"load_from_into: {type(module).__name__} has no part {name!r}{hint}")
        but = tuple(config.get("load_from_except") or ())
        weights = read_weights(find_weights(config["load_from"]))
        taken = {key: value for key, value in weights.state_dict.items() if not key.startswith(but)}
        own = {key: value for key, value in parts[name].state_dict().items() if key.startswith(but)}
        load_into(parts[name], {**taken, **own}, weights.path, metadata=weights.metadata)
        if "backbone" not in but:
            return []
    backbone = module.pretrained_backbone()
    if backbone is None:
        return []
    if pretrained := getattr(backbone, "pretrained", None):
        from dmtrack.weights.loading import load_backbone

        load_backbone(backbone, pretrained)
        return []
    parameters = list(backbone.parameters())
    frozen = sum(not parameter.requires_grad for parameter in parameters)
    norms = [part for part in backbone.train().modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    still = sum(not norm.training for norm in norms)
    if not (frozen or still):
        return []
    return [
        f"warning: the backbone starts from random weights, but {frozen} of its {len(parameters)} parameters are "
        f"frozen and {still} of its {len(norms)} batch norms keep their statistics; set model.backbone.pretrained, or "
        "freeze none"
    ]


def load_checkpoint_weights(module: nn.Module, state: Mapping[str, Any], path: Path | None) -> None:
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


def description(trainer: Trainer) -> str:
    """What is about to happen, in a line."""
    fabric, settings = trainer.fabric, trainer.settings
    parameters = sum(parameter.numel() for parameter in trainer.module.parameters() if parameter.requires_grad)
    chosen = " (auto)" if trainer.config.get("precision") == "auto" else ""
    device = f"{torch.get_num_threads()} threads"
    if fabric.device.type == "cuda":
        device = torch.cuda.get_device_name(fabric.device)
    return (
        f"{type(trainer.trained).__name__}: {parameters / 1e6:.2f} M trainable parameters, "
        f"{trainer.total_iterations} iterations, {fabric.world_size} x {fabric.device.type} ({device}), "
        f"{settings.precision}{chosen}, lr {settings.learning_rate(fabric.world_size):g}"
    )

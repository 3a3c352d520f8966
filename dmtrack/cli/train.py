"""`dmtrack train`: from a config to trained weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmtrack.cli import options
from dmtrack.cli.options import MACHINE, OUTPUT, option
from dmtrack.files import check_exists

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dmtrack.training.trainer import Validate


def train(
    config: options.ConfigFile,
    gpus: Annotated[
        int | None, option(MACHINE, help="GPUs per machine; without --gpus and --cpus, one GPU if there is one.")
    ] = None,
    cpus: Annotated[int | None, option(MACHINE, help="Train in this many CPU processes per machine instead.")] = None,
    nodes: Annotated[int, option(MACHINE, help="Machines, where torchrun or Slurm starts the processes.")] = 1,
    work_dir: Annotated[
        Path | None,
        option(
            OUTPUT,
            callback=options.OUTPUT_FOLDER,
            help="Folder of the run; by default the config's work_dir, or work_dirs/<config name>.",
        ),
    ] = None,
    resume: Annotated[
        str | None,
        option(
            OUTPUT, metavar="auto|PATH", help="Go on from the last checkpoint of the work dir, or from a checkpoint."
        ),
    ] = None,
    precision: options.Precision = None,
    set_: options.ConfigSet = None,
    import_: options.Import = None,
) -> None:
    """Trains a model.

    The work dir receives checkpoints, log.jsonl, TensorBoard files, best.safetensors and final.safetensors. A run that
    was killed goes on with --resume auto and ends with the same weights as if it had not been.
    """
    from dmtrack.training.devices import Devices

    devices = Devices(gpus, cpus, nodes)
    if resume not in (None, "auto"):
        check_exists(str(resume))

    from dmtrack.config import load_config

    # The processes that Fabric starts run a script, which does not put the working folder on the path.
    sys.path.append(str(Path.cwd()))
    options.add_modules(import_)
    overrides = [*(set_ or []), *([f"precision={precision}"] if precision else [])]
    loaded = load_config(config, overrides)
    folder = work_dir or Path(loaded.get("work_dir") or Path("work_dirs") / Path(config).stem)

    from dmtrack.training.launch import die_with_parent, report_once

    die_with_parent()
    from dmtrack.training.run import train_from_config

    with report_once():
        outcome = train_from_config(loaded, folder, devices, resume, make_validate)
    raise typer.Exit(outcome.exit_code)


def make_validate(config: Mapping[str, Any]) -> Validate | None:
    """Tracking success on `data.val` with the config's tracker, or None where the config has no validation data."""
    if not (config.get("data") or {}).get("val") or not config.get("tracker"):
        return None
    from torch import nn

    from dmtrack.config import build
    from dmtrack.registry import DATASETS, TRACKERS
    from dmtrack.running.one_sequence import tracking_success

    held_out = config["data"]["val"]
    sources = held_out if isinstance(held_out, list) else [held_out]
    sequences = [sequence for source in sources for sequence in build(source, DATASETS)]

    def validate(model: nn.Module) -> dict[str, float]:
        return tracking_success(build(config["tracker"], TRACKERS, model=model), sequences)

    return validate

"""`dmtrack adapt`: a detector from a domain with labels to one without."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from dmtrack.cli import options
from dmtrack.cli.options import MACHINE, OUTPUT, SOURCE, option
from dmtrack.errors import ConfigError


def adapt(
    recipe: Annotated[
        Path, option(SOURCE, callback=options.EXISTING, help="YAML file of a recipe, see experiments/adaptation/.")
    ],
    stage: Annotated[
        list[str] | None, option(OUTPUT, metavar="NAME", help="Do this stage alone; repeatable. --list names them.")
    ] = None,
    list_: Annotated[bool, option(OUTPUT, "--list", help="Only print the stages and what is done.")] = False,
    restart: Annotated[
        bool, option(OUTPUT, "--restart", help="Do anew what was made from other settings or files.")
    ] = False,
    gpus: Annotated[int | None, option(MACHINE, help="GPUs of a training; several only together with --stage.")] = None,
    cpus: Annotated[int | None, option(MACHINE, help="CPU processes of a training; likewise.")] = None,
    device: options.Device = None,
    set_: Annotated[
        list[str] | None, option(SOURCE, "--set", metavar="KEY=VALUE", help="Change a value of the recipe; repeatable.")
    ] = None,
) -> None:
    """Adapt a detector from videos with labels to videos without, and measure what every stage is worth.

    dmtrack adapt --recipe experiments/adaptation/street_to_dusk.yaml

    Stages that are done are not repeated, and one that was stopped goes on. The truth of the target is read for the
    final score alone.
    """
    from rich.console import Console

    from dmtrack.running.adaptation.recipe import read_recipe
    from dmtrack.training.devices import Devices

    devices = Devices(gpus, cpus)
    wanted = read_recipe(recipe, tuple(set_ or ()))
    if max(gpus or 1, cpus or 1) > 1 and (stage is None or len(stage) != 1):
        raise ConfigError(
            "several processes train in a command of their own: give the one training with --stage, such as --stage "
            "source, and do the other stages without --gpus and --cpus"
        )
    options.add_modules(list(wanted.import_))

    from dmtrack.running.adaptation.adaptation import Adaptation
    from dmtrack.running.adaptation.stages import StageRunner

    console = Console()
    stages = Adaptation(wanted, devices, device, console).stages()
    runner = StageRunner(stages, wanted.work_dir, restart)
    if list_:
        for one in stages:
            record = runner.record(one.name)
            state = "" if record is None else "done" if record["outputs"] is not None else "begun"
            console.print(f"{one.name:<18} {state:<6} {one.title}", highlight=False)
        return
    runner.run(stage or [], console)

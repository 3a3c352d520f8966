"""`dmtrack cache`: store what a global-search model sees in every frame, and show what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmtrack.cli.test import (
    BenchmarkOption,
    ConfigOption,
    CountOption,
    DataOption,
    DeviceOption,
    ExperimentOption,
    FramesOption,
    GpusOption,
    ImportOption,
    LayoutOption,
    PrecisionOption,
    ProcessesOption,
    SeedOption,
    SetOption,
    SplitOption,
    StrideOption,
    SyntheticOption,
    WeightsOption,
)

cache_app = typer.Typer(no_args_is_help=True, help="Store what a model sees, so that trackers run without it.")


def register(app: typer.Typer) -> None:
    """Adds the command group to the `dmtrack` command line."""
    app.add_typer(cache_app, name="cache")


@cache_app.command("build")
def build(
    context: typer.Context,
    experiment: ExperimentOption = None,
    data: DataOption = None,
    layout: LayoutOption = None,
    split: SplitOption = None,
    stride: StrideOption = 1,
    synthetic: SyntheticOption = None,
    seed: SeedOption = 900_001,
    count: CountOption = 20,
    frames: FramesOption = 100,
    config: ConfigOption = None,
    weights: WeightsOption = None,
    benchmark: BenchmarkOption = None,
    cache: Annotated[Path, typer.Option(help="Folder of all stored detections.")] = Path("cache"),
    k: Annotated[
        int | None, typer.Option(min=1, help="Candidates per frame.", show_default="the tracker's max_candidates")
    ] = None,
    processes: ProcessesOption = 1,
    gpus: GpusOption = 0,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    import_: ImportOption = None,
    set_: SetOption = None,
) -> None:
    """Search every frame of a benchmark and store boxes, scores and embeddings of the best candidates.

    Benchmark and models are chosen as for `dmtrack test`, which then runs from what is stored with --cache. Sequences
    are stored one at a time: a second run does only what is missing.
    """
    from dmtrack.cli.cache_run import run_build
    from dmtrack.cli.sweep_options import settings_of

    run_build(settings_of(context), k)


@cache_app.command("show")
def show(
    cache: Annotated[Path, typer.Argument(help="Folder of stored detections, or a .detections file.")],
    json: Annotated[Path | None, typer.Option(help="Also write all of it to this file.")] = None,
) -> None:
    """Show whose detections are stored, on which sequences, and how much room they take."""
    from dmtrack.cli.cache_run import run_show

    run_show(cache, json)

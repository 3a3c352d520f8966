"""`dmtrack replay`: an association policy on stored detections, without the network, and what happened in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmtrack.cli.test import (
    BenchmarkOption,
    ConfigOption,
    CountOption,
    DataOption,
    ExperimentOption,
    FramesOption,
    ImportOption,
    LayoutOption,
    PrecisionOption,
    SeedOption,
    SetOption,
    SplitOption,
    StrideOption,
    SyntheticOption,
    WeightsOption,
)


def register(app: typer.Typer) -> None:
    """Adds the command to the `dmtrack` command line."""
    app.command("replay")(replay)


def replay(
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
    name: Annotated[str | None, typer.Option(help="Label of the tracker in folders and tables.")] = None,
    benchmark: BenchmarkOption = None,
    sequence: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only the sequence of that name; repeatable.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Rules of scoring.", show_default="the benchmark's, or dmtrack-visible")
    ] = None,
    cache: Annotated[Path, typer.Option(help="Folder of what `dmtrack cache build` stored.")] = Path("cache"),
    timeline: Annotated[
        bool | None,
        typer.Option("--timeline/--no-timeline", help="Draw what happened; the default for up to 5 sequences."),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of boxes, scores and timelines.")] = Path("replay"),
    precision: PrecisionOption = None,
    json: Annotated[Path | None, typer.Option(help="Also write scores and speed to this file.")] = None,
    import_: ImportOption = None,
    set_: SetOption = None,
) -> None:
    """Runs association from stored detections, without the network: for debugging, tuning and ablation.

    Benchmark and trackers are chosen as for `dmtrack cache build`; --set tracker.association.reach=0.4 changes what is
    made of the detections. Boxes, scores and presence are those of the live run to the last bit. They go to
    OUTPUT/<benchmark>/<tracker>/ in got10k's layout, with <sequence>.png and <sequence>.html, which show every tracklet
    over time, which one was the answer, and why it changed.
    """
    from dmtrack.cli.replay_run import run_replay
    from dmtrack.cli.sweep_options import settings_of

    run_replay(settings_of(context), output, tuple(sequence or ()), timeline)

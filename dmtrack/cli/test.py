"""`dmtrack test`: trackers on benchmarks, on a folder of sequences or on generated ones; scores, table and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ExperimentOption = Annotated[Path | None, typer.Option(help="YAML file of benchmarks and trackers, see experiments/.")]
DataOption = Annotated[Path | None, typer.Option(help="Folder of sequences, or root of a benchmark.")]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        help="folder: <sequence>/{images, groundtruth.txt}; or a benchmark: got10k, lasot, otb100, ...",
        show_default="folder",
    ),
]
SplitOption = Annotated[
    str | None, typer.Option(help="Split of the benchmark.", show_default="the one that is usually reported")
]
StrideOption = Annotated[int, typer.Option(min=1, help="Track and score every so many frames.")]
SyntheticOption = Annotated[
    str | None, typer.Option(metavar="plain|look-alikes|distractors", help="Generated sequences instead of --data.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of --synthetic.")]
CountOption = Annotated[int, typer.Option(min=1, help="Sequences of --synthetic.")]
FramesOption = Annotated[int, typer.Option(min=2, help="Frames per sequence of --synthetic.")]
ConfigOption = Annotated[
    str | None, typer.Option(help="A config file, or the name of one; without it, dmtrackReID_tiny.")
]
WeightsOption = Annotated[
    Path | None, typer.Option(help="A weights file; without it, the one that ships with the config's name.")
]
BenchmarkOption = Annotated[str | None, typer.Option(help="Label of the sequences; without it, the folder's name.")]
ProcessesOption = Annotated[int, typer.Option(min=1, help="Sequences tracked at once, one process and thread each.")]
GpusOption = Annotated[int, typer.Option(min=0, help="Deal out so many GPUs, to at least one process each.")]
DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1; without it, a GPU if there is one.")]
PrecisionOption = Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")]
ImportOption = Annotated[
    list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module of yours first; repeatable.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a value of the experiment (benchmark.seed=7) or of the configs (model.x=1); repeatable.",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command to the `dmtrack` command line."""
    app.command("test")(test)


def test(
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
    tracker: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:CLASS",
            help="Instead of a config: your own class with got10k's init and update; or a baseline: static, oracle, "
            "opencv:MIL (opencv:CSRT, opencv:KCF, ... where the installed OpenCV has them).",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Label of the tracker in folders, tables and plots.")] = None,
    benchmark: BenchmarkOption = None,
    protocol: Annotated[
        str | None, typer.Option(help="Rules of scoring.", show_default="the experiment's, or dmtrack-visible")
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", help="Other trackers' results, <results>/<tracker>, in the same table; repeatable."
        ),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of raw results.")] = Path("results"),
    reports: Annotated[Path, typer.Option(help="Folder of tables and plots.")] = Path("reports"),
    cache: Annotated[
        Path | None, typer.Option(help="Run from the detections that `dmtrack cache build` stored here.")
    ] = None,
    processes: ProcessesOption = 1,
    gpus: GpusOption = 0,
    engine: Annotated[str, typer.Option(help="local, or ray: the machines of an existing Ray cluster.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster; without it, this machine's.")] = None,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    json: Annotated[Path | None, typer.Option(help="Also write the scores to this file.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Replace stored results instead of resuming.")] = False,
    import_: ImportOption = None,
    set_: SetOption = None,
) -> None:
    """Runs trackers over sequences and scores them.

    Trackers and benchmarks can also stand in a YAML file (--experiment), whose values --set changes; the other options
    win over both. Raw results go to RESULTS/<benchmark>/<tracker>/ in got10k's layout, one sequence at a time: a second
    run does only what is missing. Table (JSON, CSV) and plots (PNG, PDF) go to REPORTS/<benchmark>/.
    """
    from dmtrack.cli.sweep_options import settings_of
    from dmtrack.cli.test_run import run

    run(settings_of(context))

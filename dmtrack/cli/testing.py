"""`dmtrack test`: trackers on benchmarks, on a folder of sequences or on generated ones; scores, table and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmtrack.cli import options, sweep_options
from dmtrack.cli.options import MACHINE, OUTPUT, SCORES, TRACKER, option


@sweep_options.added
def test(
    context: typer.Context,
    tracker: options.TrackerClass = None,
    name: options.Name = None,
    protocol: Annotated[
        str | None, option(SCORES, help="Rules of scoring.", show_default="the experiment's, or dmtrack-visible")
    ] = None,
    compare: Annotated[
        list[Path] | None,
        option(
            SCORES,
            metavar="FOLDER",
            help="Other trackers' results, <results>/<tracker>, in the same table; repeatable.",
        ),
    ] = None,
    results: Annotated[Path, option(OUTPUT, callback=options.OUTPUT_FOLDER, help="Folder of raw results.")] = Path(
        "results"
    ),
    reports: Annotated[Path, option(OUTPUT, callback=options.OUTPUT_FOLDER, help="Folder of tables and plots.")] = Path(
        "reports"
    ),
    cache: Annotated[
        Path | None,
        option(TRACKER, help="Run from the detections that `dmtrack cache build` stored here."),
    ] = None,
    processes: options.Processes = 1,
    gpus: options.Gpus = 0,
    engine: Annotated[str, option(MACHINE, help="local, or ray: the machines of an existing Ray cluster.")] = "local",
    address: Annotated[str | None, option(MACHINE, help="Of the Ray cluster; without it, this machine's.")] = None,
    device: options.Device = None,
    json: Annotated[Path | None, option(OUTPUT, help="Also write the scores to this file.")] = None,
    restart: Annotated[bool, option(OUTPUT, "--restart", help="Replace stored results instead of resuming.")] = False,
) -> None:
    """Runs trackers over sequences and scores them.

    Trackers and benchmarks can also stand in a YAML file (--experiment), whose values --set changes; the other options
    win over both. Raw results go to RESULTS/<benchmark>/<tracker>/ in got10k's layout, one sequence at a time: a second
    run does only what is missing. Table (JSON, CSV) and plots (PNG, PDF) go to REPORTS/<benchmark>/.
    """
    from rich.console import Console

    from dmtrack.running.sweeps.running import run_sweep

    run_sweep(sweep_options.settings_of(context), Console())

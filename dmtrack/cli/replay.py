"""`dmtrack replay`: an association policy on stored detections, without the network, and what happened in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmtrack.cli import options, sweep_options
from dmtrack.cli.options import OUTPUT, SCORES, SEQUENCES, option


@sweep_options.added
def replay(
    context: typer.Context,
    name: options.Name = None,
    sequence: Annotated[
        list[str] | None, option(SEQUENCES, metavar="NAME", help="Only the sequence of that name; repeatable.")
    ] = None,
    protocol: Annotated[
        str | None, option(SCORES, help="Rules of scoring.", show_default="the benchmark's, or dmtrack-visible")
    ] = None,
    cache: Annotated[Path, option(SEQUENCES, help="Folder of what `dmtrack cache build` stored.")] = Path("cache"),
    timeline: Annotated[
        bool | None,
        option(OUTPUT, "--timeline/--no-timeline", help="Draw what happened; the default for up to 5 sequences."),
    ] = None,
    output: Annotated[
        Path, option(OUTPUT, callback=options.OUTPUT_FOLDER, help="Folder of boxes, scores and timelines.")
    ] = Path("replay"),
    json: Annotated[Path | None, option(OUTPUT, help="Also write scores and speed to this file.")] = None,
) -> None:
    """Runs association from stored detections, without the network: for debugging, tuning and ablation.

    Benchmark and trackers are chosen as for `dmtrack cache build`; --set tracker.association.reach=0.4 changes what is
    made of the detections. Boxes, scores and presence are those of the live run to the last bit. They go to
    OUTPUT/<benchmark>/<tracker>/ in got10k's layout, with <sequence>.png and <sequence>.html, which show every tracklet
    over time, which one was the answer, and why it changed.
    """
    from dmtrack.pages.replays import run_replays

    run_replays(sweep_options.settings_of(context), output, tuple(sequence or ()), timeline)

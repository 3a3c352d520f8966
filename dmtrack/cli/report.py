"""`dmtrack report`: compare the stored results of any trackers, of any toolkit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    benchmark: Annotated[str, typer.Argument(help="lasot, otb100, uav123, ..., or a folder of sequences.")],
    results: Annotated[list[str], typer.Argument(metavar="RESULTS...", help="Folder or zip of one tracker each.")],
    root: Annotated[
        Path | None, typer.Option("--data", "--root", metavar="FOLDER", help="Where the benchmark lies.")
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="Rules of scoring; repeatable. Without it the benchmark's own.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Split of the benchmark.")] = None,
    layout: Annotated[str | None, typer.Option(help="Layout of the results, where it is not recognised.")] = None,
    align: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SEQUENCE=]RULE",
            help="What to do where boxes and frames differ in number: common-prefix, drop-first, add-first, "
            "repeat-last, pad-misses; repeatable.",
        ),
    ] = None,
    index_base: Annotated[
        int | None, typer.Option(min=0, max=1, help="Number of the first pixel in the results.")
    ] = None,
    keep_bad_boxes: Annotated[
        bool, typer.Option("--keep-bad-boxes", help="Leave infinite and negative numbers to the protocol.")
    ] = False,
    common: Annotated[bool, typer.Option("--common", help="Compare on the sequences that all trackers have.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Bootstrap rounds.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all numbers to this file.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a line per tracker and sequence.")] = None,
    latex: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a table for a paper.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write report.html, all tables, and plots as PDF, SVG, PNG.")
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst sequences the page shows.")] = 6,
    images: Annotated[bool, typer.Option("--images/--no-images", help="Show frames of failures.")] = True,
    import_: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module of yours first; repeatable.")
    ] = None,
) -> None:
    """Compare stored results of trackers: tables, plots, significance, and one page that needs nothing else.

    dmtrack report lasot results/mine results/theirs.zip --data LaSOT --out reports/lasot

    Annotations are enough; where images are at hand, the page shows frames of failures. Results may be of any toolkit;
    NAME=PATH gives a tracker another name.
    """
    from dmtrack.cli.report_run import ReportJob, run

    run(
        ReportJob(
            benchmark=benchmark,
            results=tuple(results),
            root=root,
            protocols=tuple(protocol or ()),
            split=split,
            layout=layout,
            align=tuple(align or ()),
            index_base=index_base,
            keep_bad_boxes=keep_bad_boxes,
            common=common,
            rounds=rounds,
            seed=seed,
            json=json,
            csv=csv,
            latex=latex,
            out=out,
            worst=worst,
            images=images,
            imports=tuple(import_ or ()),
        )
    )


def register(app: typer.Typer) -> None:
    """Adds the command to the `dmtrack` command line."""
    app.command("report")(report)

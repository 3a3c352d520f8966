"""`dmtrack data check`: is a data set complete and readable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dmtrack.data.doctor import Examination, Options

NAMES = (
    "lasot, got10k, trackingnet, otb100, otb2013, uav123, uav20l, vot2018, vot2018-lt, oxuva, tlp, folder, coco, "
    "image-folder"
)


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"Which data set: {NAMES}.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Its folder.")],
    split: Annotated[str | None, typer.Option(help="One split alone; without it, all that lie there.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Decode every image instead of opening a few.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="A part of the data set is meant to be there.")] = False,
    annotations_only: Annotated[bool, typer.Option("--annotations-only", help="Do not look at the frames.")] = False,
    annotations: Annotated[
        Path | None, typer.Option(help="Annotation file of coco or image-folder, instead of the official place.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images of coco or image-folder.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads that decode images.")] = 4,
    limit: Annotated[int, typer.Option(min=1, help="Findings that are printed; --json has all.")] = 100,
    json: Annotated[Path | None, typer.Option(help="Also write the findings to this file.")] = None,
) -> None:
    """Check a data set on disk: layout, frames, counts, flags, lists; each finding with its file and the fix.

    Exits with 0 where nothing is wrong (notes may remain) and with 2 otherwise.
    """
    from dmtrack.data.doctor import Options

    options = Options(split, full, partial, not annotations_only, threads, annotations, images)
    found = _examine(name, path, options)
    for finding in (*found.problems, *found.notes)[:limit]:
        print(f"{'problem' if finding.severe else 'note'}: {finding.line()}")
    if len(found.findings) > limit:
        print(f"... and {len(found.findings) - limit} more; --limit or --json shows them")
    if json is not None:
        from dmtrack.files import write_json

        write_json(json, found.as_json())
    print(found.summary())
    if found.problems:
        raise typer.Exit(2)


def _examine(name: str, path: Path, options: Options) -> Examination:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from dmtrack.data.doctor import examine

    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}  left"))
    # On standard error, so that findings can be piped.
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("checking", total=None, rate="-/s")

        def advance(done: int, total: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, completed=done, total=total, rate="-/s" if speed is None else f"{speed:.1f}/s")

        return examine(name, path, options, advance)

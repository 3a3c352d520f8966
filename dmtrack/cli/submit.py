"""`dmtrack submit`: packages for evaluation servers, checked before they are uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmtrack.cli import options
from dmtrack.cli.options import OUTPUT, SEQUENCES, option

if TYPE_CHECKING:
    from dmtrack.evaluation.submission import Checked

group = typer.Typer(help="Build and check packages for evaluation servers.")

_Data = Annotated[
    Path | None, option(SEQUENCES, metavar="ROOT", help="The benchmark; checks lengths and first boxes, too.")
]


@group.command("build")
def build(
    benchmark: Annotated[str, typer.Argument(metavar="got10k|trackingnet|mot17|...", help="Whose server.")],
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results of one tracker.")],
    out: Annotated[Path, option(OUTPUT, metavar="FILE", help="Zip file to write.")],
    data: _Data = None,
    align: options.Align = None,
) -> None:
    """Write the package of one tracker, if the server would take it.

    RESULTS is a folder <results>/<tracker> as `dmtrack test` and got10k write it; with --data of any known layout. For
    mot15, mot16, mot17, mot20 and dancetrack, a folder of <sequence>.txt or <sequence>/tracks.txt; where a video of
    MOT17 has one result alone (MOT17-01-FRCNN), it stands for all its detections.
    """
    from dmtrack.evaluation.submission import RejectedError, build_submission

    try:
        checked = build_submission(benchmark, results, out, data, options.alignment_rules(align))
    except RejectedError as error:
        _print_problems(error.checked)
        raise
    _print_problems(checked)
    typer.echo(f"wrote {out}: {_summary(checked)}")


@group.command("check")
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Package (.zip); of many objects also a folder of <sequence>.txt.")
    ],
    benchmark: Annotated[
        str | None,
        option(SEQUENCES, metavar="got10k|trackingnet|mot17|...", help="Whose server; by default what the names say."),
    ] = None,
    data: _Data = None,
) -> None:
    """Say what the server would reject, one line per problem; the exit code is 2 if there is anything."""
    from dmtrack.errors import EvaluationError
    from dmtrack.evaluation.submission import check_package

    checked = check_package(file, benchmark, data)
    _print_problems(checked)
    if checked.rejected:
        number = len(checked.rejected)
        raise EvaluationError(
            f"{checked.package.title}'s server would reject {file} or score it wrongly ({number} "
            f"problem{'s' * (number > 1)} above); correct the results and build it again with dmtrack submit build"
        )
    typer.echo(f"{file} is ready for upload: {_summary(checked)}")


def _print_problems(checked: Checked) -> None:
    for problem in checked.problems:
        typer.echo(f"{'rejected' if problem.rejected else 'warning '}  {problem}")


def _summary(checked: Checked) -> str:
    what = "lengths" if checked.package.tracks else "lengths and first boxes"
    known = "" if checked.lengths_known else f"; {what} not checked: give --data ROOT"
    return f"{checked.package.title}, {checked.sequences} sequences, {checked.frames:,} boxes{known}"

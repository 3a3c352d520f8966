"""`dmtrack eval`: what the protocols are, and why two of them give one result different scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

eval_app = typer.Typer(no_args_is_help=True, help="Show the protocols, and why their scores differ.")


@eval_app.command("protocols")
def protocols(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these.")] = None,
    import_: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module of yours first; repeatable.")
    ] = None,
) -> None:
    """List the protocols with all their rules."""
    from dmtrack.cli.eval_run import list_protocols

    list_protocols(names or [], import_ or [])


@eval_app.command("explain")
def explain(
    sequence: Annotated[str, typer.Option(help="Name of the sequence.")],
    results: Annotated[Path, typer.Option(metavar="FOLDER", help="Results of one tracker, of any known layout.")],
    data: Annotated[
        Path, typer.Option("--data", "--root", metavar="FOLDER", help="The benchmark, or a folder of sequences.")
    ],
    benchmark: Annotated[str, typer.Option(help="Name of the benchmark: lasot, otb100, uav123, ...")] = "folder",
    split: Annotated[str | None, typer.Option(help="Split of the benchmark.")] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="Only these protocols, the first is compared with the others; repeatable.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write all of it to this file.")] = None,
    import_: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module of yours first; repeatable.")
    ] = None,
) -> None:
    """Show which frames of one result each protocol counts how, and which rules make the scores differ.

    No image is needed: annotations and results are enough.
    """
    from dmtrack.cli.eval_run import ExplainJob, run_explain

    run_explain(
        ExplainJob(
            sequence=sequence,
            results=results,
            data=data,
            benchmark=benchmark,
            split=split,
            protocols=tuple(protocol or ()),
            json=json,
            imports=tuple(import_ or ()),
        )
    )


def register(app: typer.Typer) -> None:
    """Adds the command group to the `dmtrack` command line."""
    app.add_typer(eval_app, name="eval")

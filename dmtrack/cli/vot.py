"""`dmtrack vot`: our trackers in the VOT toolkit, which runs as a program of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    group = typer.Typer(help="Run trackers in the VOT toolkit.", no_args_is_help=True)
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    group.command(context_settings=passed_on)(client)
    group.command()(workspace)
    app.add_typer(group, name="vot")


def client(context: typer.Context) -> None:
    """The program that the toolkit starts for each tracker (--help lists its options)."""
    from dmtrack.tracking.trax_client import main

    raise typer.Exit(main(context.args))


def workspace(
    sequences: Annotated[Path, typer.Argument(help="Folder of sequences in VOT's layout, with color/ and list.txt.")],
    output: Annotated[Path, typer.Argument(help="Folder of the workspace that is written.")],
    stack: Annotated[
        str, typer.Option(help="A stack of the toolkit, such as vot2018/shortterm, or a stack file of your own.")
    ] = "vot2018/shortterm",
    config: Annotated[str, typer.Option(help="A config file, or the name of one.")] = "dmtrackGS_tiny",
    weights: Annotated[Path | None, typer.Option(help="A weights file.")] = None,
    tracker: Annotated[
        str | None, typer.Option(metavar="MODULE:CLASS", help="A tracker class instead of config and weights.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Identifier of the tracker; letters, digits, - and _.")] = None,
    region: Annotated[str, typer.Option(help="rectangle or polygon: the form that regions are asked for in.")] = (
        "rectangle"
    ),
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1; without it, a GPU if there is one.")] = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that the toolkit waits for an answer.")] = 120,
) -> None:
    """Write a workspace of the VOT toolkit around local sequences; nothing is copied or downloaded but annotations."""
    from dmtrack.cli.vot_workspace import ClientOptions, write_workspace

    options = ClientOptions(config, weights, tracker, region, device, timeout, name)
    count, identifier = write_workspace(sequences, output, stack, options)
    print(f"wrote a workspace of {count} sequences to {output}; now run, in the environment of the VOT toolkit:")
    print(f"  vot evaluate --workspace {output} {identifier}")
    print(f"  vot analysis --workspace {output} {identifier} --format json")

"""`dmtrack vot`: our trackers in the VOT toolkit, which runs as a program of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmtrack.cli import options
from dmtrack.cli.options import MACHINE, OUTPUT, TRACKER, option

group = typer.Typer(help="Run trackers in the VOT toolkit.")


@group.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def client(context: typer.Context) -> None:
    """The program that the toolkit starts for each tracker (--help lists its options)."""
    from dmtrack.tracking.trax_client import main

    raise typer.Exit(main(context.args))


@group.command()
def workspace(
    sequences: Annotated[
        Path,
        typer.Argument(
            callback=options.EXISTING, help="Folder of sequences in VOT's layout, with color/ and list.txt."
        ),
    ],
    output: Annotated[
        Path, typer.Argument(callback=options.OUTPUT_FOLDER, help="Folder of the workspace that is written.")
    ],
    stack: Annotated[
        str, option(OUTPUT, help="A stack of the toolkit, such as vot2018/shortterm, or a stack file of your own.")
    ] = "vot2018/shortterm",
    config: options.ConfigFile = "dmtrackGS_tiny",
    weights: options.Weights = None,
    tracker: options.TrackerClass = None,
    name: Annotated[str | None, option(TRACKER, help="Identifier of the tracker; letters, digits, - and _.")] = None,
    region: Annotated[
        str, option(TRACKER, help="rectangle or polygon: the form that regions are asked for in.")
    ] = "rectangle",
    device: options.Device = None,
    timeout: Annotated[int, option(MACHINE, min=1, help="Seconds that the toolkit waits for an answer.")] = 120,
) -> None:
    """Write a workspace of the VOT toolkit around local sequences; nothing is copied or downloaded but annotations."""
    from dmtrack.running.vot_workspace import client_command, tracker_identifier, write_workspace

    identifier = tracker_identifier(name, config, tracker)
    command = client_command(config, weights, tracker, region, device)
    count = write_workspace(sequences, output, stack, identifier, command, timeout)
    print(f"wrote a workspace of {count} sequences to {output}; now run, in the environment of the VOT toolkit:")
    print(f"  vot evaluate --workspace {output} {identifier}")
    print(f"  vot analysis --workspace {output} {identifier} --format json")

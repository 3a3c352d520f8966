"""`dmtrack demo`: the shipped weights on generated sequences, with scores, plots, videos and a page that shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to the `dmtrack` command line."""
    app.command("demo")(demo)


def demo(
    output: Annotated[Path, typer.Option(help="Folder of everything that is written.")] = Path("demo"),
    quick: Annotated[bool, typer.Option("--quick", help="A quarter of the sequences, for a first look.")] = False,
    config: Annotated[
        str | None, typer.Option(help="A config file, or the name of one; without it, dmtrackReID_tiny.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="A weights file; without it, the one that ships with the config's name.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sequences, far from those of training.")] = 900_001,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Sequences tracked at once; without it, one per core up to 4.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1; without it, a GPU if there is one.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")] = None,
) -> None:
    """Tracks generated sequences that no training has seen, and shows how well that went.

    Needs no data and no network; takes under five minutes on two cores. Everything of an earlier demo in OUTPUT is
    replaced. Open OUTPUT/index.html at the end.
    """
    from dmtrack.cli.demo_run import DemoJob, run
    from dmtrack.cli.test_run import TrackerChoice

    choice = TrackerChoice(config=config, weights=weights, device=device, precision=precision)
    run(DemoJob(choice, output, quick, seed, processes))

"""`dmtrack demo`: the shipped weights on generated sequences, with scores, plots, videos and a page that shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from dmtrack.cli import options
from dmtrack.cli.options import MACHINE, OUTPUT, SEQUENCES, option

WHOLE, QUICK = (8, 90, 4), (2, 60, 2)
"""Sequences of each kind, frames per sequence, and how many of the sequences are in the video."""
CROWDS, QUICK_CROWDS = (4, 80), (1, 30)
"""Videos of each kind of crowds, and frames per video."""


def demo(
    output: Annotated[
        Path, option(OUTPUT, callback=options.OUTPUT_FOLDER, help="Folder of everything that is written.")
    ] = Path("demo"),
    quick: Annotated[bool, option(SEQUENCES, "--quick", help="A quarter of the sequences, for a first look.")] = False,
    mot: Annotated[bool, option(SEQUENCES, "--mot", help="Many objects: crowds, and association policies.")] = False,
    config: options.Config = None,
    weights: options.Weights = None,
    seed: Annotated[int, option(SEQUENCES, help="Seed of the sequences, far from those of training.")] = 900_001,
    processes: Annotated[
        int | None, option(MACHINE, min=1, help="Sequences tracked at once; without it, one per core up to 4.")
    ] = None,
    device: options.Device = None,
    precision: options.Precision = None,
) -> None:
    """Tracks generated sequences that no training has seen, and shows how well that went.

    Needs no data and no network; takes under five minutes on two cores. Everything of an earlier demo in OUTPUT is
    replaced. Open OUTPUT/index.html at the end.
    """
    from rich.console import Console

    if mot:
        from dmtrack.config.choices import DEFAULT_MANY
        from dmtrack.pages.demo_crowds import run_crowd_demo

        size = QUICK_CROWDS if quick else CROWDS
        run_crowd_demo(config or DEFAULT_MANY, weights, output, *size, seed, Console())
        print(f"\nThe demo is done.\npage: {(output / 'index.html').resolve()}")
        return

    from dmtrack.pages.demo import run_demo
    from dmtrack.running.trackers import TrackerChoice

    choice = TrackerChoice(config=config, weights=weights, device=device, precision=precision)
    console = Console()
    sets = run_demo(choice, output, *(QUICK if quick else WHOLE), seed, processes, console)
    console.print("\n[bold]The demo is done.[/bold]")
    lines = [("page", output / "index.html")]
    for item in sets:
        lines += [
            (f"{item.title.lower()}, video", output / item.video),
            ("  table and plots", (output / item.video).parent),
        ]
    lines.append(("raw results", output / "results"))
    for what, path in lines:
        print(f"{what:<36}{path.resolve()}")

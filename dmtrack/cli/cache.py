"""`dmtrack cache`: store what a global-search model sees in every frame, and show what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmtrack.cli import options, sweep_options

if TYPE_CHECKING:
    from rich.table import Table

group = typer.Typer(help="Store what a model sees, so that trackers run without it.")


@group.command("build")
@sweep_options.added
def build(
    context: typer.Context,
    cache: Annotated[
        Path, options.option(options.OUTPUT, callback=options.OUTPUT_FOLDER, help="Folder of all stored detections.")
    ] = Path("cache"),
    k: Annotated[
        int | None,
        options.option(
            options.TRACKER, min=1, help="Candidates per frame.", show_default="the tracker's max_candidates"
        ),
    ] = None,
    processes: options.Processes = 1,
    gpus: options.Gpus = 0,
    device: options.Device = None,
) -> None:
    """Search every frame of a benchmark and store boxes, scores and embeddings of the best candidates.

    Benchmark and models are chosen as for `dmtrack test`, which then runs from what is stored with --cache. Sequences
    are stored one at a time: a second run does only what is missing.
    """
    from rich.console import Console

    from dmtrack.running.caching import build_caches

    build_caches(sweep_options.settings_of(context), k, Console())


@group.command("show")
def show(
    cache: Annotated[Path, typer.Argument(help="Folder of stored detections, or a .detections file.")],
    json: options.Json = None,
) -> None:
    """Show whose detections are stored, on which sequences, and how much room they take."""
    from rich.console import Console

    from dmtrack.errors import EvaluationError
    from dmtrack.files import write_json
    from dmtrack.running.caching import file_facts, folder_facts
    from dmtrack.running.detection_cache import SUFFIX

    console = Console()
    if cache.suffix == SUFFIX:
        found = [file_facts(cache)]
        for key, value in found[0].items():
            console.print(f"{key}: {value}", highlight=False, markup=False)
    else:
        found = folder_facts(cache)
        if not found:
            raise EvaluationError(f"{cache} holds no stored detections; build some with `dmtrack cache build`")
        console.print(_table(found))
        for facts in found:
            console.print(f"{facts['folder']}: config {facts['config']}, weights {facts['weights']}", highlight=False)
    if json is not None:
        write_json(json, found)


def _table(found: list[dict[str, Any]]) -> Table:
    from dmtrack.progress import plain_table

    table = plain_table(("benchmark", "config", "weights"), ("k", "seq.", "frames", "MB", "bytes/frame", "emb."))
    for facts in found:
        per_frame = facts["bytes_per_frame"]
        table.add_row(
            facts["benchmark"],
            str(facts["config_hash"]),
            str(facts["weights_sha256"])[:8],
            str(facts["k"]),
            str(facts["sequences"]) + (f" (+{facts['failed']} failed)" if facts["failed"] else ""),
            str(facts["frames"]),
            f"{facts['bytes'] / 1e6:.1f}",
            "-" if per_frame is None else f"{per_frame:.0f}",
            str(facts["embedding_channels"] or "-"),
        )
    return table

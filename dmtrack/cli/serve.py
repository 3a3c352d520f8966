"""`dmtrack serve`: the page in which people draw a box, watch, correct and export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmtrack.cli import options
from dmtrack.cli.options import MACHINE, OUTPUT, SCORES, SOURCE, TRACKER, option
from dmtrack.errors import ConfigError

if TYPE_CHECKING:
    from dmtrack.web.viewing import StoredResults


def serve(
    videos: Annotated[
        Path, typer.Argument(callback=options.EXISTING, help="Folder whose videos may be opened; nothing outside is.")
    ] = Path(),
    config: Annotated[
        str | None,
        option(TRACKER, callback=options.CONFIG, help="The tracker offered first; without it, dmtrackReID_tiny."),
    ] = None,
    device: options.Device = None,
    precision: options.Precision = None,
    results: Annotated[
        list[str] | None,
        option(SCORES, metavar="RESULTS", help="Look at a tracker's stored results, folder or zip; repeatable."),
    ] = None,
    benchmark: Annotated[
        str, option(SCORES, help="That the results are of: lasot, otb100, ..., or a folder of sequences.")
    ] = "",
    data: Annotated[Path | None, option(SCORES, metavar="FOLDER", help="Where the benchmark lies.")] = None,
    split: Annotated[str | None, option(SCORES, help="Split of the benchmark.")] = None,
    projects: Annotated[
        Path, option(OUTPUT, callback=options.OUTPUT_FOLDER, help="Folder of projects and uploads.")
    ] = Path("results", "serve"),
    host: Annotated[str, option(MACHINE, help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, option(MACHINE, min=0, max=65535, help="Port; 0 takes one that is free.")] = 8765,
    allow_host: Annotated[
        list[str] | None,
        option(MACHINE, metavar="NAME", help="A name under which a proxy brings the page; repeatable."),
    ] = None,
    live: Annotated[
        list[str] | None,
        option(
            SOURCE,
            metavar="SOURCE",
            callback=options.refusing("dmtrack.media.video", "check_live_source"),
            help="A camera (0) or stream (rtsp://...) that may be opened; repeatable.",
        ),
    ] = None,
    timeout: options.Timeout = 10.0,
    most_videos: Annotated[int, option(MACHINE, min=1, help="Videos tracked at once; more have to wait.")] = 8,
    most_upload_gib: Annotated[float, option(SOURCE, min=0.001, metavar="GIB", help="Size of one upload.")] = 4.0,
) -> None:
    """Opens a page in the browser: draw boxes, watch them tracked, correct, track again, export.

    Works over SSH and in containers. Whatever is drawn is on disk at once, and a server that was killed goes on.
    """
    if not videos.is_dir():
        raise ConfigError(f"{videos} is a file; give the folder that it is in, and choose it on the page")
    from rich.console import Console

    if lacking := lacking_libraries():
        raise ConfigError(f"the page needs {' and '.join(lacking)}; install them: pip install 'dmtrack[web]'")
    from dmtrack.web.places import Places
    from dmtrack.web.serve import print_how_to_reach, running, wait_for_ctrl_c
    from dmtrack.web.tracking import Trackers

    stored = open_results(results, benchmark, data, split) if results else None
    places = Places(videos, projects, int(most_upload_gib * 2**30), results=stored, live=live or (), timeout=timeout)
    trackers, names = Trackers(device, precision), tuple(allow_host or ())
    with running(places, host, port, names, config, trackers, most_videos) as server:
        print_how_to_reach(server, Console())
        wait_for_ctrl_c()


def open_results(results: list[str], benchmark: str, data: Path | None, split: str | None) -> StoredResults:
    """Sequences of a benchmark and what trackers made of them.

    Raises:
        DataError: the benchmark is unknown, or does not lie there.
        EvaluationError: there are no results, or they are malformed.
    """
    from dmtrack.data.benchmarks import find_benchmark
    from dmtrack.evaluation.reporting.loading import common_stride, load_results
    from dmtrack.running.sweeps.benchmarks import Strided
    from dmtrack.web.viewing import StoredResults

    if not benchmark:
        raise ConfigError("--results needs --benchmark: a name such as lasot, or the folder of the sequences")
    known, folder, _ = find_benchmark(benchmark, data)
    if folder is None:
        raise ConfigError(f"where does {known.name} lie? Give its folder with --data")
    stride = common_stride(results)
    sequences = list(Strided(known.open(folder, split or known.splits[0]), stride))
    name = "" if known.name == "folder" else known.name
    return StoredResults(sequences, load_results(results, sequences, benchmark=name), stride)


def lacking_libraries() -> list[str]:
    """What the page needs and is not installed."""
    from importlib.util import find_spec

    return [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]

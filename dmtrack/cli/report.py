"""`dmtrack report`: compare the stored results of any trackers, of any toolkit."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmtrack.cli import options
from dmtrack.cli.options import SCORES, SEQUENCES, TRACKER, option

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from rich.console import Console

    from dmtrack.data.benchmarks import Benchmark
    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.protocols import BaseProtocol
    from dmtrack.evaluation.reporting.study import Study
    from dmtrack.evaluation.results import TrackerResults
    from dmtrack.running.sweeps.benchmarks import Strided


def report(
    benchmark: Annotated[str, typer.Argument(help="lasot, otb100, uav123, ..., or a folder of sequences.")],
    results: Annotated[list[str], typer.Argument(metavar="RESULTS...", help="Folder or zip of one tracker each.")],
    root: Annotated[
        Path | None, option(SEQUENCES, "--data", "--root", metavar="FOLDER", help="Where the benchmark lies.")
    ] = None,
    protocol: Annotated[
        list[str] | None, option(SCORES, help="Rules of scoring; repeatable. Without it the benchmark's own.")
    ] = None,
    split: Annotated[str | None, option(SEQUENCES, help="Split of the benchmark.")] = None,
    layout: Annotated[str | None, option(TRACKER, help="Layout of the results, where it is not recognised.")] = None,
    align: options.Align = None,
    index_base: Annotated[
        int | None, option(TRACKER, min=0, max=1, help="Number of the first pixel in the results.")
    ] = None,
    box_format: options.BoxFormat = None,
    keep_bad_boxes: Annotated[
        bool, option(TRACKER, "--keep-bad-boxes", help="Leave infinite and negative numbers to the protocol.")
    ] = False,
    common: Annotated[
        bool, option(SEQUENCES, "--common", help="Compare on the sequences that all trackers have.")
    ] = False,
    rounds: options.Rounds = 1000,
    seed: options.BootstrapSeed = 0,
    json: options.ScoresJson = None,
    csv: options.ScoresCsv = None,
    latex: options.Latex = None,
    out: options.ReportFolder = None,
    worst: options.Worst = 6,
    images: options.Images = True,
    import_: options.Import = None,
) -> None:
    """Compare stored results of trackers: tables, plots, significance, and one page that needs nothing else.

    dmtrack report lasot results/mine results/theirs.zip --data LaSOT --out reports/lasot

    Annotations are enough; where images are at hand, the page shows frames of failures. Results may be of any toolkit;
    NAME=PATH gives a tracker another name.
    """
    options.add_modules(import_)
    from rich.console import Console

    from dmtrack.data.benchmarks import find_benchmark
    from dmtrack.errors import EvaluationError
    from dmtrack.evaluation.protocols import Protocol, get_protocol
    from dmtrack.evaluation.reporting.loading import common_stride
    from dmtrack.evaluation.reporting.study import make_study, print_study
    from dmtrack.files import output_folder

    with output_folder(out) if out else contextlib.nullcontext():
        console = Console()
        stride = common_stride(results)
        known, place, label = find_benchmark(benchmark, root)
        if place is None:
            raise EvaluationError(f"where does {known.name} lie? Give its folder with --data FOLDER")
        rules = [get_protocol(name) for name in dict.fromkeys(protocol or known.protocols[:1])]
        opened = open_scored(known, place, split, stride, rules, images and out is not None)
        sequences = list(opened)
        reading: dict[str, Any] = {
            "layout": layout,
            "align": options.alignment_rules(align),
            "box_format": box_format,
            "benchmark": "" if known.name == "folder" else known.name,
            "index_base": index_base,
            "bad_boxes": "keep" if keep_bad_boxes else "refuse",
        }
        study = make_study(
            label,
            rules,
            sequences,
            read_trackers(results, sequences, console, **reading),
            split=split or known.splits[0],
            stride=stride,
            common=common,
            rounds=rounds,
            seed=seed,
            absent=opened.absent,
        )
        print_study(study, console)
        viewer = ["dmtrack", "serve", "--benchmark", benchmark, *(("--data", str(root)) if root else ())]
        viewer += [*(("--split", split) if split else ()), *(part for one in results for part in ("--results", one))]
        shown = not (layout or align or box_format) and index_base is None and isinstance(rules[0], Protocol)
        write_files(study, console, json, csv, latex, out, worst, images, shlex.join(viewer) if shown else "")


def read_trackers(
    results: list[str], sequences: Collection[Sequence], console: Console, **reading: Any
) -> list[TrackerResults]:
    """The results of all trackers; arguments and errors are those of `load_results`."""
    from dmtrack.evaluation.reporting.loading import load_results
    from dmtrack.progress import ProgressBar

    with ProgressBar(
        "trackers", len(results), description="reading results", rate=False, console=console, transient=True
    ) as bar:

        def each() -> Iterator[str]:
            for source in results:
                yield source
                bar.advance()

        return load_results(each(), sequences, **reading)


def write_files(
    study: Study,
    console: Console,
    json: Path | None,
    csv: Path | None,
    latex: Path | None,
    out: Path | None,
    worst: int,
    images: bool,
    viewer: str = "",
) -> None:
    """Writes what was asked for, and prints where it is; see the options of `report`, and `write_study`."""
    if not (json or csv or latex or out):
        return
    # Only now: these draw figures, and load what draws them.
    from dmtrack.pages.report.output import steps, write_csv, write_latex, write_study, write_study_json
    from dmtrack.progress import ProgressBar

    for path, write in ((json, write_study_json), (csv, write_csv), (latex, write_latex)):
        if path:
            write(study, path)
            print(f"written: {path}")
    if out:
        with ProgressBar(
            "files", steps(study), description="writing", rate=False, console=console, transient=True
        ) as bar:

            def show(file: str) -> None:
                bar.update(description=f"writing {file}")
                bar.advance()

            page = write_study(study, out, images=images, worst=worst, viewer=viewer, on_step=show)
        print(f"page: {page}\ntables: {out}\nplots: {out / 'plots'}")


def open_scored(
    known: Benchmark, root: Path, split: str | None, stride: int, rules: list[BaseProtocol], pictures: bool
) -> Strided:
    """The sequences, with images where these are needed, or where they are wanted and at hand.

    Args:
        known: the benchmark.
        root: its folder.
        split: None is the usual one.
        stride: every how many frames are kept, the first being the first.
        rules: protocols; those that clip regions to the frames need images.
        pictures: whether frames are to be shown.
    """
    from dmtrack.errors import DataError
    from dmtrack.running.sweeps.benchmarks import Strided

    needed = any("frame size" in rule.needs for rule in rules)
    # Without images the size of the frames is not known, nor, for OxUvA, how many there are.
    if needed or known.name == "oxuva" or pictures:
        try:
            opened = Strided(known.open(root, split, images=True), stride)
            list(opened)  # whether every sequence can be read
            return opened
        except DataError as error:
            if needed:
                raise
            # Otherwise annotations alone are enough; what is wrong with them is said below.
            print(f"note: only the annotations are used and no frames are shown: {error}")
    return Strided(known.open(root, split, images=False), stride)

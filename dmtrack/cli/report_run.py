"""The work behind `dmtrack report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dmtrack import registry
from dmtrack.data.benchmarks import find_benchmark
from dmtrack.data.sequences import Sequence as VideoSequence
from dmtrack.errors import DataError, EvaluationError
from dmtrack.evaluation.protocols import PROTOCOLS, Protocol
from dmtrack.evaluation.reporting.loading import Reading, TrackerResults, common_stride, load_tracker_results
from dmtrack.evaluation.reporting.study import Study, make_study
from dmtrack.evaluation.reporting.terminal import print_study
from dmtrack.evaluation.vot import VOT_PROTOCOLS
from dmtrack.evaluation.vot.rules import AnyVotProtocol, LongTermProtocol, VotProtocol
from dmtrack.files import check_writable_folder
from dmtrack.pages.report.output import steps, write_csv, write_latex, write_study, write_study_json
from dmtrack.registry import did_you_mean
from dmtrack.running.sweeps.benchmarks import Strided, absent_sequences


@dataclass(frozen=True)
class ReportJob:
    """The options of `dmtrack report`."""

    benchmark: str
    results: tuple[str, ...]
    root: Path | None = None
    protocols: tuple[str, ...] = ()
    split: str | None = None
    layout: str | None = None
    align: tuple[str, ...] = ()
    index_base: int | None = None
    keep_bad_boxes: bool = False
    common: bool = False
    rounds: int = 1000
    seed: int = 0
    json: Path | None = None
    csv: Path | None = None
    latex: Path | None = None
    out: Path | None = None
    worst: int = 6
    images: bool = True
    imports: tuple[str, ...] = ()


def run(job: ReportJob) -> Study:
    """Reads, scores, compares, prints, writes.

    Raises:
        EvaluationError: unknown protocol, results that cannot be read or compared.
        DataError: the benchmark cannot be opened.
        OutputError: a file cannot be written.
    """
    registry.load_plugins()
    registry.import_modules(job.imports)
    if job.out:
        check_writable_folder(job.out)
    console = Console()
    stride = common_stride(job.results)
    benchmark, protocols, opened = open_sequences(job, stride)
    sequences = list(opened)
    trackers = read_trackers(job, sequences, console)
    study = make_study(
        benchmark,
        [any_protocol(name) for name in protocols],
        sequences,
        trackers,
        split=job.split or find_benchmark(job.benchmark)[0].splits[0],
        stride=stride,
        common=job.common,
        rounds=job.rounds,
        seed=job.seed,
        absent=absent_sequences(opened),
    )
    print_study(study, console)
    for path, write in ((job.json, write_study_json), (job.csv, write_csv), (job.latex, write_latex)):
        if path:
            write(study, path)
            print(f"written: {path}")
    if job.out:
        with _progress(console) as progress:
            task = progress.add_task("writing", total=steps(study))
            page = write_study(
                study,
                job.out,
                images=job.images,
                worst=job.worst,
                on_step=lambda name: progress.update(task, advance=1, description=f"writing {name}"),
            )
        print(f"page: {page}\ntables: {job.out}\nplots: {job.out / 'plots'}")
    return study


def open_sequences(job: ReportJob, stride: int = 1) -> tuple[str, tuple[str, ...], Strided]:
    """Label of the benchmark, names of the protocols, and the sequences, with images where they are at hand.

    Args:
        job: which benchmark.
        stride: every how many frames are kept, the first being the first.
    """
    known, root, label = find_benchmark(job.benchmark, job.root)
    if root is None:
        raise EvaluationError(f"where does {known.name} lie? Give its folder with --data FOLDER")
    protocols = tuple(dict.fromkeys(job.protocols)) or known.protocols[:1]
    # Without images the size of the frames is not known, nor, for OxUvA, how many there are.
    needed = any(needs_frame_size(any_protocol(protocol)) for protocol in protocols)
    if needed or known.name == "oxuva" or (job.images and job.out):
        try:
            opened = Strided(known.open(root, job.split, images=True), stride)
            list(opened)  # whether every sequence can be read
            return label, protocols, opened
        except DataError as error:
            if needed:
                raise
            # Otherwise annotations alone are enough; what is wrong with them is said below.
            print(f"note: only the annotations are used and no frames are shown: {error}")
    return label, protocols, Strided(known.open(root, job.split, images=False), stride)


def needs_frame_size(protocol: Protocol | AnyVotProtocol) -> bool:
    """Whether a protocol clips regions to the frames."""
    if isinstance(protocol, VotProtocol):
        return protocol.accuracy_overlap.rasterizing != "exact"
    return isinstance(protocol, LongTermProtocol) and protocol.overlap.rasterizing != "exact"


def read_trackers(job: ReportJob, sequences: Sequence[VideoSequence], console: Console) -> list[TrackerResults]:
    """The results of all trackers."""
    reading = Reading(job.layout, alignment_rules(job.align), job.index_base, job.keep_bad_boxes)
    with _progress(console) as progress:
        sources = progress.track(job.results, description="reading results")
        return [load_tracker_results(source, sequences, reading) for source in sources]


def alignment_rules(given: Sequence[str]) -> str | dict[str, str] | None:
    """`RULE` for all sequences, or `SEQUENCE=RULE` for some.

    Raises:
        EvaluationError: a rule for all sequences beside others.
    """
    by_name = dict(item.split("=", 1) for item in given if "=" in item)
    for_all = [item for item in given if "=" not in item]
    if len(for_all) > 1 or (for_all and by_name):
        raise EvaluationError(
            f"--align {for_all[0]} is meant for all sequences; give it alone, or write SEQUENCE=RULE for each"
        )
    return for_all[0] if for_all else by_name or None


def any_protocol(name: str) -> Protocol | AnyVotProtocol:
    """A one-pass protocol, or one of restarts, confidences or presence.

    Raises:
        EvaluationError: there is none of that name.
    """
    known: dict[str, Protocol | AnyVotProtocol] = {**PROTOCOLS, **VOT_PROTOCOLS}
    if name not in known:
        raise EvaluationError(f"unknown protocol {name!r}{did_you_mean(name, known)}")
    return known[name]


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )

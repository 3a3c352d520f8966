"""The work behind `dmtrack test`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from dmtrack import registry
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.api import open_folder, score_store
from dmtrack.evaluation.plots import save_plots
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.session import Session
from dmtrack.evaluation.trackers import code_hash
from dmtrack.evaluation.workers import OpenSequences, SequenceList
from dmtrack.files import check_writable_folder

if TYPE_CHECKING:
    from dmtrack.tracking.loading import LoadedTracker

SYNTHETIC_SIZE_WH = (448, 256)
SYNTHETIC_DISTRACTORS = {"plain": 0, "distractors": 3}


@dataclass(frozen=True)
class TrackerChoice:
    """Which tracker; can be sent to other processes. `config` may be `module:Class`."""

    config: str | None = None
    weights: Path | None = None
    device: str | None = None
    precision: str | None = None
    overrides: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()

    def load(self) -> LoadedTracker:
        """Builds the tracker."""
        registry.import_modules(self.imports)
        from dmtrack.tracking.loading import assemble_tracker

        return assemble_tracker(self.config, self.weights, self.device, self.precision, self.overrides)

    def build(self) -> Any:
        """The tracker alone."""
        return self.load().tracker


@dataclass(frozen=True)
class TestJob:
    """The options of `dmtrack test`."""

    __test__ = False  # a name that pytest would collect

    tracker: TrackerChoice
    data: Path | None = None
    layout: str = "folder"
    split: str = "val"
    synthetic: str | None = None
    seed: int = 900_001
    count: int = 20
    frames: int = 100
    name: str | None = None
    benchmark: str | None = None
    protocol: str = "dmtrack-visible"
    compare: tuple[Path, ...] = ()
    results: Path = Path("results")
    reports: Path = Path("reports")
    processes: int = 1
    json: Path | None = None
    restart: bool = False


def run(job: TestJob) -> Report:
    """Tracks, scores, prints the table, writes the report, prints where it is.

    Raises:
        EvaluationError: the job cannot be run as asked, or sequences failed; the report of the others is written first.
        DMTrackError: the tracker or the sequences cannot be opened.
        OutputError: results or reports cannot be written.
    """
    console = Console()
    registry.load_plugins()
    registry.import_modules(job.tracker.imports)
    protocol = get_protocol(job.protocol)
    check_writable_folder(job.reports)
    for folder in job.compare:  # before hours of tracking
        if not folder.is_dir():
            raise EvaluationError(f"--compare {folder} is no folder; give <results>/<tracker> of another tracker")
    benchmark, open_sequences = sequences_of(job)
    open_sequences()  # a wrong folder should not cost the seconds that loading a tracker takes
    session = session_of(job.tracker, benchmark, open_sequences, job.results, job.name)
    score, failures = session.run(protocol, console, job.processes, job.restart)
    if score is not None:
        sequences = list(open_sequences())
        others = [score_store(protocol, benchmark, sequences, ResultStore(folder)) for folder in job.compare]
        split = job.split if job.layout == "got10k" and job.data is not None else "all"
        report = Report(benchmark, protocol, (score, *others), split)
        folder = job.reports / benchmark / session.tracker
        write_report(report, folder, job.json)
        print_report(report, console)
        print(f"raw results: {session.store.folder}\ntables and plots: {folder}")
    if score is None or failures:
        name, reason = next(iter(failures.items()))
        total = len(failures) + (len(score.sequences) if score else 0)
        raise EvaluationError(
            f"{len(failures)} of {total} sequences failed; {name}: {reason} (see "
            f"{session.store.folder / name / 'error.txt'}); run the same command again to do only those"
        )
    return report


def sequences_of(job: TestJob) -> tuple[str, OpenSequences]:
    """Label and opener of the sequences that a job asks for."""
    if job.data is not None:
        label = job.benchmark or job.data.resolve().name
        return label, functools.partial(open_folder, job.data, job.layout, job.split)
    if job.synthetic not in SYNTHETIC_DISTRACTORS:
        raise EvaluationError(f"--synthetic {job.synthetic!r} is unknown; known: {', '.join(SYNTHETIC_DISTRACTORS)}")
    label = job.benchmark or f"synthetic-{job.synthetic}-seed{job.seed}-{job.count}x{job.frames}"
    return label, functools.partial(open_synthetic, job.synthetic, job.count, job.frames, job.seed)


def open_synthetic(kind: str, count: int, frames: int, seed: int) -> SequenceList:
    """Generated sequences of one kind; the same for the same arguments."""
    from dmtrack.data.synthetic.sequences import SyntheticSequences

    return SyntheticSequences(
        count=count, frames=frames, seed=seed, size_wh=SYNTHETIC_SIZE_WH, distractors=SYNTHETIC_DISTRACTORS[kind]
    )


def session_of(
    choice: TrackerChoice, benchmark: str, open_sequences: OpenSequences, results: Path, name: str | None = None
) -> Session:
    """The session of a tracker; the tracker is built once here, so that what is wrong with it is said at once."""
    loaded = choice.load()
    origin = loaded.origin()
    decisive = ("tracker", "config_hash", "weights_sha256", "precision")
    identity = {key: origin.get(key) for key in decisive}
    if loaded.config is None:
        identity["code_sha256"] = code_hash(getattr(loaded.tracker, "tracker", loaded.tracker))
    details = {key: value for key, value in origin.items() if key not in decisive}
    label = name or loaded.tracker.name
    return Session(benchmark, open_sequences, label, choice.build, identity, details, results)


def write_report(report: Report, folder: Path, json: Path | None = None) -> None:
    """Writes `report.json`, `report.csv` and the plots."""
    report.write_json(folder / "report.json")
    report.write_csv(folder / "report.csv")
    save_plots(report, folder)
    if json is not None:
        report.write_json(json)


def print_report(report: Report, console: Console) -> None:
    """Prints the table and what no average holds."""
    console.print(report.table())
    for remark in report.remarks():
        console.print(f"note: {remark}", highlight=False)

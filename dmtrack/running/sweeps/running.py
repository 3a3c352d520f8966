"""Runs a sweep: every tracker on every benchmark, one report per benchmark."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack import registry
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol, get_protocol
from dmtrack.evaluation.report import Report, csv_text
from dmtrack.evaluation.reporting.figures.curves import save_plots
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.scoring import score_store
from dmtrack.files import check_writable_folder, write_json, write_text
from dmtrack.running.cached_tracker import build_cached, describe
from dmtrack.running.detection_cache import DetectionCache
from dmtrack.running.ray_engine import RayEngine, import_ray
from dmtrack.running.session import Session
from dmtrack.running.sweeps.absence import absence_table, with_absence
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice, absent_sequences
from dmtrack.running.sweeps.settings import NamedTracker, SweepSettings
from dmtrack.running.trackers import identity_of
from dmtrack.running.workers import BuildTracker, OpenSequences, check_gpus


def run_sweep(settings: SweepSettings, console: Console) -> list[Report]:
    """Tracks what is not stored yet, scores, prints a table per benchmark and writes the reports.

    Everything that can be wrong with trackers, benchmarks and folders is found before the first frame is tracked.

    Returns:
        One report per benchmark on which a tracker has a score.

    Raises:
        EvaluationError: the sweep cannot be run as asked, or sequences failed; the reports on the others are written
            first.
        DMTrackError: a tracker or a benchmark cannot be opened.
        OutputError: results or reports cannot be written.
    """
    registry.load_plugins(settings.imports)
    if settings.engine == "ray":
        import_ray()
    else:
        check_gpus(settings.gpus)
    protocols = [get_protocol(settings.protocol or choice.usual_protocol, Protocol) for choice in settings.benchmarks]
    check_writable_folder(settings.reports)
    for folder in settings.compare:
        if not folder.is_dir():
            raise EvaluationError(f"--compare {folder} is no folder; give <results>/<tracker> of another tracker")
    openers = [choice.opener() for choice in settings.benchmarks]
    for opener in openers:  # a wrong folder should not cost the seconds that loading a tracker takes
        opener()
    trackers = _planned(settings)
    reports: list[Report] = []
    failed: list[_Failed] = []
    for number, (choice, protocol, opener) in enumerate(zip(settings.benchmarks, protocols, openers, strict=True)):
        opened = opener()
        place = _Place(settings, choice, protocol, opener, list(opened), absent_sequences(opened), number, console)
        report, failures = _run_benchmark(place, trackers)
        failed.extend(failures)
        if report is not None:
            reports.append(report)
            _write_scores(reports, settings)
    _complain(failed)
    return reports


@dataclass(frozen=True)
class _Planned:
    """A tracker that is known to be in order."""

    name: str
    identity: dict[str, Any]
    details: dict[str, Any]
    build_on: Callable[[BenchmarkChoice], BuildTracker]


def _planned(settings: SweepSettings) -> list[_Planned]:
    planned = [_plan(tracker, settings) for tracker in settings.trackers]
    names = [item.name for item in planned]
    for name in names:
        if names.count(name) > 1:
            raise EvaluationError(f"two trackers are called {name!r}; give one a `name:` of its own")
    return planned


def _plan(tracker: NamedTracker, settings: SweepSettings) -> _Planned:
    choice = tracker.choice
    if settings.cache is None:
        loaded = choice.load()
        identity, details = identity_of(loaded)
        return _Planned(tracker.name or loaded.tracker.name, identity, details, lambda _: choice.build)
    root = settings.cache
    origin = describe(choice)

    def build_on(benchmark: BenchmarkChoice) -> BuildTracker:
        return functools.partial(build_cached, choice, cache_of(root, benchmark, origin.detections))

    for benchmark in settings.benchmarks:
        cache_of(root, benchmark, origin.detections).require()
    return _Planned(tracker.name or origin.name, origin.identity, {**origin.details, "cache": str(root)}, build_on)


def cache_of(root: Path, benchmark: BenchmarkChoice, detections: dict[str, Any]) -> DetectionCache:
    """Where the detections of a model on a benchmark lie.

    Args:
        root: folder of all detections.
        benchmark: which sequences.
        detections: identity of the model, see `detection_identity`.
    """
    return DetectionCache(root / benchmark.title, detections, benchmark.identity())


@dataclass(frozen=True)
class _Place:
    """One benchmark of a running sweep."""

    settings: SweepSettings
    choice: BenchmarkChoice
    protocol: Protocol
    opener: OpenSequences
    sequences: list[Sequence]
    absent: tuple[str, ...]
    number: int
    console: Console


@dataclass(frozen=True)
class _Failed:
    """Sequences of one tracker on one benchmark that have no result."""

    session: Session
    reasons: dict[str, str]
    total: int


def _run_benchmark(place: _Place, trackers: list[_Planned]) -> tuple[Report | None, list[_Failed]]:
    settings, title = place.settings, place.choice.title
    engine = RayEngine(settings.address, settings.gpus > 0) if settings.engine == "ray" else None
    scores, failed = [], []
    stores: dict[str, ResultStore] = {}
    for index, tracker in enumerate(trackers):
        identity = {**tracker.identity, "sequences": place.choice.identity()}
        build = tracker.build_on(place.choice)
        session = Session(
            title,
            place.opener,
            tracker.name,
            build,
            identity,
            tracker.details,
            settings.results,
            place.choice.experiment,
        )
        runs = len(settings.benchmarks) * len(trackers)
        score, failures = session.run(
            place.protocol,
            place.console,
            settings.processes,
            settings.restart,
            gpus=0 if engine else settings.gpus,
            engine=engine,
            sequences=place.sequences,
            place=f"{place.number * len(trackers) + index + 1}/{runs} " if runs > 1 else "",
        )
        if score is not None:
            scores.append(replace(score, missing=(*score.missing, *place.absent)))
            stores[tracker.name] = session.store
        if failures:
            failed.append(_Failed(session, failures, len(place.sequences)))
    if not scores:
        return None, failed
    folders = [store.folder for store in stores.values()]
    for path in settings.compare:
        other = score_store(place.protocol, title, place.sequences, ResultStore(path))
        scores.append(other)
        stores.setdefault(other.tracker, ResultStore(path))
    report = Report(title, place.protocol, tuple(scores), place.choice.shown_split, place.choice.stride)
    if settings.absence_scores:
        report = with_absence(report, place.sequences, stores)
    folder = settings.reports / title / (trackers[0].name if len(trackers) == 1 else settings.name)
    write_report(report, folder)
    print_report(report, place.console)
    print(f"raw results: {', '.join(map(str, folders))}\ntables and plots: {folder}")
    if own := place.choice.own_long_term_protocol:
        results, root = shlex.join(map(str, folders)), shlex.quote(str(place.choice.root))
        print(f"by the benchmark's own protocol {own}: dmtrack report {place.choice.name} {results} --data {root}")
    return report, failed


def _write_scores(reports: list[Report], settings: SweepSettings) -> None:
    """One report as it is, several benchmarks as a list; after each benchmark, so that none is lost."""
    if settings.json is not None:
        contents = [report.to_dict() for report in reports]
        write_json(settings.json, contents[0] if len(settings.benchmarks) == 1 else contents)


def _complain(failed: list[_Failed]) -> None:
    if not failed:
        return
    first = failed[0]
    name, reason = next(iter(first.reasons.items()))
    count = sum(len(item.reasons) for item in failed)
    total = sum(item.total for item in failed)
    who = "" if len(failed) == 1 else f" ({first.session.tracker} on {first.session.benchmark})"
    raise EvaluationError(
        f"{count} of {total} sequences failed; {name}{who}: {reason} (see "
        f"{first.session.store.folder / name / 'error.txt'}); run the same command again to do only those"
    )


def write_report(report: Report, folder: Path) -> None:
    """Writes `report.json`, `report.csv` and the plots."""
    write_json(folder / "report.json", report.to_dict())
    write_text(folder / "report.csv", csv_text([report]))
    save_plots(report, folder)


def print_report(report: Report, console: Console) -> None:
    """Prints the table and what no average holds."""
    console.print(report.table())
    if report.more_measures:
        console.print(absence_table(report))
    for remark in report.remarks():
        console.print(f"note: {remark}", highlight=False)

"""Runs a sweep: every tracker on every benchmark, one report per benchmark."""

from __future__ import annotations

import functools
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from dmtrack import registry
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import BaseProtocol
from dmtrack.evaluation.report import Report, csv_text
from dmtrack.evaluation.reporting.figures.curves import save_plots
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.scoring import score_store
from dmtrack.files import check_writable_folder, write_json, write_text
from dmtrack.progress import print_table
from dmtrack.running.cached_tracker import build_cached, describe
from dmtrack.running.detection_cache import DetectionCache
from dmtrack.running.one_sequence import check_kind
from dmtrack.running.ray_engine import RayEngine, import_ray
from dmtrack.running.runner import Session
from dmtrack.running.sweeps.absence import absence_table, with_absence
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.running.sweeps.settings import NamedTracker, SweepSettings
from dmtrack.running.trackers import identity_of
from dmtrack.running.workers import check_gpus
from dmtrack.tracking.base import MultiTracker


def run_sweep(settings: SweepSettings, console: Console) -> list[Report]:
    """Tracks what is not stored yet, scores, prints and writes a report per benchmark on which a tracker has a score.

    Everything that can be wrong with trackers, benchmarks and folders is found before the first frame is tracked.

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
    protocols = [choice.protocol(settings.protocol) for choice in settings.benchmarks]
    check_writable_folder(settings.reports)
    for folder in settings.compare:
        if not folder.is_dir():
            raise EvaluationError(f"--compare {folder} is no folder; give <results>/<tracker> of another tracker")
    for opener in [choice.opener() for choice in settings.benchmarks]:
        opener()  # a wrong folder should not cost the seconds that loading a tracker takes
    sessions = [_sessions(tracker, settings) for tracker in settings.trackers]
    names = [own[0].tracker for own in sessions]
    for name in names:
        if names.count(name) > 1:
            raise EvaluationError(f"two trackers are called {name!r}; give one a `name:` of its own")
    reports: list[Report] = []
    failed: list[_Failed] = []
    for number, protocol in enumerate(protocols):
        own = [of_tracker[number] for of_tracker in sessions]
        report, failures = _run_benchmark(settings, number, protocol, own, console)
        failed.extend(failures)
        if report is not None:
            reports.append(report)
            # One report as it is, several benchmarks as a list; after each benchmark, so that none is lost.
            if settings.json is not None:
                contents = [item.to_dict() for item in reports]
                write_json(settings.json, contents[0] if len(protocols) == 1 else contents)
    _complain(failed)
    return reports


def _sessions(tracker: NamedTracker, settings: SweepSettings) -> list[Session]:
    """The runs of a tracker, which is known to be in order then, one per benchmark."""
    choice, caches = tracker.choice, list[DetectionCache]()
    if settings.cache is None:
        loaded = choice.load()
        everything = isinstance(loaded.tracker, MultiTracker)
        identity, details = identity_of(loaded)
        name, builds = loaded.tracker.name, [choice.build] * len(settings.benchmarks)
    else:
        origin = describe(choice)
        everything = origin.many_objects
        name, identity, details = origin.name, origin.identity, {**origin.details, "cache": str(settings.cache)}
        caches = [cache_of(settings.cache, benchmark, origin.detections) for benchmark in settings.benchmarks]
        builds = [functools.partial(build_cached, choice, cache) for cache in caches]
    for benchmark in settings.benchmarks:
        check_kind(name, everything, f"benchmark {benchmark.title}", benchmark.files.tracks)
    for cache in caches:
        cache.require()
    return [
        Session(
            benchmark.title,
            benchmark.opener(),
            tracker.name or name,
            build,
            {**identity, "sequences": benchmark.identity()},
            details,
            settings.results,
            benchmark.experiment,
            benchmark.files,
        )
        for benchmark, build in zip(settings.benchmarks, builds, strict=True)
    ]


def cache_of(root: Path, benchmark: BenchmarkChoice, detections: dict[str, Any]) -> DetectionCache:
    """Where the detections of a model (see `detection_identity`) on a benchmark lie, below the folder of all."""
    return DetectionCache(root / benchmark.title, detections, benchmark.identity())


class _Failed(NamedTuple):
    """Sequences of one tracker on one benchmark that have no result."""

    session: Session
    reasons: dict[str, str]
    total: int


def _run_benchmark(
    settings: SweepSettings, number: int, protocol: BaseProtocol, sessions: list[Session], console: Console
) -> tuple[Report | None, list[_Failed]]:
    """All trackers on the benchmark of that number."""
    choice = settings.benchmarks[number]
    title, opened = choice.title, choice.opener()()
    sequences = list(opened)
    engine = RayEngine(settings.address, settings.gpus > 0) if settings.engine == "ray" else None
    scores, failed = [], []
    stores: dict[str, ResultStore] = {}
    runs = len(settings.benchmarks) * len(sessions)
    for index, session in enumerate(sessions):
        score, failures = session.run(
            protocol,
            console,
            settings.processes,
            settings.restart,
            gpus=0 if engine else settings.gpus,
            engine=engine,
            sequences=sequences,
            place=f"{number * len(sessions) + index + 1}/{runs} " if runs > 1 else "",
        )
        if score is not None:
            scores.append(replace(score, missing=(*score.missing, *opened.absent)))
            stores[session.tracker] = session.store
        if failures:
            failed.append(_Failed(session, failures, len(sequences)))
    if not scores:
        return None, failed
    folders = [store.folder for store in stores.values()]
    for path in settings.compare:
        other = score_store(protocol, title, sequences, ResultStore(path))
        scores.append(other)
        stores.setdefault(other.tracker, ResultStore(path))
    report = Report(title, protocol, tuple(scores), choice.shown_split, choice.stride)
    if settings.absence_scores:
        report = with_absence(report, sequences, stores)
    folder = settings.reports / title / (sessions[0].tracker if len(sessions) == 1 else settings.name)
    write_json(folder / "report.json", report.to_dict())
    write_text(folder / "report.csv", csv_text([report]))
    save_plots(report, folder)
    print_report(report, console)
    print(f"raw results: {', '.join(map(str, folders))}\ntables and plots: {folder}")
    if own := choice.own_long_term_protocol:
        results, root = shlex.join(map(str, folders)), shlex.quote(str(choice.root))
        print(f"by the benchmark's own protocol {own}: dmtrack report {choice.name} {results} --data {root}")
    if choice.entry is not None and choice.entry.submission:
        for score in report.scores:
            if score.uncounted and score.tracker in stores:
                store, data = stores[score.tracker], shlex.quote(str(choice.root))
                packed = f"{shlex.quote(str(store.folder))} --out {shlex.quote(f'{score.tracker}.zip')} --data {data}"
                print(f"for the server: dmtrack submit build {choice.name} {packed}")
    return report, failed


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


def print_report(report: Report, console: Console) -> None:
    """Prints the table and what no average holds."""
    print_table(report.table(), console)
    if report.more_measures:
        console.print(absence_table(report))
    for remark in report.remarks():
        console.print(f"note: {remark}", highlight=False)

"""The work behind `dmtrack cache`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dmtrack import registry
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.files import write_json
from dmtrack.running.cached_tracker import describe
from dmtrack.running.detection_cache import SUFFIX, DetectionCache, read_manifest
from dmtrack.running.detection_file import CachedDetections
from dmtrack.running.progress import RunProgress
from dmtrack.running.runner import follow, run_here_or_spawned
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.running.sweeps.running import cache_of
from dmtrack.running.sweeps.settings import SweepSettings
from dmtrack.running.trackers import TrackerChoice
from dmtrack.running.worker_environment import check_gpus
from dmtrack.running.workers import BuildTracker, OpenSequences, Outcome


def run_build(settings: SweepSettings, k: int | None) -> list[DetectionCache]:
    """Stores the detections of every model of the settings on every benchmark; models that differ in nothing once.

    Raises:
        EvaluationError: a tracker has no detections, stored ones are of another run, or sequences failed.
        DMTrackError: a tracker or a benchmark cannot be opened.
        OutputError: the cache cannot be written.
    """
    console = Console()
    registry.load_plugins()
    registry.import_modules(settings.imports)
    check_gpus(settings.gpus)
    openers = [choice.opener() for choice in settings.benchmarks]
    for opener in openers:
        opener()
    models: dict[str, tuple[TrackerChoice, Any]] = {}
    for tracker in settings.trackers:
        choice = tracker.choice
        if k is not None:
            choice = replace(choice, overrides=(*choice.overrides, f"tracker.max_candidates={k}"))
        origin = describe(choice)
        models.setdefault(str(sorted(origin.detections.items())), (choice, origin))
    built, failures = [], []
    for benchmark, opener in zip(settings.benchmarks, openers, strict=True):
        sequences = list(opener())
        for choice, origin in models.values():
            cache = cache_of(settings.cache or Path("cache"), benchmark, origin.detections)
            cache.start(origin.details)
            label = f"detections of {origin.name} on {benchmark.title}"
            failed = _build(cache, choice.build, opener, sequences, settings, RunProgress(label, console, None))
            failures += [(cache, name, reason) for name, reason in failed.items()]
            built.append(cache)
            _print_summary(cache, benchmark)
    if failures:
        cache, name, reason = failures[0]
        raise EvaluationError(
            f"{len(failures)} sequences failed; {name}: {reason} (see {cache.folder / f'{name}.error.txt'}); run the "
            "same command again to do only those"
        )
    return built


def _build(
    cache: DetectionCache,
    build_tracker: BuildTracker,
    opener: OpenSequences,
    sequences: list[Sequence],
    settings: SweepSettings,
    progress: RunProgress,
) -> dict[str, str]:
    """Stores what is missing; returns why sequences failed, by name."""

    def begin(pending: list[int], tracked: Callable[[int], object]) -> Generator[Outcome, None, None]:
        return run_here_or_spawned(
            cache.detect_and_store,
            build_tracker,
            opener,
            sequences,
            pending,
            tracked,
            settings.processes,
            settings.gpus,
        )

    with progress:
        return follow(sequences, cache.has, begin, lambda sequence: None, progress)


def _print_summary(cache: DetectionCache, benchmark: BenchmarkChoice) -> None:
    facts = _facts(cache.folder)
    if facts["frames"]:
        print(
            f"{cache.folder}: {facts['sequences']} sequences, {facts['frames']} frames of {benchmark.title}, "
            f"{facts['bytes_per_frame']:.0f} bytes and {facts['candidates_per_frame']:.1f} candidates per frame"
        )


def run_show(path: Path, json: Path | None) -> list[dict[str, Any]]:
    """Prints what is stored under a folder, or in one file.

    Returns:
        What was printed, as JSON values.

    Raises:
        EvaluationError: nothing is stored there, or a file is damaged.
        OutputError: the JSON file cannot be written.
    """
    console = Console()
    if path.suffix == SUFFIX:
        found = [_file_facts(path)]
        for key, value in found[0].items():
            console.print(f"{key}: {value}", highlight=False, markup=False)
    else:
        found = [_facts(folder) for folder in _folders(path)]
        if not found:
            raise EvaluationError(f"{path} holds no stored detections; build some with `dmtrack cache build`")
        console.print(_table(found))
        for facts in found:
            console.print(f"{facts['folder']}: config {facts['config']}, weights {facts['weights']}", highlight=False)
    if json is not None:
        write_json(json, found)
    return found


def _folders(path: Path) -> Iterator[Path]:
    for pattern in ("manifest.json", "*/manifest.json", "*/*/manifest.json"):
        yield from (manifest.parent for manifest in sorted(path.glob(pattern)) if manifest.parent.name.startswith("k"))


def _facts(folder: Path) -> dict[str, Any]:
    """What lies in the folder of one model on one benchmark."""
    manifest = read_manifest(folder)
    stored = [CachedDetections(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    frames, size = sum(map(len, stored)), sum(item.path.stat().st_size for item in stored)
    identity, details = manifest["identity"], manifest.get("details", {})
    return {
        "folder": str(folder),
        "benchmark": folder.parent.name,
        "k": identity.get("k"),
        "config_hash": identity.get("config_hash"),
        "weights_sha256": identity.get("weights_sha256"),
        "config": details.get("config"),
        "weights": details.get("weights"),
        "sequences": len(stored),
        "failed": len(list(folder.glob("*.error.txt"))),
        "frames": frames,
        "bytes": size,
        "bytes_per_frame": size / frames if frames else None,
        "candidates_per_frame": sum(int(item.counts.sum()) for item in stored) / frames if frames else None,
        "embedding_channels": max((item.header["channels"] for item in stored), default=0),
        "centerness": any(item.header["centerness"] for item in stored),
    }


def _file_facts(path: Path) -> dict[str, Any]:
    stored = CachedDetections(path)
    size = path.stat().st_size
    return {
        "file": str(path),
        **stored.header,
        "bytes": size,
        "bytes_per_frame": size / max(len(stored), 1),
        "candidates_per_frame": float(stored.counts.mean()) if len(stored) else 0.0,
        "frames_without_candidates": int((stored.counts == 0).sum()),
    }


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("benchmark", "config", "weights", "k", "seq.", "frames", "MB", "bytes/frame", "emb."):
        numeric = title not in ("benchmark", "config", "weights")
        table.add_column(title, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
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

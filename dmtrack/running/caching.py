"""Stored detections of models on benchmarks: making them, and saying what is there."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack import registry
from dmtrack.errors import EvaluationError
from dmtrack.running.cached_tracker import describe
from dmtrack.running.detection_cache import SUFFIX, DetectionCache, read_manifest
from dmtrack.running.detection_file import CachedDetections
from dmtrack.running.one_sequence import check_kind
from dmtrack.running.runner import RunProgress, follow
from dmtrack.running.sweeps.running import cache_of
from dmtrack.running.sweeps.settings import SweepSettings
from dmtrack.running.trackers import TrackerChoice
from dmtrack.running.workers import Job, check_gpus, work_through


def build_caches(settings: SweepSettings, k: int | None, console: Console) -> list[DetectionCache]:
    """Stores the detections of every model of the settings on every benchmark; models that differ in nothing once.

    Args:
        settings: benchmarks, trackers, cache and processes.
        k: candidates per frame; None takes the tracker's `max_candidates`.
        console: where progress is drawn.

    Raises:
        EvaluationError: a tracker has no detections, stored ones are of another run, or sequences failed.
        DMTrackError: a tracker or a benchmark cannot be opened.
        OutputError: the cache cannot be written.
    """
    registry.load_plugins(settings.imports)
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
        for benchmark in settings.benchmarks:
            check_kind(origin.name, origin.many_objects, f"benchmark {benchmark.title}", benchmark.files.tracks)
        models.setdefault(str(sorted(origin.detections.items())), (choice, origin))
    built, failures = [], []
    for benchmark, opener in zip(settings.benchmarks, openers, strict=True):
        sequences = list(opener())
        for choice, origin in models.values():
            cache = cache_of(settings.cache or Path("cache"), benchmark, origin.detections)
            cache.start(origin.details)
            label = f"detections of {origin.name} on {benchmark.title}"
            job = Job(choice.build, opener, sequences)
            begin = functools.partial(
                work_through, work=cache.detect_and_store, processes=settings.processes, gpus=settings.gpus
            )
            with RunProgress(label, console, None) as progress:
                failed = follow(job, begin, cache.has, lambda sequence: None, progress)
            failures += [(cache, name, reason) for name, reason in failed.items()]
            built.append(cache)
            facts = _facts(cache.folder)
            if facts["frames"]:
                print(
                    f"{cache.folder}: {facts['sequences']} sequences, {facts['frames']} frames of {benchmark.title}, "
                    f"{facts['bytes_per_frame']:.0f} bytes and {facts['candidates_per_frame']:.1f} candidates per frame"
                )
    if failures:
        cache, name, reason = failures[0]
        raise EvaluationError(
            f"{len(failures)} sequences failed; {name}: {reason} (see {cache.folder / f'{name}.error.txt'}); run the "
            "same command again to do only those"
        )
    return built


def folder_facts(path: Path) -> list[dict[str, Any]]:
    """What is stored in every folder of detections under a folder, as JSON values."""
    patterns = ("manifest.json", "*/manifest.json", "*/*/manifest.json")
    manifests = [manifest for pattern in patterns for manifest in sorted(path.glob(pattern))]
    return [_facts(manifest.parent) for manifest in manifests if manifest.parent.name.startswith("k")]


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
    }


def file_facts(path: Path) -> dict[str, Any]:
    """What one file of detections holds, as JSON values.

    Raises:
        EvaluationError: the file is damaged.
    """
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

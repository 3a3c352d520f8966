"""Replays of an association policy on stored detections: scores, results and timelines of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack import registry
from dmtrack.data.sequences import Sequence
from dmtrack.errors import DMTrackError, EvaluationError
from dmtrack.evaluation.api import score_result
from dmtrack.evaluation.protocols import Protocol, get_protocol
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.scoring import SequenceScore, combine
from dmtrack.files import check_writable_folder, json_value, write_json
from dmtrack.media.images import Image
from dmtrack.pages.timeline.page import write_timeline
from dmtrack.progress import ProgressBar, plain_table
from dmtrack.running.replay import Replay, ReplayPlan, gives_decisions, no_timeline, plan_replays
from dmtrack.running.sweeps.settings import SweepSettings

MOST_PICTURED = 5
"""Sequences up to which timelines are drawn unless the user says otherwise."""


@dataclass(frozen=True)
class _Row:
    """One sequence of one tracker."""

    name: str
    score: SequenceScore
    replay: Replay


def run_replays(
    settings: SweepSettings, output: Path, names: tuple[str, ...] = (), timeline: bool | None = None
) -> list[dict[str, Any]]:
    """Replays, scores, prints a table per tracker and benchmark, and writes results and timelines.

    Args:
        settings: benchmarks, trackers and cache.
        output: folder of the results.
        names: of the sequences wanted; empty means all.
        timeline: draw; None: where a tracker gives decisions and there are few sequences.

    Returns:
        What was found, as JSON values: one item per tracker and benchmark.

    Raises:
        EvaluationError: see `plan_replays`; or a timeline is asked of a tracker that keeps no tracklets.
        OutputError: something cannot be written.
    """
    console = Console()
    registry.load_plugins()
    registry.import_modules(settings.imports)
    if names:
        settings = replace(settings, benchmarks=tuple(replace(item, sequences=names) for item in settings.benchmarks))
    check_writable_folder(output)
    plans = plan_replays(settings)
    for plan in plans:
        if timeline and not gives_decisions(plan.origin.policy()):
            raise EvaluationError(no_timeline(plan.name))
    documents = []
    for plan in plans:
        few = len(plan.sequences) <= MOST_PICTURED
        drawn = few and gives_decisions(plan.origin.policy()) if timeline is None else timeline
        protocol = get_protocol(settings.protocol or plan.benchmark.usual_protocol)
        documents.append(_one(plan, protocol, ResultStore(output / plan.benchmark.title / plan.name), drawn, console))
    if settings.json is not None:
        write_json(settings.json, {"format": 1, "replays": documents})
    return documents


def _one(plan: ReplayPlan, protocol: Protocol, store: ResultStore, drawn: bool, console: Console) -> dict[str, Any]:
    """One tracker on one benchmark."""
    # Replays are cheap and there to be repeated with other settings, so earlier ones make room.
    store.start(plan.origin.identity, {**plan.origin.details, "cache": str(plan.cache.folder)}, restart=True)
    rows: list[_Row] = []
    console.print(f"[bold]{plan.name} on {plan.benchmark.title}, from {plan.cache.folder}[/bold]", soft_wrap=True)
    with ProgressBar("frames", sum(map(len, plan.sequences)), console=console, transient=True) as bar:
        for sequence, replayed in plan.run(drawn, bar.advance):
            store.write(sequence.name, replayed.result())
            if replayed.timeline is not None:
                write_timeline(replayed.timeline, store.folder, _reader(sequence))
            rows.append(_Row(sequence.name, score_result(protocol, sequence, replayed.result()), replayed))
    combined = combine(protocol, plan.name, plan.benchmark.title, [row.score for row in rows])
    _print(rows, combined.scores, protocol, store, drawn, console)
    frames, seconds = sum(len(row.replay.scores) for row in rows), sum(row.replay.seconds for row in rows)
    return {
        "tracker": plan.name,
        "benchmark": plan.benchmark.title,
        "protocol": protocol.name,
        "identity": plan.origin.identity,
        "cache": str(plan.cache.folder),
        "scores": json_value(combined.scores),
        "frames": frames,
        "frames_per_second": frames / max(seconds, 1e-9),
        "sequences": [
            {
                "name": row.name,
                "scores": json_value(row.score.scores),
                "frames": len(row.replay.scores),
                "frames_present": int(row.replay.present.sum()),
                "frames_per_second": row.replay.frames_per_second,
                "events": [{"frame": event.frame, "text": event.text} for event in row.replay.timeline.events]
                if row.replay.timeline is not None
                else None,
            }
            for row in rows
        ],
    }


def _print(
    rows: list[_Row], scores: Any, protocol: Protocol, store: ResultStore, drawn: bool, console: Console
) -> None:
    headings = protocol.headings()
    table = plain_table(["sequence"], [*headings.values(), "present", *(["changes"] if drawn else []), "frames/s"])
    for row in rows:
        timeline = row.replay.timeline
        table.add_row(
            row.name,
            *(shown(row.score.scores.get(key)) for key in headings),
            f"{row.replay.present.mean():.0%}",
            *([] if not drawn else ["-" if timeline is None else str(len(timeline.events))]),
            f"{row.replay.frames_per_second:.0f}",
        )
    if len(rows) > 1:
        frames, seconds = sum(len(row.replay.scores) for row in rows), sum(row.replay.seconds for row in rows)
        present = sum(int(row.replay.present.sum()) for row in rows) / frames
        events = sum(0 if row.replay.timeline is None else len(row.replay.timeline.events) for row in rows)
        numbers = [*(shown(scores.get(key)) for key in headings), f"{present:.0%}", *([str(events)] if drawn else [])]
        table.add_row("all", *numbers, f"{frames / max(seconds, 1e-9):.0f}", style="bold")
    console.print(table)
    console.print(f"  {store.folder}", soft_wrap=True, highlight=False)
    for row in rows if drawn else ():
        console.print(f"  {store.folder / row.name}.html", soft_wrap=True, highlight=False)


def _reader(sequence: Sequence) -> Callable[[int], Image] | None:
    """Frames for the pictures of events; None where the images are not at hand, as on a machine with the cache alone.

    Replaying itself needs no image.
    """
    try:
        sequence.read_frame(0)
    except DMTrackError:
        return None
    return sequence.read_frame

"""Replays of an association policy on stored detections: scores, results and timelines of each."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dmtrack import registry
from dmtrack.data.sequences import Sequence
from dmtrack.errors import DMTrackError, EvaluationError
from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.protocols import BaseProtocol
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.scoring import SequenceScore, combine, score_result
from dmtrack.files import check_writable_folder, json_value, write_json
from dmtrack.media.images import Image
from dmtrack.pages.timeline.page import write_timeline
from dmtrack.progress import ProgressBar, plain_table, print_table
from dmtrack.running.replay import ReplayPlan, plan_replays, shown_view
from dmtrack.running.sweeps.settings import SweepSettings

MOST_PICTURED = 5
"""Sequences up to which timelines are drawn unless the user says otherwise."""


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
    registry.load_plugins(settings.imports)
    if names:
        settings = replace(settings, benchmarks=tuple(replace(item, sequences=names) for item in settings.benchmarks))
    check_writable_folder(output)
    plans = plan_replays(settings)
    for plan in plans:
        if timeline and plan.origin.many_objects:
            raise EvaluationError(
                f"{plan.name} follows everything, and a timeline shows one target; leave --timeline out: "
                "`dmtrack mot eval --out` shows identities over time"
            )
        if timeline:
            shown_view(plan.origin.policy().timeline_view, plan.name)
    documents = []
    for plan in plans:
        few = len(plan.sequences) <= MOST_PICTURED
        drawn = bool(timeline)
        if timeline is None and few and not plan.origin.many_objects:
            drawn = plan.origin.policy().timeline_view is not None
        store = ResultStore(output / plan.benchmark.title / plan.name, plan.benchmark.files)
        documents.append(_one(plan, plan.benchmark.protocol(settings.protocol), store, drawn, console))
    if settings.json is not None:
        write_json(settings.json, {"format": 1, "replays": documents})
    return documents


def _one(plan: ReplayPlan, protocol: BaseProtocol, store: ResultStore, drawn: bool, console: Console) -> dict[str, Any]:
    """One tracker on one benchmark."""
    # Replays are cheap and there to be repeated with other settings, so earlier ones make room.
    store.start(plan.origin.identity, {**plan.origin.details, "cache": str(plan.cache.folder)}, restart=True)
    scores: list[SequenceScore] = []
    items: list[dict[str, Any]] = []
    seconds = 0.0
    console.print(f"[bold]{plan.name} on {plan.benchmark.title}, from {plan.cache.folder}[/bold]", soft_wrap=True)
    with ProgressBar("frames", sum(map(len, plan.sequences)), console=console, transient=True) as bar:
        for sequence, replayed in plan.run(drawn, bar.advance):
            result, timeline = replayed.result(), replayed.timeline
            store.write(sequence.name, result)
            if timeline is not None:
                write_timeline(timeline, store.folder, _reader(sequence))
            scores.append(score_result(protocol, sequence, result))
            seconds += replayed.seconds
            items.append(
                {
                    "name": sequence.name,
                    "scores": json_value(scores[-1].scores),
                    "frames": len(replayed.present),
                    "frames_present": int(replayed.present.sum()),
                    "frames_per_second": replayed.frames_per_second,
                    "events": None
                    if timeline is None
                    else [{"frame": event.frame, "text": event.text} for event in timeline.events],
                }
            )
    frames = sum(item["frames"] for item in items)
    document = {
        "tracker": plan.name,
        "benchmark": plan.benchmark.title,
        "protocol": protocol.name,
        "identity": plan.origin.identity,
        "cache": str(plan.cache.folder),
        "scores": json_value(combine(protocol, plan.name, plan.benchmark.title, scores).scores),
        "frames": frames,
        "frames_per_second": frames / max(seconds, 1e-9),
        "sequences": items,
    }
    print_table(_table(document, protocol.reported(), drawn), console)
    console.print(f"  {store.folder}", soft_wrap=True, highlight=False)
    for item in items if drawn else ():
        console.print(f"  {store.folder / item['name']}.html", soft_wrap=True, highlight=False)
    return document


def _table(document: dict[str, Any], measures: Collection[Measure], drawn: bool) -> Table:
    """A row per sequence, and one for all of them where there are several."""
    table = plain_table(
        ["sequence"], [*(measure.title for measure in measures), "present", *(["changes"] if drawn else []), "frames/s"]
    )
    items = document["sequences"]
    rows = [(item, "") for item in items]
    if len(items) > 1:
        present = sum(item["frames_present"] for item in items)
        events = [event for item in items for event in item["events"] or ()]
        rows.append(({**document, "name": "all", "frames_present": present, "events": events}, "bold"))
    for item, style in rows:
        changes = "-" if item["events"] is None else str(len(item["events"]))
        table.add_row(
            item["name"],
            *(shown(item["scores"].get(measure.key), measure.digits) for measure in measures),
            f"{item['frames_present'] / item['frames']:.0%}",
            *([changes] if drawn else []),
            f"{item['frames_per_second']:.0f}",
            style=style,
        )
    return table


def _reader(sequence: Sequence) -> Callable[[int], Image] | None:
    """Frames for the pictures of events; None where the images are not at hand, as on a machine with the cache alone.

    Replaying itself needs no image.
    """
    try:
        sequence.read_frame(0)
    except DMTrackError:
        return None
    return sequence.read_frame

"""The demo: trackers on generated sequences, and a page without scripts beside the pictures and videos it shows."""

from __future__ import annotations

import datetime
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from dmtrack import __version__
from dmtrack.association.timeline import TimelineRecorder
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE
from dmtrack.evaluation.report import Report, csv_text, shown, shown_speed, weights_hash
from dmtrack.evaluation.reporting.figures.curves import save_plots
from dmtrack.evaluation.reporting.figures.theme import DARK
from dmtrack.evaluation.scoring import Score, SequenceScore
from dmtrack.files import check_writable_folder, write_json, write_text
from dmtrack.pages.result_video import Rival, write_result_video
from dmtrack.pages.shell import Cell, Table, render
from dmtrack.pages.timeline.page import write_timeline
from dmtrack.progress import ProgressBar
from dmtrack.running.baselines import StaticBox
from dmtrack.running.runner import Session, session_of
from dmtrack.running.sweeps.benchmarks import SYNTHETIC_DISTRACTORS, Generated
from dmtrack.running.sweeps.running import print_report
from dmtrack.running.trackers import TrackerChoice

RIVAL = "dmtrackGS_tiny"
"""What the default tracker is compared with: its own detector without memory."""

TEXTS = {
    "plain": (
        "Plain sequences",
        "One textured object on a textured background: both move, the object turns, deforms, changes its size, blurs, "
        "is covered, leaves and comes back.",
    ),
    "distractors": (
        "Sequences with look-alikes",
        f"The same, with {SYNTHETIC_DISTRACTORS['distractors']} objects beside the target, made to look like it.",
    ),
}
"""Headings and descriptions of the kinds of sequences."""


@dataclass(frozen=True)
class DemoSet:
    """One set of sequences on the page.

    Attributes:
        title: heading.
        text: what kind of sequences these are.
        report: scores; the tracker of `shown_tracker` is the one in the video.
        shown_tracker: its label.
        video: relative link to the mp4.
        poster: relative link to a picture of it.
        plots: relative links to plots on light paper; the same names with `_dark` exist.
        rival: label of the second tracker in the video, if there is one.
        timeline: relative links to the picture and the page of the timeline of one sequence, and the sequence's name.
    """

    title: str
    text: str
    report: Report
    shown_tracker: str
    video: str
    poster: str
    plots: list[str]
    rival: str | None = None
    timeline: tuple[str, str, str] | None = None

    @property
    def score(self) -> Score:
        """Of the tracker in the video."""
        return next(score for score in self.report.scores if score.tracker == self.shown_tracker)


def run_demo(
    choice: TrackerChoice,
    output: Path,
    count: int,
    frames: int,
    drawn: int,
    seed: int,
    processes: int | None,
    console: Console,
) -> list[DemoSet]:
    """Tracks sequences of each kind, and writes scores, plots, videos and `index.html`.

    Args:
        choice: the tracker; without config and weights, `RIVAL` is run beside it.
        output: folder of everything that is written; an earlier demo in it is replaced.
        count: sequences of each kind.
        frames: per sequence.
        drawn: the first so many of each kind are in the video.
        seed: of the sequences.
        processes: sequences tracked at once; None is what suits the machine.
        console: where progress and tables go.

    Raises:
        DMTrackError: the weights cannot be loaded, or nothing can be written to the output folder.
    """
    start = time.perf_counter()
    check_writable_folder(output)
    if processes is None:
        import torch

        # One process keeps a GPU busy, and several would each hold a copy of its libraries.
        processes = 1 if torch.cuda.is_available() else min(4, os.cpu_count() or 1)
    other = replace(choice, config=RIVAL) if choice.config is None and choice.weights is None else None
    sets = []
    for kind, (title, text) in TEXTS.items():
        open_sequences = Generated(kind, seed, count, frames).open
        sessions = [
            session_of(each, f"synthetic-{kind}", open_sequences, output / "results")
            for each in (choice, other)
            if each is not None
        ]
        report = _report(sessions, processes, console)
        print_report(report, console)
        folder = output / kind
        write_json(folder / "report.json", report.to_dict())
        write_text(folder / "report.csv", csv_text([report]))
        plots = [path for path in save_plots(report, folder) if path.suffix == ".png"]
        save_plots(report, folder, (".png",), DARK, "_dark")
        video = folder / "tracked.mp4"
        poster = _video(video, sessions, drawn, console)
        links = [path.relative_to(output).as_posix() for path in (video, poster, *plots)]
        item = DemoSet(title, text, report, sessions[0].tracker, links[0], links[1], links[2:])
        if other is not None:
            item = replace(item, rival=sessions[1].tracker)
            if kind != "plain":
                name = _most_different(report, sessions[0].tracker, sessions[1].tracker)
                sequence = next(one for one in open_sequences() if one.name == name)
                written = _write_timeline(choice, sequence, folder)
                picture, page = (path.relative_to(output).as_posix() for path in written)
                item = replace(item, timeline=(picture, page, name))
        sets.append(item)
    summary = "One box in the first frame is all the tracker gets. It then searches the whole of every later frame."
    if other is not None:
        summary += (
            f" {RIVAL} takes the best match of each frame by itself; {sets[0].shown_tracker} follows everything that "
            "looks like the target, and reasons about which of them it is."
        )
    facts = {
        **_facts(sets[-1]),
        "sequences": f"2 sets of {count} with {frames} frames, seed {seed}",
        "processes": str(processes),
        "time": f"{time.perf_counter() - start:.0f} s, finished "
        f"{datetime.datetime.now().astimezone().isoformat(timespec='minutes')}",
    }
    write_text(output / "index.html", demo_page("dmtrack demo", summary, sets, facts))
    write_json(output / "demo.json", {"facts": facts, "sets": [item.report.to_dict() for item in sets]})
    return sets


def _report(sessions: list[Session], processes: int, console: Console) -> Report:
    """Scores of the tracker, of its rival, and of a box that never moves."""
    scores = []
    for session in sessions:
        score, failures = session.run(DMTRACK_VISIBLE, console, processes, restart=True)
        if score is None or failures:
            name, reason = next(iter(failures.items()))
            raise EvaluationError(
                f"the demo could not track {name}: {reason}; see {session.store.folder / name / 'error.txt'}"
            )
        scores.append(score)
    still, first = StaticBox(), sessions[0]
    identity = {"tracker": still.name, "config_hash": None, "weights_sha256": None, "precision": None}
    baseline = Session(first.benchmark, first.open_sequences, still.name, StaticBox, identity, {}, first.results)
    other, _ = baseline.run(DMTRACK_VISIBLE, console, restart=True)
    return Report(first.benchmark, DMTRACK_VISIBLE, (*scores, *([other] if other else [])), "held out")


def _video(path: Path, sessions: list[Session], count: int, console: Console) -> Path:
    """Draws the first sequences; gives the poster."""
    opened = sessions[0].open_sequences()
    sequences = [opened[index] for index in range(min(count, len(opened)))]
    items = ((sequence, sessions[0].store.read(sequence.name)) for sequence in sequences)
    rival = Rival(sessions[1].tracker, sessions[1].store.read) if len(sessions) > 1 else None
    description = f"drawing {path.name} of {sessions[0].benchmark}"
    with ProgressBar("frames", sum(map(len, sequences)), description=description, console=console) as bar:
        return write_result_video(path, items, rival, on_frame=bar.advance)


def _most_different(report: Report, tracker: str, rival: str) -> str:
    """The sequence in which the success of two trackers differs most, whichever is the better one."""
    success = {
        score.tracker: {one.name: one.scores["success"] for one in score.sequences}
        for score in report.scores
        if score.tracker in (tracker, rival)
    }
    gaps = {name: abs(value - success[rival][name]) for name, value in success[tracker].items()}
    return max(gaps, key=lambda name: float(np.nan_to_num(gaps[name], nan=-1.0)))


def _write_timeline(choice: TrackerChoice, sequence: Sequence, folder: Path) -> tuple[Path, Path]:
    """Tracks a sequence once more, in this process, and writes why it went as it did."""
    tracker: Any = choice.build()
    recorder = TimelineRecorder(tracker.association.timeline_view)
    for index, frame in enumerate(sequence.frames()):
        if index == 0:
            tracker.init(frame, sequence.boxes_xywh[0])
        else:
            tracker.step(frame)
        recorder.add(tracker.decisions[0], sequence.boxes_xywh[index])
    return write_timeline(recorder.timeline(sequence.name), folder, sequence.read_frame, stem="timeline")


def _facts(item: DemoSet) -> dict[str, str]:
    """What was run where."""
    provenance = item.report.scores[0].provenance
    software = provenance.get("software", {})
    return {
        "command": " ".join(["dmtrack", *sys.argv[1:]]) if len(sys.argv) > 1 else "dmtrack demo",
        "tracker": item.shown_tracker,
        "config": f"{provenance.get('config')} (hash {str(provenance.get('config_hash'))[:12]})",
        "weights": str(provenance.get("weights")),
        "weights sha256": weights_hash(item.score) or "none",
        "precision, device": f"{provenance.get('precision')}, {provenance.get('device')}",
        "sequences": "",
        "protocol": DMTRACK_VISIBLE.name,
        "processes": "",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "software": ", ".join(f"{name} {value}" for name, value in software.items()) or f"dmtrack {__version__}",
    }


def demo_page(title: str, summary: str, sets: list[DemoSet], facts: Mapping[str, str]) -> str:
    """The whole page: HTML with the styles inside and relative links only.

    Args:
        title: heading.
        summary: one or two sentences below it.
        sets: in the order shown.
        facts: what was run: command, seeds, hashes, times; in the order shown.
    """
    return render(
        "demo.html",
        title=title,
        summary=summary,
        protocol=sets[0].report.protocol,
        sets=[_values(item) for item in sets],
        what_was_run=facts.items(),
    )


def _values(item: DemoSet) -> dict[str, Any]:
    """What the template shows of a set."""
    score, protocol = item.score, DMTRACK_VISIBLE
    numbers = [(f"centre within {protocol.precision_at:g} px", shown(score.scores["precision"]))]
    if "normalized_precision" in score.scores:
        share = f"centre within {protocol.normalized_precision_at:g} of the box sides"
        numbers.append((share, shown(score.scores["normalized_precision"])))
    numbers.append(("frames per second", shown_speed(score.frames_per_second)))
    plots = []
    for link in item.plots:
        stem, _, suffix = link.rpartition(".")
        plots.append((link, f"{stem}_dark.{suffix}", stem.rpartition("/")[2].replace("_", " ")))
    text = item.report.first_number_in_words()
    still = next((score for score in item.report.scores if score.tracker == StaticBox().name), None)
    if still is not None:
        text += f" A box that never moves gets {shown(still.scores['success'])} here."
    return {
        **vars(item),
        "success": shown(score.scores["success"]),
        "first_number": text,
        "legend": dict(list(item.report.protocol.legend().items())[1:]),
        "numbers": numbers,
        "plots": plots,
        "trackers": _trackers(item.report),
        "sequences": _sequences(item),
        "remarks": item.report.remarks(),
    }


def _trackers(report: Report) -> Table:
    headings = report.protocol.headings()
    rows = []
    for score in report.ranked():
        counted, total = report.counted_of(score)
        cells = [
            *(shown(score.scores.get(metric)) for metric in headings),
            shown_speed(score.frames_per_second),
            str(counted) if counted == total else f"{counted} of {total}",
        ]
        rows.append((score.tracker, tuple(map(Cell, cells))))
    titles = ("tracker", *headings.values(), "fps", "sequences")
    caption = f"{report.benchmark}, protocol {report.protocol.name}"
    return Table(caption, titles, tuple(rows), sortable=False)


def _sequences(item: DemoSet) -> Table:
    def success(score: SequenceScore) -> float:
        return float(np.nan_to_num(score.scores["success"]))

    rows = []
    for score in sorted(item.score.sequences, key=success, reverse=True):
        numbers = [shown(score.scores.get(metric)) for metric in ("success", "precision", "normalized_precision")]
        frames = f"{int(score.counted.sum())} of {len(score.counted)}"
        rows.append((score.name, (Cell("", share=success(score)), *map(Cell, numbers), Cell(frames))))
    titles = ("sequence", "", "success", "precision", "norm. precision", "counted frames")
    return Table(f"protocol {item.report.protocol.name}", titles, tuple(rows), sortable=False)

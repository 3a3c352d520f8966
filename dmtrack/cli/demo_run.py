"""The work behind `dmtrack demo`."""

from __future__ import annotations

import datetime
import functools
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dmtrack import __version__
from dmtrack.cli.demo_timeline import most_different, write_demo_timeline
from dmtrack.cli.test_run import SYNTHETIC_DISTRACTORS, TrackerChoice, open_synthetic, print_report, session_of
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE
from dmtrack.evaluation.report import Report, weights_hash
from dmtrack.evaluation.reporting.figures.curves import save_plots
from dmtrack.evaluation.reporting.figures.theme import DARK
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.evaluation.scoring import Score
from dmtrack.files import check_writable_folder, write_json, write_text
from dmtrack.pages.demo import DemoSet, demo_page
from dmtrack.pages.result_video import Rival, write_result_video
from dmtrack.running.baselines import StaticBox
from dmtrack.running.session import Session

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


@dataclass(frozen=True)
class DemoJob:
    """The options of `dmtrack demo`."""

    tracker: TrackerChoice
    output: Path = Path("demo")
    quick: bool = False
    seed: int = 900_001
    processes: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Sequences per set, frames per sequence."""
        return (2, 60) if self.quick else (8, 90)

    @property
    def rival(self) -> TrackerChoice | None:
        """The second tracker of the demo; None where the user has chosen the first one."""
        if self.tracker.config is not None or self.tracker.weights is not None:
            return None
        return replace(self.tracker, config=RIVAL)

    @property
    def sequences_in_video(self) -> int:
        """The first so many of each set are drawn."""
        return 2 if self.quick else 4


def run(job: DemoJob) -> Path:
    """Runs the demo.

    Returns:
        The page.

    Raises:
        DMTrackError: the weights cannot be loaded, or nothing can be written to the output folder.
    """
    console = Console()
    start = time.perf_counter()
    check_writable_folder(job.output)
    count, frames = job.size
    sets = []
    provenance: dict[str, Any] = {}
    for kind, (title, text) in TEXTS.items():
        open_sequences = functools.partial(open_synthetic, kind, count, frames, job.seed)
        benchmark = f"synthetic-{kind}"
        session = session_of(job.tracker, benchmark, open_sequences, job.output / "results")
        rival = None if job.rival is None else session_of(job.rival, benchmark, open_sequences, session.results)
        report = _report(session, rival, _processes(job.processes), console)
        print_report(report, console)
        provenance = dict(report.scores[0].provenance)
        folder = job.output / kind
        report.write_json(folder / "report.json")
        report.write_csv(folder / "report.csv")
        plots = [path for path in save_plots(report, folder) if path.suffix == ".png"]
        save_plots(report, folder, (".png",), DARK, "_dark")
        video = folder / "tracked.mp4"
        poster = _video(video, session, rival, job.sequences_in_video, console)
        links = [path.relative_to(job.output).as_posix() for path in (video, poster, *plots)]
        item = DemoSet(title, text, report, session.tracker, links[0], links[1], links[2:])
        if rival is not None:
            item = replace(item, rival=rival.tracker)
            if kind != "plain":
                name = most_different(report, session.tracker, rival.tracker)
                sequence = next(one for one in open_sequences() if one.name == name)
                written = write_demo_timeline(job.tracker, sequence, folder)
                drawn, explained = (path.relative_to(job.output).as_posix() for path in written)
                item = replace(item, timeline=(drawn, explained, name))
        sets.append(item)
    facts = _facts(job, sets, provenance, time.perf_counter() - start)
    summary = "One box in the first frame is all the tracker gets. It then searches the whole of every later frame."
    if job.rival is not None:
        summary += (
            f" {RIVAL} takes the best match of each frame by itself; {sets[0].shown_tracker} follows everything that "
            "looks like the target, and reasons about which of them it is."
        )
    page = job.output / "index.html"
    write_text(page, demo_page("dmtrack demo", summary, sets, facts))
    write_json(job.output / "demo.json", {"facts": facts, "sets": [item.report.to_dict() for item in sets]})
    _say_where(job.output, sets, console)
    return page


def _report(session: Session, rival: Session | None, processes: int, console: Console) -> Report:
    """Scores of the tracker, of its rival, and of a box that never moves."""
    scores = [_score(one, processes, console) for one in (session, rival) if one is not None]
    still = StaticBox()
    identity = {"tracker": still.name, "config_hash": None, "weights_sha256": None, "precision": None}
    baseline = Session(session.benchmark, session.open_sequences, still.name, StaticBox, identity, {}, session.results)
    other, _ = baseline.run(DMTRACK_VISIBLE, console, restart=True)
    return Report(session.benchmark, DMTRACK_VISIBLE, (*scores, *([other] if other else [])), "held out")


def _score(session: Session, processes: int, console: Console) -> Score:
    score, failures = session.run(DMTRACK_VISIBLE, console, processes, restart=True)
    if score is None or failures:
        name, reason = next(iter(failures.items()))
        raise EvaluationError(
            f"the demo could not track {name}: {reason}; see {session.store.folder / name / 'error.txt'}"
        )
    return score


def _video(path: Path, session: Session, rival: Session | None, count: int, console: Console) -> Path:
    sequences = list(islice(iter(session.open_sequences()), count))
    store = ResultStore(session.store.folder)

    def items() -> Iterator[tuple[Sequence, SequenceResult]]:
        return ((sequence, store.read(sequence.name)) for sequence in sequences)

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"drawing {path.name} of {session.benchmark}", total=sum(map(len, sequences)))
        other = None if rival is None else Rival(rival.tracker, rival.store.read)
        return write_result_video(path, items(), other, on_frame=lambda: progress.advance(task))


def _processes(asked: int | None) -> int:
    if asked is not None:
        return asked
    import torch

    # One process keeps a GPU busy, and several would each hold a copy of its libraries.
    return 1 if torch.cuda.is_available() else min(4, os.cpu_count() or 1)


def _facts(job: DemoJob, sets: list[DemoSet], provenance: dict[str, Any], seconds: float) -> dict[str, str]:
    count, frames = job.size
    software = provenance.get("software", {})
    return {
        "command": " ".join(["dmtrack", *sys.argv[1:]]) if len(sys.argv) > 1 else "dmtrack demo",
        "tracker": sets[0].shown_tracker,
        "config": f"{provenance.get('config')} (hash {str(provenance.get('config_hash'))[:12]})",
        "weights": str(provenance.get("weights")),
        "weights sha256": weights_hash(sets[0].score) or "none",
        "precision, device": f"{provenance.get('precision')}, {provenance.get('device')}",
        "sequences": f"2 sets of {count} with {frames} frames, seed {job.seed}",
        "protocol": DMTRACK_VISIBLE.name,
        "processes": str(_processes(job.processes)),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "software": ", ".join(f"{name} {value}" for name, value in software.items()) or f"dmtrack {__version__}",
        "time": f"{seconds:.0f} s, finished {datetime.datetime.now().astimezone().isoformat(timespec='minutes')}",
    }


def _say_where(output: Path, sets: list[DemoSet], console: Console) -> None:
    console.print("\n[bold]The demo is done.[/bold]")
    lines = [("page", output / "index.html")]
    for item in sets:
        lines += [
            (f"{item.title.lower()}, video", output / item.video),
            ("  table and plots", (output / item.video).parent),
        ]
    lines.append(("raw results", output / "results"))
    for what, path in lines:
        print(f"{what:<36}{path.resolve()}")

"""What a person sees while trackers run: frames done, rate, time left, and the score so far."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.api import score_result
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE, Protocol
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.scoring import SequenceScore, combine


class RunProgress:
    """A watcher of `run` that draws a progress bar. Used in a `with` block.

    Args:
        label: what is running.
        console: where to draw.
        protocol: of the score so far; None where nothing is scored.
    """

    def __init__(self, label: str, console: Console, protocol: Protocol | None = DMTRACK_VISIBLE) -> None:
        self._protocol = protocol
        self._scores: list[SequenceScore] = []
        self._finished = self._failed = 0
        self._total = 0
        self._label = label
        if protocol is not None:
            self._measure = protocol.reported()[0]
            self._label += f" ({self._measure.key} by {protocol.name})"
        self._progress = Progress(
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("frames {task.fields[rate]}  {task.fields[sequences]}  {task.fields[score]} "),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("", total=None, rate="-/s", sequences="", score="")

    def __enter__(self) -> RunProgress:
        self._progress.console.print(f"[bold]{self._label}[/bold]", highlight=False)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, sequences: int, frames: int, done: int) -> None:
        """Sets the length of the bar."""
        self._total = sequences
        self._progress.update(self._task, total=frames)
        if done:
            self._progress.console.print(f"{done} of {sequences} sequences are stored already; they are not run again")
        self._show()

    def tracked(self, frames: int) -> None:
        """Moves the bar."""
        elapsed = self._progress.tasks[self._task].elapsed or 0.0
        rate = f"{frames / elapsed:.1f}/s" if elapsed > 0 else "-/s"
        self._progress.update(self._task, completed=frames, rate=rate)

    def finished(self, sequence: Sequence, result: Any) -> None:
        """Counts a sequence, and takes its `SequenceResult` into the score so far."""
        self._finished += 1
        if self._protocol is not None:
            self._scores.append(score_result(self._protocol, sequence, result))
        self._show()

    def failed(self, sequence: Sequence, reason: str) -> None:
        """Says which sequence failed and why."""
        self._failed += 1
        self._progress.console.print(f"[red]{sequence.name} failed:[/red] {reason}", highlight=False)
        self._show()

    def _show(self) -> None:
        score = ""
        if self._protocol is not None:
            value = combine(self._protocol, "", "", self._scores).scores[self._measure.key]
            score = f"{self._measure.key} {shown(value)}"
        self._progress.update(self._task, sequences=f"{self._finished + self._failed}/{self._total} seq.", score=score)

"""What a person sees while trackers run: frames done, rate, time left, and the score so far."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console

from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE, Protocol
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.scoring import SequenceScore, combine, score_result
from dmtrack.progress import ProgressBar
from dmtrack.running.runner import Watcher


class RunProgress(Watcher):
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
        if protocol is not None:
            self._measure = protocol.reported()[0]
            label += f" ({self._measure.key} by {protocol.name})"
        self._bar = ProgressBar("frames", title=label, console=console)

    def __enter__(self) -> RunProgress:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def started(self, sequences: int, frames: int, done: int) -> None:
        """Sets the length of the bar."""
        self._total = sequences
        self._bar.update(total=frames)
        if done:
            self._bar.console.print(f"{done} of {sequences} sequences are stored already; they are not run again")
        self._show()

    def tracked(self, frames: int) -> None:
        """Moves the bar."""
        self._bar.update(done=frames)

    def finished(self, sequence: Sequence, result: Any) -> None:
        """Counts a sequence, and takes its `SequenceResult` into the score so far."""
        self._finished += 1
        if self._protocol is not None:
            self._scores.append(score_result(self._protocol, sequence, result))
        self._show()

    def failed(self, sequence: Sequence, reason: str) -> None:
        """Says which sequence failed and why."""
        self._failed += 1
        self._bar.console.print(f"[red]{sequence.name} failed:[/red] {reason}", highlight=False)
        self._show()

    def _show(self) -> None:
        note = f"{self._finished + self._failed}/{self._total} seq."
        if self._protocol is not None:
            value = combine(self._protocol, "", "", self._scores).scores[self._measure.key]
            note += f"  {self._measure.key} {shown(value)}"
        self._bar.update(note=note)

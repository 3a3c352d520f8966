"""What a person sees while trackers run: frames done, rate, time left, and the score so far."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.scoring import SequenceScore, combine, score_result
from dmtrack.progress import ProgressBar


class RunProgress(ProgressBar):
    """What `run` tells of itself, as a progress bar; all calls come from the process that called `run`.

    Args:
        label: what is running.
        console: where to draw; None draws nowhere.
        protocol: of the score so far; None where nothing is scored.
    """

    def __init__(self, label: str = "", console: Console | None = None, protocol: Protocol | None = None) -> None:
        self._protocol = protocol
        self._scores: list[SequenceScore] = []
        self._ended = self._total = 0
        if protocol is not None:
            self._measure = protocol.reported()[0]
            label += f" ({self._measure.key} by {protocol.name})"
        super().__init__("frames", title=label, console=console or Console(quiet=True))

    def started(self, sequences: int, frames: int, done: int) -> None:
        """There are so many sequences, so many frames to track, and so many sequences were done before."""
        self._total = sequences
        self.update(total=frames)
        if done:
            self.console.print(f"{done} of {sequences} sequences are stored already; they are not run again")
        self._show()

    def tracked(self, frames: int) -> None:
        """So many frames have been tracked in this run."""
        self.update(done=frames)

    def ended(self, sequence: Sequence, result: Any = None, reason: str | None = None) -> None:
        """A sequence has its result (a `SequenceResult` where it was tracked), or none for some reason."""
        self._ended += 1
        if reason is not None:
            self.console.print(f"[red]{sequence.name} failed:[/red] {reason}", highlight=False)
        elif self._protocol is not None:
            self._scores.append(score_result(self._protocol, sequence, result))
        self._show()

    def _show(self) -> None:
        note = f"{self._ended}/{self._total} seq."
        if self._protocol is not None:
            value = combine(self._protocol, "", "", self._scores).scores[self._measure.key]
            note += f"  {self._measure.key} {shown(value)}"
        self.update(note=note)

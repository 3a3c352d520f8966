"""What a person sees while an experiment runs."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console

from dmtrack.progress import ProgressBar


class SequenceProgress:
    """Sequences done, frames per second and time left; used in a `with` block.

    Args:
        title: tracker and benchmark.
        sequences: how many there are.
        console: where to draw; by default standard error, so that what a script prints stays clean.
    """

    def __init__(self, title: str, sequences: int, console: Console | None = None) -> None:
        self._frames = 0
        self._bar = ProgressBar("sequences", sequences, title=title, rate=False, console=console)

    def __enter__(self) -> SequenceProgress:
        self._bar.__enter__()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def tracked(self, frames: int) -> None:
        """So many more frames were tracked."""
        self._frames += frames
        self._bar.update(note=f"{self._frames / max(time.perf_counter() - self._start, 1e-9):.1f} frames/s")

    def finished(self) -> None:
        """One more sequence is through."""
        self._bar.advance()

    def failed(self, sequence: str, reason: str) -> None:
        """Says which sequence failed and why."""
        self._bar.console.print(f"[red]{sequence} failed:[/red] {reason}", highlight=False)

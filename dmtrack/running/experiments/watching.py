"""What a person sees while an experiment runs."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class SequenceProgress:
    """Sequences done, frames per second and time left; used in a `with` block.

    Args:
        title: tracker and benchmark.
        sequences: how many there are.
        console: where to draw; by default standard error, so that what a script prints stays clean.
    """

    def __init__(self, title: str, sequences: int, console: Console | None = None) -> None:
        self._title = title
        self._frames = 0
        self._progress = Progress(
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("sequences  {task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console or Console(stderr=True),
        )
        self._task = self._progress.add_task("", total=sequences, rate="-/s")

    def __enter__(self) -> SequenceProgress:
        self._progress.console.print(f"[bold]{self._title}[/bold]", highlight=False)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tracked(self, frames: int) -> None:
        """So many more frames were tracked."""
        self._frames += frames
        elapsed = self._progress.tasks[self._task].elapsed or 0.0
        self._progress.update(self._task, rate=f"{self._frames / elapsed:.1f} frames/s" if elapsed > 0 else "-/s")

    def finished(self) -> None:
        """One more sequence is through."""
        self._progress.advance(self._task)

    def failed(self, sequence: str, reason: str) -> None:
        """Says which sequence failed and why."""
        self._progress.console.print(f"[red]{sequence} failed:[/red] {reason}", highlight=False)

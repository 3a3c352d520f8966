"""What a person sees in a terminal: the one progress bar, and the one style of tables."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table


class ProgressBar:
    """Done of total with its unit, the rate, a note, time passed and time left. Used in a `with` block.

    Args:
        unit: what is counted, such as "frames".
        total: how many there are; None as long as that is unknown.
        done: how many are done already.
        description: what is going on; it stands before the bar.
        title: a line that is printed in bold above the bar.
        rate: show how many are done per second.
        console: where to draw; by default standard error, so that what a command prints can be piped.
        transient: the bar vanishes at the end, so where the console is no terminal it is not drawn at all.
        only_on_terminal: nothing is drawn where the console is no terminal.
    """

    def __init__(
        self,
        unit: str,
        total: float | None = None,
        *,
        done: int = 0,
        description: str = "",
        title: str = "",
        rate: bool = True,
        console: Console | None = None,
        transient: bool = False,
        only_on_terminal: bool = False,
    ) -> None:
        self.console = console or Console(stderr=True)
        self.drawn = self.console.is_terminal or not (only_on_terminal or transient)
        self._title, self._first, self._shows_rate = title, done, rate
        self._progress = Progress(
            *([TextColumn("{task.description}")] if description else []),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn(unit),
            *([TextColumn("{task.fields[rate]}")] if rate else []),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=transient,
            disable=not self.drawn,
        )
        self._task = self._progress.add_task(description, total=total, completed=done, rate="-/s", note="")

    def __enter__(self) -> Self:
        if self._title:
            self.console.print(f"[bold]{self._title}[/bold]", highlight=False)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self.update(done=int(self._progress.tasks[0].completed) + count)

    def update(
        self,
        *,
        done: int | None = None,
        total: float | None = None,
        description: str | None = None,
        note: str | None = None,
    ) -> None:
        """Changes what is shown; None leaves a thing as it is."""
        if done is not None and self._shows_rate:
            elapsed = self._progress.tasks[0].elapsed or 0.0
            rate = f"{(done - self._first) / elapsed:.1f}/s" if elapsed > 0 else "-/s"
            self._progress.update(self._task, rate=rate)
        fields: dict[str, Any] = {} if note is None else {"note": note}
        self._progress.update(self._task, completed=done, total=total, description=description, **fields)


def plain_table(text: Iterable[str] = (), numbers: Iterable[str] = (), **options: Any) -> Table:
    """A table without frame, with a rule below its head.

    Args:
        text: titles of the first columns, whose words stand at the left and are folded where they are too long.
        numbers: titles of the further columns, whose values stand at the right and are never folded.
        options: of `rich.table.Table`.
    """
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), **options)
    for title in text:
        table.add_column(title, overflow="fold")
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def print_table(table: Table, console: Console) -> None:
    """Prints a table; in a terminal that is too narrow for it lines are wrapped, but no number is cut."""
    width, unlimited = console.width, console.options.update(max_width=1000)
    for column in table.columns:
        if column.no_wrap:  # rich would still break such a cell at its spaces to make the table narrower
            cells = (console.measure(cell, options=unlimited).maximum for cell in (column.header, *column.cells))
            column.min_width = max(cells)
    console.width = max(width, console.measure(table, options=unlimited).minimum)
    console.print(table)
    console.width = width

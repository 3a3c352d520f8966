"""What `dmtrack report` prints: a table per protocol, what no average holds, and which differences are real."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from dmtrack.evaluation.reporting.study import Study

MOST_STATEMENTS = 10
"""The others stand in the files."""


def print_study(study: Study, console: Console) -> None:
    """Prints the study."""
    for report, significance in zip(study.reports, study.significances, strict=True):
        intervals = {
            tracker: f"{items[report.primary.key].low:.3f}-{items[report.primary.key].high:.3f}"
            for tracker, items in significance.intervals.items()
            if items[report.primary.key].is_known
        }
        title = f"{100 * significance.level:g} % interval"
        table = report.table(intervals, title)
        if console.measure(table, options=console.options.update(max_width=1000)).maximum > console.width:
            table = report.table(intervals, title, beside=False)
        console.print(table)
        statements = [item.statement() for item in significance.of(report.primary.key)]
        for statement in statements[:MOST_STATEMENTS]:
            console.print(Text(statement))
        if len(statements) > MOST_STATEMENTS:
            more = len(statements) - MOST_STATEMENTS
            console.print(Text(f"... and {more} more differences: --json, or --out for all of them", style="dim"))
        console.print()
    for remark in study.remarks():
        console.print(Text(f"note: {remark}"))
    console.print(Text(study.significance.explanation(), style="dim"))

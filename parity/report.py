"""Checks, their table and their JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dmtrack.files import write_json


@dataclass(frozen=True)
class Check:
    """One quantity of one file.

    Attributes:
        file: name of the reference file.
        quantity: name of the array in it.
        error: how far the result is from it; None where nothing was compared.
        tolerance: largest error that passes; None where the check only informs.
        kind: how the error is measured.
    """

    file: str
    quantity: str
    error: float | None
    tolerance: float | None
    kind: str

    @property
    def passed(self) -> bool:
        """Whether the check does not fail."""
        if self.tolerance is None:
            return True
        return self.error is not None and not math.isnan(self.error) and self.error <= self.tolerance

    @property
    def verdict(self) -> str:
        """`pass`, `FAIL` or `info`."""
        if self.tolerance is None:
            return "info"
        return "pass" if self.passed else "FAIL"


def print_table(checks: Sequence[Check], console: Console, only_failures: bool = False) -> None:
    """Prints file x quantity x error x tolerance, then one line per file that says how many passed."""
    table = Table(title="reference outputs against this code")
    for column in ("file", "quantity"):
        table.add_column(column, no_wrap=True)
    for column in ("error", "tolerance"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("measured as")
    table.add_column("verdict", no_wrap=True)
    for check in checks:
        if only_failures and check.passed:
            continue
        style = {"pass": "", "FAIL": "bold red", "info": "dim"}[check.verdict]
        table.add_row(
            check.file,
            check.quantity,
            _number(check.error),
            _number(check.tolerance),
            check.kind,
            check.verdict,
            style=style,
        )
    if table.row_count:
        console.print(table)
    for file in dict.fromkeys(check.file for check in checks):
        own = [check for check in checks if check.file == file and check.tolerance is not None]
        informed = sum(check.file == file for check in checks) - len(own)
        passed = sum(check.passed for check in own)
        console.print(f"{file}: {passed} of {len(own)} pass" + (f", {informed} informative" if informed else ""))


def write_report(checks: Sequence[Check], path: Path) -> None:
    """The checks and their counts as JSON."""
    rows = [
        {
            "file": check.file,
            "quantity": check.quantity,
            "error": None if check.error is None or not math.isfinite(check.error) else check.error,
            "tolerance": check.tolerance,
            "kind": check.kind,
            "verdict": check.verdict,
        }
        for check in checks
    ]
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in ("pass", "FAIL", "info")}
    write_json(path, {"counts": counts, "checks": rows})


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"

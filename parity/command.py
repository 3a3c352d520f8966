"""The command behind `tools/verify_reference.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from parity.report import Check, print_table, write_report


def _dmtrack_gs(folder: Path) -> list[Check]:
    from parity.dmtrack_gs import CHECKS
    from parity.folder import verify_folder

    return verify_folder(folder, CHECKS)


def _metrics(folder: Path) -> list[Check]:
    from parity.metrics import verify_metrics

    return verify_metrics(folder)


def _siamrpn(folder: Path) -> list[Check]:
    from parity.folder import verify_folder
    from parity.siamrpn import CHECKS

    return verify_folder(folder, CHECKS)


REFERENCES: dict[str, Callable[[Path], list[Check]]] = {
    "dmtrack_gs": _dmtrack_gs,
    "metrics": _metrics,
    "siamrpn": _siamrpn,
}
"""What can be verified, by name."""

NARROWEST_TABLE = 150
"""Columns: narrower terminals and files would cut the names of the quantities."""


def verify(arguments: Sequence[str] | None = None) -> int:
    """Compares this code with reference outputs and prints file x quantity x error x tolerance.

    Args:
        arguments: of the command line; those of the process by default.

    Returns:
        0 when every check passes, 1 otherwise.

    Raises:
        DataError: nothing to check, or a file that no check knows.
        OutputError: the report cannot be written.
    """
    parser = argparse.ArgumentParser(prog="verify_reference.py", description=verify.__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument(
        "reference", choices=sorted(REFERENCES), help="the method whose reference outputs these are, or metrics"
    )
    parser.add_argument("folder", type=Path, help="folder of reference outputs")
    parser.add_argument("--json", type=Path, help="writes the table to this file as well")
    parser.add_argument("--only-failures", action="store_true", help="leaves passing rows out of the printed table")
    given = parser.parse_args(arguments)
    checks = REFERENCES[given.reference](given.folder)
    console = Console()
    if console.width < NARROWEST_TABLE:
        console = Console(width=NARROWEST_TABLE)
    print_table(checks, console, only_failures=given.only_failures)
    if given.json:
        write_report(checks, given.json)
    failures = sum(not check.passed for check in checks)
    compared = sum(check.tolerance is not None for check in checks)
    console.print(
        f"[bold]{compared - failures} of {compared} quantities pass[/bold]" + (f", {failures} FAIL" if failures else "")
    )
    return 1 if failures or not compared else 0

"""Numbers in lines, whatever separates them, with errors that name the line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError

SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", " ": "spaces"}
"""What may stand between the numbers of a line, and how it is called. Spaces around the others do not count."""


@dataclass(frozen=True)
class Table:
    """A text file of numbers.

    Attributes:
        rows: (lines, columns) float64; the missing end of shorter lines is NaN.
        counts: (lines,) how many numbers each line has.
        separator: a key of `SEPARATORS`; None where no line has two numbers.
    """

    rows: NDArray[np.float64]
    counts: NDArray[np.int64]
    separator: str | None


def parse_table(text: str, where: str, columns: tuple[int, ...] | None = None, empty_lines: bool = False) -> Table:
    """Reads numbers in lines.

    The separator is the one of the first line that has any, and all lines must have the same one. One separator may
    stand at the end of lines. Empty lines at the end of the file do not count.

    Args:
        text: of the file, lines ended by newlines.
        where: the file, for errors.
        columns: how many numbers a line may have; any number where None.
        empty_lines: whether a line may be empty (no value: NaN) instead of being an error.

    Raises:
        EvaluationError: the file is empty, or a line holds something else; the message has its number.
    """
    lines = (text.removesuffix("\n") if empty_lines else text.rstrip()).split("\n")
    if not text.strip():
        raise EvaluationError(f"{where} is empty; expected {_expected(columns)} on each line, one line per frame")
    separator = next((found for found in map(find_separator, lines) if found), None)
    fast = None if separator == " " and "\t" in text else _parse_uniform(lines, separator, columns)
    if fast is not None:
        return fast
    rows = [
        _parse_line(line, separator, where, number, columns, empty_lines, last=number == len(lines))
        for number, line in enumerate(lines, start=1)
    ]
    counts = np.array([len(row) for row in rows], dtype=np.int64)
    table = np.full((len(rows), max(int(counts.max()), 1)), np.nan)
    for target, row in zip(table, rows, strict=True):
        target[: len(row)] = row
    return Table(table, counts, separator)


def find_separator(line: str) -> str | None:
    """What separates the numbers of a line; None where there is nothing to separate."""
    line = line.strip(" ")
    return next((separator for separator in SEPARATORS if separator in line), None)


def _parse_uniform(lines: list[str], separator: str | None, columns: tuple[int, ...] | None) -> Table | None:
    """All lines at once, where all have the same count of numbers; None leaves it to the careful way."""
    try:
        delimiter = None if separator == " " else separator
        rows = np.loadtxt(lines, dtype=np.float64, delimiter=delimiter, comments=None, ndmin=2)
    except ValueError:
        return None
    # numpy skips empty lines, which the careful way refuses.
    if len(rows) != len(lines) or (columns is not None and rows.shape[1] not in columns):
        return None
    return Table(rows, np.full(len(rows), rows.shape[1]), separator)


def _parse_line(
    line: str,
    separator: str | None,
    where: str,
    number: int,
    columns: tuple[int, ...] | None,
    empty_lines: bool,
    last: bool,
) -> list[float]:
    here = f"{where}, line {number}"
    if not line.strip():
        if empty_lines:
            return []
        raise EvaluationError(
            f"{here} is empty; expected {_expected(columns)} on each line, one line per frame: write nan,nan,nan,nan "
            "for a frame without a result"
        )
    shown = repr(line.strip()[:60])
    found = find_separator(line)
    if found is not None and found != separator:
        raise EvaluationError(
            f"{here}: {shown} is separated by {SEPARATORS[found]}, lines before it by {SEPARATORS[separator or ' ']}; "
            "expected one separator in the whole file"
        )
    fields = line.split() if separator in (None, " ") else line.strip(" ").split(separator)
    if len(fields) > 1 and not fields[-1].strip():
        fields = fields[:-1]
    try:
        if "_" in line:
            raise ValueError("an underscore")
        values = [float(field) for field in fields]
    except ValueError as error:
        raise EvaluationError(
            f"{here}: {shown} holds something that is no number; expected {_expected(columns)}, separated by commas, "
            "tabs, semicolons or spaces"
        ) from error
    if columns is not None and len(values) not in columns:
        cut = "; the file seems to be cut off: copy or download it again" if last and len(values) < min(columns) else ""
        raise EvaluationError(f"{here}: {shown} has {len(values)} numbers; expected {_expected(columns)}{cut}")
    return values


def _expected(columns: tuple[int, ...] | None) -> str:
    if columns is None:
        return "numbers"
    return "1 number" if columns == (1,) else f"{' or '.join(map(str, columns))} numbers"

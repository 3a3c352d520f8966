"""What is wrong with a package, one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that a server would reject, score as a miss, or stumble over.

    Attributes:
        file: in the package; "" for the package as a whole.
        says: what is wrong and what was expected.
        line: in the file, from 1; None where it is the file as a whole.
        rejected: False for what a server ignores, but somebody should look at.
    """

    file: str
    says: str
    line: int | None = None
    rejected: bool = True

    def __str__(self) -> str:
        place = self.file + (f", line {self.line}" if self.line is not None else "")
        return (f"{place}: " if place else "") + self.says


class Findings:
    """Collects problems of one file: of each kind the first line, and how many more there are."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._first: dict[str, tuple[int, str]] = {}
        self._count: dict[str, int] = {}

    def add(self, kind: str, line: int, says: str) -> None:
        """Notes a problem of a line."""
        self._first.setdefault(kind, (line, says))
        self._count[kind] = self._count.get(kind, 0) + 1

    def problems(self) -> Iterable[Problem]:
        """One per kind."""
        for kind, (line, says) in self._first.items():
            more = self._count[kind] - 1
            yield Problem(self.file, says + (f" (and {more} more such lines)" if more else ""), line)

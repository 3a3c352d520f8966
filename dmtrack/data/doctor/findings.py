"""What the doctor says: one line per finding, with the file and the fix."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dmtrack.errors import DMTrackError


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth a look.

    Attributes:
        path: the file or folder.
        problem: what is wrong with it, in words and numbers.
        fix: what to do about it.
        severe: True for what keeps the data set from being read or makes its scores wrong; False for a note.
    """

    path: Path
    problem: str
    fix: str
    severe: bool = True

    def line(self) -> str:
        """`path: problem; fix`."""
        return " ".join(f"{self.path}: {self.problem}; {self.fix}".split())


def finding_of(error: DMTrackError, path: Path, fix: str) -> Finding:
    """What a reader raised, as a finding; the path is not said twice, nor a fix that the message has already."""
    text = str(error).removeprefix(f"image {path}").removeprefix(str(path))
    if line := re.match(r":(\d+): ", text):
        path, text = Path(f"{path}:{line[1]}"), text[line.end() :]
    problem, _, advice = text.lstrip(": ").partition("; ")
    return Finding(path, problem, advice or fix)


@dataclass
class Examination:
    """Everything that was found in one data set.

    Attributes:
        dataset: name of the rules.
        root: its folder.
        sequences: how many were looked at; 0 for image data sets.
        frames: images that lie there.
        boxes: annotated boxes that were read, absent ones not counted.
        decoded: images that were decoded, or whose header was read.
        findings: in the order in which they were met.
    """

    dataset: str
    root: Path
    sequences: int = 0
    frames: int = 0
    boxes: int = 0
    decoded: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, path: Path, problem: str, fix: str, severe: bool = True) -> None:
        """Adds a finding."""
        self.findings.append(Finding(path, problem, fix, severe))

    @property
    def problems(self) -> list[Finding]:
        """The severe findings."""
        return [finding for finding in self.findings if finding.severe]

    @property
    def notes(self) -> list[Finding]:
        """The others."""
        return [finding for finding in self.findings if not finding.severe]

    def summary(self) -> str:
        """Counts in one line."""
        counted = f"{self.sequences:,} sequences, " if self.sequences else ""
        looked = f"{counted}{self.frames:,} images, {self.boxes:,} boxes, {self.decoded:,} images opened"
        problems, notes = len(self.problems), len(self.notes)
        verdict = f"{problems} problem{'s' * (problems != 1)}" if problems else "nothing wrong"
        return f"{self.dataset}: {looked}: {verdict}, {notes} note{'s' * (notes != 1)}"

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "dataset": self.dataset,
            "root": str(self.root),
            "sequences": self.sequences,
            "images": self.frames,
            "boxes": self.boxes,
            "images_opened": self.decoded,
            "findings": [
                {
                    "path": str(finding.path),
                    "problem": finding.problem,
                    "fix": finding.fix,
                    "severity": "problem" if finding.severe else "note",
                }
                for finding in self.findings
            ],
        }

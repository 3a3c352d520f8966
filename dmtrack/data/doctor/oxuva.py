"""The annotations of OxUvA: one table for all sequences, a row per annotated second."""

from __future__ import annotations

import csv
from pathlib import Path

from dmtrack.data.doctor.findings import Examination, finding_of
from dmtrack.data.doctor.rules import SequencePlace
from dmtrack.data.sources.annotations import read_text
from dmtrack.errors import DMTrackError

_COLUMNS = (
    "video,object,class,class name,cuts,always visible,frame,presence,xmin,xmax,ymin,ymax with sides as shares of the "
    "frame"
)
_AGAIN = "download the annotations again"


def check_oxuva_annotations(root: Path, split: str | None, places: list[SequencePlace], found: Examination) -> None:
    """Adds what is wrong with `annotations/dev.csv`; those of the test split are not published."""
    if split == "test" or not any(place.split == "dev" for place in places):
        return
    path = root / "annotations" / "dev.csv"
    try:
        lines = read_text(path, f"lines {_COLUMNS}").splitlines()
    except DMTrackError as error:
        found.findings.append(finding_of(error, path, _AGAIN))
        return
    annotated = set()
    for number, row in enumerate(csv.reader(lines), start=1):
        problem = _problem(row)
        if problem:
            found.add(Path(f"{path}:{number}"), problem, _AGAIN)
        else:
            annotated.add(f"{row[0]}_{row[1]}")
            found.boxes += row[7] == "present"
    missing = sorted({place.name for place in places if place.split == "dev"} - annotated)
    if missing:
        found.add(path, f"has no annotation of {len(missing)} sequences of tasks/dev.csv, first {missing[0]}", _AGAIN)


def _problem(row: list[str]) -> str | None:
    if len(row) != 12 or not row[6].isdecimal() or row[7] not in ("present", "absent"):
        return f"expected {_COLUMNS}, got {','.join(row)!r}"
    if row[7] == "absent":
        return None
    try:
        left, right, top, bottom = (float(value) for value in row[8:])
    except ValueError:
        return f"the sides are no numbers: {','.join(row[8:])!r}"
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        return f"the sides {','.join(row[8:])} are not xmin < xmax and ymin < ymax within 0 and 1"
    return None

"""Checks of the text files in a package, line by line, as strict as the servers' own readers."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from dmtrack.boxes import Boxes
from dmtrack.evaluation.readers.text import SEPARATORS, find_separator
from dmtrack.evaluation.submission.formats import Problem

Findings = defaultdict[str, list[tuple[int, str]]]
"""What is wrong with the lines of a file: number of the line and a sentence, by kind."""

FIRST_BOX_TOLERANCE = 1.01
"""Pixels by which the first box may differ from the given one: some tools cut boxes to whole pixels."""


def check_boxes_text(text: str, file: str, positive_sum: bool) -> tuple[int, Boxes | None, list[Problem]]:
    """A file of boxes.

    Args:
        text: of the file.
        file: its name, for problems.
        positive_sum: whether the server wants left + top + width + height, rounded, above 0.

    Returns:
        How many lines it has, the first box (None where it is unreadable), and what is wrong.
    """
    lines: list[str] = text.rstrip().split("\n") if text.strip() else []
    findings: Findings = defaultdict(list)
    first = None
    if not lines:
        return 0, None, [Problem(file, "the file is empty; expected a line left,top,width,height per frame")]
    for number, line in enumerate(lines, start=1):
        values = _numbers(line, number, findings, columns=4)
        if values is None:
            continue
        if number == 1:
            first = np.array(values)
        shown = line.strip()[:60]
        if any(map(math.isnan, values)):
            findings["nan"].append((number, f"{shown!r} holds NaN; expected a box in every frame"))
        elif any(map(math.isinf, values)):
            findings["infinite"].append((number, f"{shown!r} is infinite; expected finite numbers"))
        elif values[2] < 0 or values[3] < 0:
            findings["negative"].append((number, f"{shown!r} has a negative size; expected left,top,width,height"))
        elif positive_sum and sum(map(round, values)) <= 0:
            findings["sum"].append(
                (number, f"{shown!r} fails the server's check of sanity: left + top + width + height is not above 0")
            )
    return len(lines), first, _problems(file, findings)


def check_tracks_text(text: str, file: str, frames: int | None) -> tuple[int, list[Problem]]:
    """A file of everything with identities, in the lines of MOTChallenge.

    Args:
        text: of the file.
        file: its name, for problems.
        frames: length of the sequence; None where it is not known.

    Returns:
        How many lines it has, and what is wrong.
    """
    lines: list[str] = text.rstrip().split("\n") if text.strip() else []
    if not lines:
        return 0, [Problem(file, "the file is empty: nothing was found in the whole sequence", rejected=False)]
    findings: Findings = defaultdict(list)
    seen: dict[tuple[float, float], int] = {}
    last, unsorted = 0.0, 0
    for number, line in enumerate(lines, start=1):
        values = _numbers(line, number, findings, columns=10)
        if values is None:
            continue
        frame, identity = values[:2]
        shown = repr(line.strip()[:60])
        if not all(map(math.isfinite, values)):
            findings["finite"].append((number, f"{shown} holds NaN or an infinite number; expected finite ones"))
        elif frame % 1 or frame < 1 or (frames is not None and frame > frames):
            end = "" if frames is None else f" to {frames}"
            findings["frame"].append((number, f"{shown} begins with no frame; expected whole numbers from 1{end}"))
        elif identity % 1 or identity < 0:
            findings["identity"].append((number, f"{shown} has no identity; expected a whole number from 0 on"))
        elif values[4] <= 0 or values[5] <= 0:
            findings["size"].append((number, f"{shown} has a box without area; expected left,top,width,height"))
        elif (before := seen.setdefault((frame, identity), number)) != number:
            says = f"identity {identity:.0f} stands twice in frame {frame:.0f} (first in line {before}); expected once"
            findings["twice"].append((number, says))
        if frame < last and not unsorted:
            unsorted = number
        last = frame
    problems = _problems(file, findings)
    if unsorted:
        says = "frames are not in order; the server sorts them, but many tools do not"
        problems.append(Problem(file, says, unsorted, rejected=False))
    return len(lines), problems


def check_times_text(text: str, file: str, boxes: int) -> list[Problem]:
    """A file of times: as many lines as there are boxes, one column per repetition.

    Args:
        text: of the file.
        file: its name, for problems.
        boxes: lines of the file of boxes.
    """
    lines: list[str] = text.rstrip().split("\n") if text.strip() else []
    findings: Findings = defaultdict(list)
    if not lines:
        return [Problem(file, "the file is empty; expected the seconds of each frame, one line per frame")]
    columns = lines[0].count(",") + 1
    for number, line in enumerate(lines, start=1):
        values = _numbers(line, number, findings, columns)
        if values is not None and not all(math.isfinite(value) and value >= 0 for value in values):
            findings["time"].append((number, f"{line.strip()[:60]!r} is no time; expected seconds, 0 or more"))
    problems = _problems(file, findings)
    if len(lines) != boxes:
        says = f"the file has {len(lines)} times for {boxes} boxes; expected one per frame"
        problems.append(Problem(file, says, min(len(lines), boxes) + 1))
    return problems


def check_first_box(first_xywh: Boxes, given_xywh: Boxes, file: str) -> list[Problem]:
    """Whether results start at the given box; a server would score others, near zero."""
    if np.abs(first_xywh - given_xywh).max() <= FIRST_BOX_TOLERANCE or not np.isfinite(given_xywh).all():
        return []
    was, given = (",".join(f"{value:g}" for value in box) for box in (first_xywh, given_xywh))
    says = f"the first box {was} is not the given one ({given}); these are boxes of another sequence, or not in "
    return [Problem(file, says + "left,top,width,height", 1)]


def _problems(file: str, findings: Findings) -> list[Problem]:
    """Of each kind the first line, and how many more there are."""
    problems = []
    for (line, says), *others in findings.values():
        more = f" (and {len(others)} more such lines)" if others else ""
        problems.append(Problem(file, says + more, line))
    return problems


def _numbers(line: str, number: int, findings: Findings, columns: int) -> list[float] | None:
    shown = repr(line.strip()[:60])
    if not line.strip():
        findings["empty"].append(
            (number, "the line is empty; servers skip it, and in files of one box per frame all later ones move up")
        )
        return None
    separator = find_separator(line)
    if separator not in (None, ","):
        findings["separator"].append(
            (number, f"{shown} is separated by {SEPARATORS[separator or ' ']}; expected commas and nothing else")
        )
        return None
    try:
        values = [float(field) for field in line.split(",")]
    except ValueError:
        findings["number"].append((number, f"{shown} holds something that is no number; expected {columns} numbers"))
        return None
    if len(values) != columns:
        findings["columns"].append((number, f"{shown} has {len(values)} numbers; expected {columns}"))
        return None
    return values

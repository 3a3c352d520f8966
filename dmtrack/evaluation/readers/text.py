"""Numbers in lines, whatever separates them, with errors that name the line; and results in such files.

These are the folders of got10k, VOT and ours, and flat files of PyTracking, PySOT, MMTracking and OTB.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.headings import read_named_boxes
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.trajectory import FAILED, INITIALIZED, SKIPPED, Trajectory, number_of_values
from dmtrack.evaluation.readers.boxes import BadBoxes, RawResult, check_boxes, upright_boxes
from dmtrack.evaluation.readers.layouts import Candidate, Layout, ResultFiles
from dmtrack.files import read_text

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


Values = NDArray[np.float64]


def read_text_result(files: ResultFiles, candidate: Candidate, layout: Layout, bad_boxes: BadBoxes) -> RawResult:
    """One box per line, perhaps below a heading, with times, scores and presence where they lie beside.

    Raises:
        EvaluationError: a file is malformed, or separated by something else than the layout has.
    """
    where = files.where(candidate.boxes)
    text = files.text(candidate.boxes)
    rows = read_named_boxes(text, where, EvaluationError)
    if rows is None:
        table = parse_table(text, where, columns=(4,))
        if layout.separators and table.separator not in layout.separators:
            raise EvaluationError(
                f"{where}, line 1: numbers are separated by {SEPARATORS[table.separator or ' ']}; expected "
                f"{' or '.join(SEPARATORS[item] for item in layout.separators)} in the layout {layout.name!r}: read it "
                "with --layout text (in Python layout='text'), which takes any separator"
            )
        rows = table.rows
    boxes, notes = check_boxes(rows, where, bad_boxes)
    seconds, note = _read_times(files, candidate, len(boxes))
    present = _read_column(files, candidate, "present", len(boxes))
    if candidate.repetitions:
        notes.append(f"{where}: only the first of {len(candidate.repetitions) + 1} repetitions is read")
    return RawResult(
        where,
        boxes,
        seconds=seconds,
        scores=_read_column(files, candidate, "score", len(boxes)),
        present=None if present is None else present > 0.5,
        notes=(*notes, *note),
    )


def read_vot_result(files: ResultFiles, candidate: Candidate, bad_boxes: BadBoxes) -> RawResult:
    """Rectangles, polygons and codes, all repetitions, with confidences where they lie beside.

    Raises:
        EvaluationError: a file is malformed.
    """
    where = files.where(candidate.boxes)
    tables = [parse_vot(files.text(name), files.where(name)) for name in (candidate.boxes, *candidate.repetitions)]
    table = tables[0]
    boxes, notes = check_boxes(upright_boxes(table.rows, table.counts), where, bad_boxes)
    codes = table.counts == 1
    if codes.any():  # a code is no NaN that a tracker wrote
        notes = [note for note in notes if "with NaN" not in note]
    restarts = int(np.count_nonzero(codes[1:] & (table.rows[1:, 0] == INITIALIZED)))
    if restarts:
        notes.append(
            f"{where}: a run with {restarts} restarts; frames with codes are misses, so one-pass scores of it compare "
            "with no other tracker's: use a protocol of VOT"
        )
    if (table.counts > 4).any():
        notes.append(f"{where}: polygons; their smallest upright boxes stand for them in one-pass scores")
    if candidate.repetitions:
        notes.append(f"{where}: one-pass scores are of the first of {len(tables)} repetitions")
    seconds, note = _read_times(files, candidate, len(boxes))
    return RawResult(
        where,
        boxes,
        seconds=seconds,
        scores=_read_column(files, candidate, "score", len(boxes)),
        trajectories=tuple(Trajectory(item.rows) for item in tables),
        starts_with_truth=bool(codes[0] and table.rows[0, 0] == INITIALIZED),
        notes=(*notes, *note),
    )


def read_trajectory(path: str | Path) -> Trajectory:
    """Reads the text that VOT toolkits, PySOT and MMTracking write (`<sequence>_001.txt`).

    Raises:
        EvaluationError: the file is missing, empty, or a line is no region and no code.
    """
    table = parse_vot(read_text(path, "a trajectory of the VOT format", EvaluationError), str(path))
    unknown = number_of_values(table.rows) == 0
    if unknown.any():
        raise EvaluationError(f"{path}, line {int(np.argmax(unknown)) + 1} holds a NaN; expected finite numbers")
    return Trajectory(table.rows)


def parse_vot(text: str, where: str) -> Table:
    """Lines of a VOT trajectory.

    Raises:
        EvaluationError: a line is neither code nor rectangle nor polygon.
    """
    expected = "expected a code (0, 1 or 2), x,y,width,height, or the corners x1,y1,x2,y2,... of a polygon"
    for number, line in enumerate(text.split("\n"), start=1):
        if line.lstrip().startswith("m"):
            raise EvaluationError(f"{where}, line {number} is a mask, which is not supported; {expected}")
    table = parse_table(text, where)
    codes = table.counts == 1
    wrong = codes & ~np.isin(table.rows[:, 0], (SKIPPED, INITIALIZED, FAILED))
    wrong |= (table.counts < 4) & ~codes
    wrong |= (table.counts % 2 == 1) & ~codes
    if wrong.any():
        row = int(np.argmax(wrong))
        raise EvaluationError(f"{where}, line {row + 1}: {text.split(chr(10))[row].strip()[:60]!r}; {expected}")
    infinite = np.isinf(table.rows).any(axis=1)
    if infinite.any():
        raise EvaluationError(f"{where}, line {int(np.argmax(infinite)) + 1} is infinite; {expected}")
    return table


def _read_times(files: ResultFiles, candidate: Candidate, rows: int) -> tuple[Values | None, list[str]]:
    """Seconds per frame; got10k writes a column per repetition, of which the first belongs to the boxes."""
    name = candidate.companions.get("time")
    if name is None:
        return None, []
    seconds = parse_table(files.text(name), files.where(name)).rows[:, 0]
    if len(seconds) != rows:
        return None, [f"{files.where(name)}: {len(seconds)} times for {rows} boxes; no speed is taken from it"]
    return seconds, []


def _read_column(files: ResultFiles, candidate: Candidate, kind: str, rows: int) -> Values | None:
    """One number per frame; an empty line is NaN, and the first frame, which needs none, may be lacking."""
    name = candidate.companions.get(kind)
    if name is None:
        return None
    values = parse_table(files.text(name), files.where(name), (1,), empty_lines=True).rows[:, 0]
    if len(values) == rows - 1:
        values = np.concatenate([[np.nan], values])
    if len(values) != rows:
        raise EvaluationError(
            f"{files.where(name)}, line {min(len(values), rows) + 1}: the file has {len(values)} values for {rows} "
            "boxes; expected one per frame: run the tracker again, or remove the file to do without"
        )
    return values

"""Parsing of the small text files that datasets keep beside their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.headings import read_named_boxes
from dmtrack.errors import DataError
from dmtrack.files import read_text

_SEPARATORS = str.maketrans(",\t;", "   ")


def read_rows(path: Path, what: str, columns: tuple[int, ...] = (4,)) -> NDArray[np.float64]:
    """Numbers in lines, separated by commas, tabs or spaces; about a microsecond per line.

    Where boxes of four numbers are expected, a first line of names says in which columns they stand, and whether as
    corners or centres; they come back as left, top, width, height.

    Args:
        path: of the file.
        what: the file holds, for the error.
        columns: how many numbers a line may have; all lines have the same count.

    Returns:
        (lines, columns) float64; "nan" is NaN.

    Raises:
        DataError: the file is missing, or a line does not hold so many numbers; the message names file and line.
    """
    text = read_text(path, what)
    lines = text.translate(_SEPARATORS).rstrip().split("\n")
    if lines == [""]:
        raise DataError(f"{path} is empty: expected {what}")
    if 4 in columns and (named := read_named_boxes(text, str(path), DataError)) is not None:
        return named
    count = len(lines[0].split())
    expected = count if count in columns else columns[0]
    values: list[float] = []
    number = 0
    try:
        for number, line in enumerate(lines, start=1):  # noqa: B007 the error below names the line
            row = line.split()
            if len(row) != expected:
                raise ValueError(f"{len(row)} values")
            values.extend(map(float, row))
    except ValueError as error:
        wanted, line = " or ".join(str(count) for count in columns), text.split("\n")[number - 1]
        # As the line itself has them, in a file of several numbers per line.
        separator = "spaces" if "," not in line and len(line.split()) > 1 else "commas"
        raise DataError(f"{path}:{number}: expected {wanted} numbers separated by {separator}, got {line!r}") from error
    return np.array(values, dtype=np.float64).reshape(-1, expected)


def read_flags(path: Path, what: str, length: int) -> NDArray[np.int64]:
    """Whole numbers, one per frame, on one line or one per line.

    Args:
        path: of the file.
        what: the file holds, for the error.
        length: how many there must be.

    Raises:
        DataError: the file is missing, holds something else, or has another count; the message has both counts.
    """
    words = read_text(path, what).translate(_SEPARATORS).split()
    try:
        flags = np.array([int(word) for word in words], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: expected {what}: whole numbers only ({error})") from error
    if len(flags) != length:
        raise DataError(
            f"{path} has {len(flags)} entries but the sequence has {length} annotated frames; "
            "both must be equal: download the annotations again"
        )
    return flags


def read_tags(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the names whose flag is set in a file with 0 or 1 for each; none where there is no such file."""
    if not path.is_file():
        return ()
    flags = read_flags(path, f"0 or 1 for each of {', '.join(names)}", len(names))
    return tuple(name for name, flag in zip(names, flags, strict=True) if flag)


def mask_absent(
    boxes_xywh: NDArray[np.float64], present: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Boxes with NaN rows where the target is absent, and where it is present.

    A row that is not finite or has no area counts as absent, too: that is how several datasets write it.
    """
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(boxes_xywh).all(axis=1) & (boxes_xywh[:, 2:] > 0).all(axis=1))
    if present is not None:
        valid = valid & present
    return np.where(valid[:, None], boxes_xywh, np.nan), valid

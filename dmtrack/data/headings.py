"""Tables of boxes by the names of their columns: which four hold the box, and in which format."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dmtrack.boxes import Boxes, cxcywh_to_xywh, xyxy_to_xywh
from dmtrack.errors import DMTrackError

EXPECTED = "x,y,w,h, or xmin,ymin,xmax,ymax, or cx,cy,w,h, in any order"
"""What a heading may call the four numbers, for errors."""

_LEFT, _TOP = ("xmin", "x1", "left", "xtl", "x"), ("ymin", "y1", "top", "ytl", "y")
_RIGHT, _BOTTOM = ("xmax", "x2", "right", "xbr"), ("ymax", "y2", "bottom", "ybr")
_CENTER_X = ("cx", "xc", "xcenter", "xcentre", "centerx", "centrex")
_CENTER_Y = ("cy", "yc", "ycenter", "ycentre", "centery", "centrey")
_SIZE = (("w", "width"), ("h", "height"))
_NAMES: tuple[tuple[Callable[[ArrayLike], Boxes], tuple[tuple[str, ...], ...]], ...] = (
    # Corners come first: tables that have them often give the size of the image, too, as width and height.
    (xyxy_to_xywh, (("x0",), ("y0",), ("x1",), ("y1",))),
    (xyxy_to_xywh, (_LEFT, _TOP, _RIGHT, _BOTTOM)),
    (cxcywh_to_xywh, (_CENTER_X, _CENTER_Y, *_SIZE)),
    (np.array, (_LEFT, _TOP, *_SIZE)),
)
"""Names of the four columns of a format, best ones first, as `plain_name` gives them."""

_SEPARATORS = ("\t", ";", ",")


@dataclass(frozen=True)
class BoxColumns:
    """Where a box stands in the rows of a table.

    Attributes:
        places: of the four columns, from 0.
        to_xywh: makes left, top, width, height of their numbers.
    """

    places: tuple[int, ...]
    to_xywh: Callable[[ArrayLike], Boxes]

    def boxes_xywh(self, rows: Sequence[Sequence[str]]) -> Boxes:
        """(rows, 4) boxes of the cells of some rows.

        Raises:
            ValueError: a cell holds no number.
            IndexError: a row is too short.
        """
        numbers = [[float(row[place]) for place in self.places] for row in rows]
        return np.asarray(self.to_xywh(np.array(numbers, dtype=np.float64).reshape(-1, 4)), dtype=np.float64)


def plain_name(cell: str) -> str:
    """A name as tables of several tools spell it: `bbox_x_min`, `"XMin"` and `x-min` are all `xmin`."""
    return re.sub(r"^(bounding)?b?box(es)?|^bb(?=.)|^gt|^rect|[^a-z0-9]", "", re.sub("[^a-z0-9]", "", cell.casefold()))


def split_cells(line: str) -> list[str]:
    """The cells of a line whose separator is a tab, a semicolon, a comma, or else a space."""
    separator = next((one for one in _SEPARATORS if one in line), None)
    return [cell.strip() for cell in line.split(separator)]


def is_heading(cells: Sequence[str]) -> bool:
    """Whether the cells of a line are names: nowhere a number, and at least one word."""
    return any(cells) and not any(_is_number(cell) for cell in cells)


def find_box_columns(cells: Sequence[str]) -> BoxColumns | None:
    """The columns of the box by the names in a heading; None where it names none."""
    names = [plain_name(cell) for cell in cells]
    for to_xywh, wanted in _NAMES:
        found = [next((name for name in choices if name in names), None) for choices in wanted]
        if None not in found:
            return BoxColumns(tuple(names.index(name) for name in found if name is not None), to_xywh)
    return None


def read_named_boxes(text: str, where: str, error: type[DMTrackError]) -> Boxes | None:
    """(rows, 4) boxes of a table with a heading, as left, top, width, height; None where its first line is none.

    Args:
        text: of the file.
        where: the file, for errors.
        error: their kind.

    Raises:
        DMTrackError: the heading names no box, or a line does not hold what it says.
    """
    heading, *lines = text.rstrip().split("\n")
    heading = heading.lstrip("#% ")  # names that numpy or Matlab wrote as a comment
    if not is_heading(split_cells(heading)):
        return None
    found = find_box_columns(split_cells(heading))
    if found is None and not re.search("[a-z]", heading, re.IGNORECASE):
        raise error(f"{where}, line 1: {heading[:60]!r} has commas for decimal points: write 1.5 instead of 1,5")
    if found is None:
        raise error(f"{where}, line 1: the heading {heading[:60]!r} names no box: expected {EXPECTED}")
    if not lines:
        raise error(f"{where} has a heading and no boxes: expected a line per frame")
    boxes = np.empty((len(lines), 4))
    for row, line in enumerate(lines):
        try:
            boxes[row] = found.boxes_xywh([split_cells(line)])[0]
        except (ValueError, IndexError) as reason:
            raise error(f"{where}, line {row + 2}: expected {heading[:60]!r}, got {line[:60]!r}") from reason
    return boxes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

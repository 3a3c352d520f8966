"""Detections that MOTChallenge gives with its sequences: `det.txt`, from which trackers start that detect nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from dmtrack.association.detections import Detections
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.text import parse_table
from dmtrack.files import read_text

FIRST_PIXEL = 1.0
"""MOTChallenge calls the first pixel 1; boxes are continuous here, and the left border of the first pixel is 0."""


def read_mot_detections(path: str | Path, frames: int | None = None) -> list[Detections]:
    """The detections of every frame of a sequence, best first.

    A line is `frame,id,left,top,width,height,score` with frames from 1, perhaps with three numbers behind that mean
    nothing for detections. The id is -1; it is not looked at.

    Args:
        path: of the `det.txt`.
        frames: length of the sequence, whose last frames may be without detections; by default the last frame that has
            some is the last one.

    Returns:
        One item per frame: float64 corners in pixels from 0, scores as they stand in the file, which are in [0, 1] for
        some detectors and not for others.

    Raises:
        EvaluationError: the file cannot be read, or a line has no whole frame number from 1 on, a box without area, or
            something that is no finite number; the message names the line.
    """
    where = Path(path)
    text = read_text(where, "the det.txt of a MOTChallenge sequence", EvaluationError)
    rows = parse_table(text, str(where), columns=(7, 10)).rows[:, :7]
    number, size = rows[:, 0], rows[:, 4:6]
    for wrong, what in (
        (~np.isfinite(rows).all(axis=1), "holds something that is no finite number"),
        (
            (number < 1) | (number != np.floor(number)),
            "begins with no frame number; expected whole numbers from 1 on",
        ),
        ((size <= 0).any(axis=1), "has a box without area; expected a width and a height above 0"),
    ):
        if wrong.any():
            raise EvaluationError(f"{where}, line {int(wrong.argmax()) + 1} {what}")
    last = int(number.max())
    if frames is not None and last > frames:
        raise EvaluationError(f"{where} has detections in frame {last} of a sequence of {frames}")
    order = np.lexsort((-rows[:, 6], number))
    boxes_xywh = rows[order, 2:6] - np.array([FIRST_PIXEL, FIRST_PIXEL, 0.0, 0.0])
    found = Detections.from_xywh(boxes_xywh, rows[order, 6])
    ends = np.searchsorted(number[order], np.arange(0, (frames or last) + 1), side="right")
    return [found.select(slice(first, end)) for first, end in itertools.pairwise(ends)]

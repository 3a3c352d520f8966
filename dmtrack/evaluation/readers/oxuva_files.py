"""Predictions as the OxUvA benchmark defines them: one table per target, coordinates from 0 to 1, presence in words."""

from __future__ import annotations

import csv
import io

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError

_PRESENT = {"true": True, "present": True, "1": True, "false": False, "absent": False, "0": False}
"""What the benchmark's code writes, and what its text says."""

_EXPECTED = (
    "expected video,object,frame,present,score,xmin,xmax,ymin,ymax with present 'true' or 'false' and coordinates from "
    "0 to 1"
)


def parse_predictions(
    text: str, where: str, sequence: Sequence
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Predictions of one target, in pixels (as shares, where the sequence has no images).

    Args:
        text: of a file of the benchmark's format, with or without a line of titles.
        where: the file, for errors.
        sequence: of `OxUvA`.

    Returns:
        (frames, 4) boxes, NaN where the target is said to be absent; (frames,) whether it is said to be present; and
        (frames,) scores, NaN where there is none. The first frame has its true box.

    Raises:
        EvaluationError: the sequence is of another benchmark, the file is malformed, or lacks an annotated frame.
    """
    numbers = sequence.annotation.frame_numbers
    if numbers is None:
        raise EvaluationError(
            f"{where} is a table of the OxUvA benchmark, but {sequence.name!r} is no sequence of it; give results of "
            "this benchmark"
        )
    size = np.array(sequence.frame_size_wh or (1, 1), dtype=np.float64)
    place = {int(frame): index for index, frame in enumerate(numbers)}
    boxes, present = np.full((len(sequence), 4), np.nan), np.zeros(len(sequence), dtype=bool)
    scores = np.full(len(sequence), np.nan)
    boxes[0], present[0] = sequence.boxes_xywh[0], True
    seen = present.copy()
    for line, row in enumerate(csv.reader(io.StringIO(text)), start=1):
        if not row or (line == 1 and "frame_num" in row):
            continue
        try:
            index = place.get(int(row[2]))
            said = _PRESENT[row[3].strip().lower()]
            score = float(row[4]) if row[4].strip() else np.nan
            left, right, top, bottom = (float(value) if said else np.nan for value in row[5:9])
        except (IndexError, KeyError, ValueError) as error:
            raise EvaluationError(f"{where}, line {line}: {_EXPECTED}; got {','.join(row)[:80]!r}") from error
        if index is not None and index > 0:
            corners = np.array([left, top, right - left, bottom - top])
            boxes[index], present[index] = corners * np.tile(size, 2), said
            scores[index], seen[index] = score, True
    lacking = np.flatnonzero(sequence.annotated & ~seen)
    if len(lacking):
        frame = int(numbers[lacking[0]])
        raise EvaluationError(
            f"{where} has no prediction for frame {frame} of {sequence.name!r} ({len(lacking)} are missing); "
            "remove the file and run the tracker again"
        )
    return boxes, present, scores

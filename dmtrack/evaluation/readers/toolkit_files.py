"""Results of OTB's own code, MATLAB structs and JSON, and predictions as OxUvA defines them.

The latter are one table per target, with coordinates from 0 to 1 and presence in words.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.matlab import parse_mat
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.boxes import BadBoxes, RawResult, check_boxes
from dmtrack.evaluation.readers.layouts import Candidate, ResultFiles

_VARIABLES = ("results", "result", "res")
_EXPECTED = "expected 'results' with a field 'res' of one left, top, width, height per frame"


def read_mat_result(files: ResultFiles, candidate: Candidate, bad_boxes: BadBoxes) -> RawResult:
    """A `.mat` file: `results`, a struct or a cell of one, with `res`, `type` and perhaps `fps`; or boxes alone.

    Raises:
        EvaluationError: it is damaged, holds something else, or shapes that are no boxes.
    """
    where = files.where(candidate.boxes)
    try:
        variables = parse_mat(files.read(candidate.boxes))
    except NotImplementedError as error:
        raise EvaluationError(f"{where} has MATLAB's 7.3 format; save it again in MATLAB with '-v7'") from error
    except Exception as error:  # scipy raises whatever a damaged file makes it stumble over
        raise EvaluationError(f"{where} is no readable .mat file ({error}); download or save it again") from error
    own = {name: value for name, value in variables.items() if not name.startswith("__")}
    name = next((name for name in _VARIABLES if name in own), None)
    if name is None:
        raise EvaluationError(f"{where} has no variable 'results' (it has {', '.join(own) or 'none'}); {_EXPECTED}")
    found = own[name]
    is_cell = isinstance(found, np.ndarray) and found.dtype == object
    if not is_cell and not hasattr(found, "_fieldnames"):
        return _read_run([{"res": found}], where, bad_boxes)
    runs: list[Mapping[str, Any]] = []
    for run in np.atleast_1d(found):
        inside = run.ravel()[0] if isinstance(run, np.ndarray) and run.dtype == object and run.size == 1 else run
        runs.append({name: getattr(inside, name) for name in getattr(inside, "_fieldnames", ())})
    return _read_run(runs, where, bad_boxes)


def read_json_result(files: ResultFiles, candidate: Candidate, bad_boxes: BadBoxes) -> RawResult:
    """A `.json` file: a list of runs, each with `res`, `resType` and perhaps `fps`.

    Raises:
        EvaluationError: it is no JSON, holds something else, or shapes that are no boxes.
    """
    where, text = files.where(candidate.boxes), files.text(candidate.boxes)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise EvaluationError(f"{where} is no complete JSON file ({error}); download it again") from error
    except RecursionError as error:
        raise EvaluationError(f"{where} is nested too deeply; {_EXPECTED}") from error
    runs = content if isinstance(content, list) else [content]
    if not runs or not all(isinstance(run, dict) for run in runs):
        raise EvaluationError(f"{where} holds no list of runs; {_EXPECTED}")
    return _read_run(runs, where, bad_boxes)


def _read_run(runs: list[Mapping[str, Any]], where: str, bad_boxes: BadBoxes) -> RawResult:
    if len(runs) != 1:
        raise EvaluationError(
            f"{where} holds {len(runs)} runs; expected one (OPE): those of OTB's TRE and SRE, which start at other "
            "frames and boxes, are not supported"
        )
    run = runs[0]
    kind = run.get("resType", run.get("type", "rect"))
    if kind != "rect":
        raise EvaluationError(f"{where} holds shapes of type {kind!r}; only 'rect' is supported: convert it to boxes")
    if "res" not in run:
        raise EvaluationError(f"{where} has no field 'res' (it has {', '.join(run) or 'none'}); {_EXPECTED}")
    boxes, notes = check_boxes(_to_boxes(run["res"], where), where, bad_boxes, unit="row")
    seconds = None
    fps = run.get("fps")
    if isinstance(fps, (int, float, np.number)) and np.isfinite(fps) and fps > 0:
        seconds = np.full(len(boxes), 1.0 / float(fps))
    return RawResult(where, boxes, unit="row", seconds=seconds, notes=tuple(notes))


def _to_boxes(rows: Any, where: str) -> NDArray[np.float64]:
    if isinstance(rows, list):
        for number, row in enumerate(rows, start=1):
            numbers = isinstance(row, list) and all(isinstance(value, (int, float)) for value in row)
            if not numbers or len(row) != 4:
                raise EvaluationError(f"{where}, row {number}: {str(row)[:60]} are no 4 numbers; {_EXPECTED}")
    try:
        boxes = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"{where}: 'res' holds something that is no number; {_EXPECTED}") from error
    if boxes.ndim == 1 and len(boxes) == 4:  # one frame, which MATLAB does not tell from a row
        boxes = boxes[None]
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
        shape = " x ".join(map(str, boxes.shape))
        raise EvaluationError(f"{where}: 'res' has {shape or 'no'} numbers; {_EXPECTED}")
    return boxes


_PRESENT = {"true": True, "present": True, "1": True, "false": False, "absent": False, "0": False}
"""What the benchmark's code writes, and what its text says."""

_PREDICTION = (
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
            raise EvaluationError(f"{where}, line {line}: {_PREDICTION}; got {','.join(row)[:80]!r}") from error
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

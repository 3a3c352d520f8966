"""Files of MOTChallenge: the `det.txt` of a sequence, its truth, and results of trackers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Detections
from dmtrack.data.sources.mot_challenge import read_length
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.text import parse_table
from dmtrack.files import read_text

Rows = NDArray[np.float64]

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


def read_mot_rows(path: str | Path, truth: bool = False) -> Rows:
    """Boxes with identities of a `gt.txt` or of a tracker's result.

    Returns:
        (n, 9) frame, identity, left, top, width, height, mark, class, visible share; sorted by frame and identity. A
        result has mark and class 1.

    Raises:
        EvaluationError: the file cannot be read, a line is no such row, or an identity stands twice in a frame.
    """
    where = Path(path)
    text = read_text(where, "lines frame,id,left,top,width,height,... of MOTChallenge", EvaluationError)
    if not text.strip():
        return np.zeros((0, 9))
    given = parse_table(text, str(where), columns=(6, 7, 8, 9, 10)).rows
    wrong = (
        ~np.isfinite(given[:, :6]).all(axis=1) | (given[:, :1] < 1).any(axis=1) | (given[:, :2] % 1 != 0).any(axis=1)
    )
    if wrong.any():
        raise EvaluationError(
            f"{where}, line {int(wrong.argmax()) + 1}: expected frame and identity as whole numbers, frames from 1, "
            "and finite left, top, width, height"
        )
    rows = np.ones((len(given), 9))
    rows[:, :6] = given[:, :6]
    if truth:
        known = min(given.shape[1], 9) if given.shape[1] < 10 else 7  # the last three of MOT15 mean nothing
        rows[:, 6:known] = given[:, 6:known]
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    same = (np.diff(rows[order, :2], axis=0) == 0).all(axis=1)
    if same.any():
        frame, identity = rows[order][int(same.argmax()), :2].astype(int).tolist()
        raise EvaluationError(f"{where}: identity {identity} stands twice in frame {frame}; expected one box each")
    return np.asarray(rows[order])


def find_truths(path: Path) -> dict[str, Path]:
    """The `gt.txt` of every sequence, by its name.

    Args:
        path: a `gt.txt`, a folder of a sequence, or a folder of such folders.

    Raises:
        EvaluationError: there is none.
    """
    if path.is_file():
        inside = path.parent.name == "gt"
        return {(path.parent.parent if inside else path.parent if path.name == "gt.txt" else path).stem: path}
    places = ("gt/gt.txt", "gt.txt")
    folders = [path] if any((path / place).is_file() for place in places) else sorted(path.glob("*/"))
    found = {
        folder.name: next((folder / place for place in places if (folder / place).is_file()), None)
        for folder in folders
    }
    truths = {name: file for name, file in found.items() if file is not None}
    if not truths:
        raise EvaluationError(f"{path} has no gt/gt.txt and no <sequence>/gt/gt.txt; give sequences with their truth")
    return truths


def pair(truths: Mapping[str, Path], result: Path) -> list[tuple[str, Path, Path]]:
    """Each sequence with its truth and its result.

    Args:
        truths: of `find_truths`.
        result: a text file for a single sequence; or a folder with `<sequence>.txt` or `<sequence>/tracks.txt` each.

    Raises:
        EvaluationError: a sequence has no result; names all of them.
    """
    if len(truths) == 1:
        ((name, truth),) = truths.items()
        if result.is_file():
            return [(name, truth, result)]
        truths = {name: truth}
        if (result / "tracks.txt").is_file():
            return [(name, truth, result / "tracks.txt")]
    pairs, lacking = [], []
    for name, truth in truths.items():
        own = next((one for one in (result / f"{name}.txt", result / name / "tracks.txt") if one.is_file()), None)
        if own is None:
            lacking.append(name)
        else:
            pairs.append((name, truth, own))
    if lacking:
        raise EvaluationError(
            f"{result} has no result of {', '.join(lacking)}; expected <sequence>.txt or <sequence>/tracks.txt of each"
        )
    return pairs


def length_of(truth: Path) -> int | None:
    """Frames of the sequence, by the seqinfo.ini beside or above its truth; None where there is none."""
    for folder in (truth.parent, truth.parent.parent):
        if (folder / "seqinfo.ini").is_file():
            return read_length(folder / "seqinfo.ini")
    return None

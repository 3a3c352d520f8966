"""Scores of multi-object trackers: HOTA, CLEAR MOT and identity measures, computed by TrackEval.

What is decided here is what counts: which true boxes, and which boxes of a tracker lie on people that nobody is asked
to track (sitting in a car, behind glass) and are taken out before anything is counted.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.data.sources.mot_challenge import read_length
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.text import parse_table
from dmtrack.files import read_text
from dmtrack.registry import did_you_mean

Rows = NDArray[np.float64]
PEDESTRIAN = 1
OVERLAP = 0.5


@dataclass(frozen=True)
class MOTProtocol:
    """What counts.

    Attributes:
        name: of the protocol.
        distractors: classes whose people nobody is asked to track; boxes on them are taken out.
        with_classes: the truth has classes, of which pedestrians count; MOT15 has none.
        apart: boxes on distractors are found without regard to those on people that count, and frames without any box
            of the tracker are not visited (FairMOT's and ByteTrack's evaluator; about a point from the official one).
    """

    name: str
    distractors: tuple[int, ...] = (2, 7, 8, 12)
    with_classes: bool = True
    apart: bool = False


MOT_PROTOCOLS = {
    one.name: one
    for one in (
        MOTProtocol("mot15", distractors=(), with_classes=False),
        MOTProtocol("mot17"),
        MOTProtocol("mot20", distractors=(2, 6, 7, 8, 12)),
        MOTProtocol("no-preprocessing", distractors=()),
        MOTProtocol("fairmot", apart=True),
    )
}
"""By name; MOT16, DanceTrack and SportsMOT are scored as `mot17`."""

MEASURES = {
    "HOTA": ("HOTA", "HOTA"),
    "DetA": ("HOTA", "DetA"),
    "AssA": ("HOTA", "AssA"),
    "LocA": ("HOTA", "LocA"),
    "MOTA": ("CLEAR", "MOTA"),
    "MOTP": ("CLEAR", "MOTP"),
    "IDF1": ("Identity", "IDF1"),
    "IDP": ("Identity", "IDP"),
    "IDR": ("Identity", "IDR"),
    "IDSW": ("CLEAR", "IDSW"),
    "FP": ("CLEAR", "CLR_FP"),
    "FN": ("CLEAR", "CLR_FN"),
    "MT": ("CLEAR", "MT"),
    "PT": ("CLEAR", "PT"),
    "ML": ("CLEAR", "ML"),
    "Frag": ("CLEAR", "Frag"),
}
"""Our name of a number: TrackEval's family and field. HOTA and its parts are means over 19 thresholds of overlap."""

COUNTS = ("IDSW", "FP", "FN", "MT", "PT", "ML", "Frag")


def mot_protocol(name: str) -> MOTProtocol:
    """The protocol of that name.

    Raises:
        EvaluationError: there is none.
    """
    if name not in MOT_PROTOCOLS:
        raise EvaluationError(f"unknown protocol {name!r}{did_you_mean(name, MOT_PROTOCOLS)}")
    return MOT_PROTOCOLS[name]


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


def written(name: str, value: float) -> str:
    """A number of `MEASURES` in a table: shares in percent, counts whole."""
    return f"{value:.0f}" if name in COUNTS else f"{100 * value:.1f}"


def score_sequence(truth: Rows, result: Rows, protocol: MOTProtocol, frames: int | None = None) -> dict[str, Any]:
    """The raw scores of one sequence, by TrackEval's families and fields.

    Args:
        truth: of `read_mot_rows`.
        result: likewise, of a tracker.
        protocol: what counts.
        frames: length of the sequence; by default its last frame with a box.

    Raises:
        EvaluationError: TrackEval is not installed, or the result has frames beyond the sequence.
    """
    last = int(max(truth[:, 0].max(initial=0), result[:, 0].max(initial=0)))
    if frames is not None and last > frames:
        raise EvaluationError(f"there are boxes in frame {last} of a sequence of {frames}; give the result of this one")
    data = _prepared(truth, result, protocol, frames or last)
    return {name: metric.eval_sequence(data) for name, metric in _metrics().items()}


def combine(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The raw scores of all sequences together: of their sums, not the mean of their scores."""
    return {
        name: metric.combine_sequences({sequence: one[name] for sequence, one in scores.items()})
        for name, metric in _metrics().items()
    }


def numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of `MEASURES`: shares in [0, 1], and counts."""
    return {name: float(np.mean(scores[family][field])) for name, (family, field) in MEASURES.items()}


def _metrics() -> dict[str, Any]:
    try:
        families = importlib.import_module("trackeval.metrics")
    except ImportError as error:
        raise EvaluationError("scores of many objects need TrackEval: pip install 'dmtrack[mot]'") from error
    quiet = {"PRINT_CONFIG": False}
    return {name: getattr(families, name)(quiet) for name in ("HOTA", "CLEAR", "Identity")}


def _prepared(truth: Rows, result: Rows, protocol: MOTProtocol, frames: int) -> dict[str, Any]:
    """What counts, frame by frame, with identities from 0, as TrackEval wants it."""
    counts = truth[:, 6] != 0
    if protocol.with_classes:
        counts &= truth[:, 7] == PEDESTRIAN
    true_ids, own_ids, overlaps = [], [], []
    for frame in range(1, frames + 1):
        here, own = truth[:, 0] == frame, result[result[:, 0] == frame]
        if protocol.apart and not len(own):
            continue
        others = np.isin(truth[here, 7], protocol.distractors)
        overlap = pairwise_iou_xyxy(xywh_to_xyxy(truth[here, 2:6]), xywh_to_xyxy(own[:, 2:6]))
        kept = ~_on_distractors(overlap, others, protocol.apart)
        true_ids.append(truth[here & counts, 1])
        own_ids.append(own[kept, 1])
        overlaps.append(overlap[counts[here]][:, kept])
    numbered = [np.unique(np.concatenate([*ids, np.zeros(0)]), return_inverse=True) for ids in (true_ids, own_ids)]
    split = [
        np.split(numbers.astype(int), np.cumsum([len(one) for one in ids])[:-1]) if ids else []
        for (_, numbers), ids in zip(numbered, (true_ids, own_ids), strict=True)
    ]
    return {
        "num_timesteps": len(overlaps),
        "num_gt_ids": len(numbered[0][0]),
        "num_tracker_ids": len(numbered[1][0]),
        "num_gt_dets": sum(map(len, true_ids)),
        "num_tracker_dets": sum(map(len, own_ids)),
        "gt_ids": split[0],
        "tracker_ids": split[1],
        "similarity_scores": overlaps,
    }


def _on_distractors(overlap: Rows, others: NDArray[np.bool_], apart: bool) -> NDArray[np.bool_]:
    """(m,) which boxes of a tracker belong to a distractor.

    Args:
        overlap: (n, m) of true boxes and the tracker's.
        others: (n,) which true boxes are distractors.
        apart: match them without the true boxes that count.
    """
    found = np.zeros(overlap.shape[1], bool)
    if not others.any():
        return found
    considered = np.flatnonzero(others) if apart else np.arange(len(others))
    near = np.where(overlap[considered] >= OVERLAP - np.finfo(float).eps, overlap[considered], 0.0)
    rows, columns = linear_sum_assignment(near, maximize=True)
    real = near[rows, columns] > 0
    found[columns[real & others[considered[rows]]]] = True
    return found

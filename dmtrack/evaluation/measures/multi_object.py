"""Many objects with identities: HOTA, CLEAR MOT and identity measures by TrackEval, and which boxes are mistakes.

What is decided here is what counts: which true boxes, and which boxes of a tracker lie on people that nobody is asked
to track (sitting in a car, behind glass) and are taken out before anything is counted. Whatever TrackEval counts in a
sequence is kept as sums, because the scores of several sequences are those of their sums.
"""

from __future__ import annotations

import importlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.data.sources.mot_challenge import FIRST_PIXEL_XYWH
from dmtrack.errors import EvaluationError

if TYPE_CHECKING:
    from dmtrack.evaluation.protocols.multi_object import MultiObjectProtocol

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Rows = NDArray[np.float64]
"""(n, 9) frame, identity, left, top, width, height, mark, class, visible share; frames and pixels from 1."""

PEDESTRIAN = 1
OVERLAP = 0.5
NOBODY = -1
RIGHT, MISSED, FALSE, SWITCHED = range(4)
"""What a box is, see `Pairing`."""

ALPHAS = np.arange(0.05, 0.99, 0.05)
"""(19,) the thresholds of overlap of HOTA; HOTA and its parts are means over them."""

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
"""Our name of a number: TrackEval's family and field."""

CURVES = ("HOTA", "DetA", "AssA", "LocA")

_SUMMED = {
    "CLEAR": ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW", "MT", "PT", "ML", "Frag", "MOTP_sum"),
    "Identity": ("IDTP", "IDFN", "IDFP"),
}
"""TrackEval's fields of which several sequences have the sum; those of HOTA are in `sums_of`."""

SUMS = 5 * len(ALPHAS) + sum(map(len, _SUMMED.values()))
"""How many sums a sequence has."""

_SMALL = 1e-10


def numbers(raw: dict[str, Any]) -> dict[str, float]:
    """The numbers of `MEASURES` in raw scores: shares in [0, 1], and counts."""
    return {name: float(np.mean(raw[family][field])) for name, (family, field) in MEASURES.items()}


@dataclass(frozen=True)
class CountedBoxes:
    """What counts in one sequence, frame by frame.

    Attributes:
        frames: (visited frames,) their numbers, from 1.
        truth: the true boxes of each, rows as in `Rows`.
        result: the tracker's boxes of each, likewise.
        overlaps: of each, (true boxes, tracker's boxes) IoU.
        true_ids: of each, identities counted from 0.
        result_ids: likewise.
        identities: how many true ones there are, and how many of the tracker.
    """

    frames: Integers
    truth: list[Rows]
    result: list[Rows]
    overlaps: list[Array]
    true_ids: list[Integers]
    result_ids: list[Integers]
    identities: tuple[int, int]


def counted_boxes(truth: Rows, result: Rows, protocol: MultiObjectProtocol, frames: int | None = None) -> CountedBoxes:
    """What of truth and result counts.

    Args:
        truth: of a `gt.txt`.
        result: of a tracker.
        protocol: what counts.
        frames: length of the sequence; by default its last frame with a box.

    Raises:
        EvaluationError: the result has frames beyond the sequence.
    """
    last = int(max(truth[:, 0].max(initial=0), result[:, 0].max(initial=0)))
    if frames is not None and last > frames:
        raise EvaluationError(f"there are boxes in frame {last} of a sequence of {frames}; give the result of this one")
    visited, true_rows, own_rows, overlaps = [], [], [], []
    both = zip(_by_frame(truth, frames or last), _by_frame(result, frames or last), strict=True)
    for frame, (here, own) in enumerate(both, start=1):
        if protocol.apart and not len(own):
            continue
        counts = here[:, 6] != 0
        if protocol.with_classes:
            counts &= here[:, 7] == PEDESTRIAN
        others = np.isin(here[:, 7], protocol.distractors)
        overlap = pairwise_iou_xyxy(xywh_to_xyxy(here[:, 2:6]), xywh_to_xyxy(own[:, 2:6]))
        kept = ~_on_distractors(overlap, others, protocol.apart)
        visited.append(frame)
        true_rows.append(here[counts])
        own_rows.append(own[kept])
        overlaps.append(overlap[counts][:, kept])
    (true_ids, people), (own_ids, tracks) = _numbered(true_rows), _numbered(own_rows)
    return CountedBoxes(np.array(visited, np.int64), true_rows, own_rows, overlaps, true_ids, own_ids, (people, tracks))


def _by_frame(rows: Rows, frames: int) -> list[Rows]:
    """The rows of every frame from 1 on: sorted once, then cut."""
    ordered = rows[np.argsort(rows[:, 0], kind="stable")]
    ends = np.searchsorted(ordered[:, 0], np.arange(frames + 1), side="right")
    return [ordered[first:end] for first, end in itertools.pairwise(ends.tolist())]


def _numbered(rows: list[Rows]) -> tuple[list[Integers], int]:
    """Identities counted from 0 in the order of their numbers, and how many there are."""
    known, places = np.unique(np.concatenate([*(one[:, 1] for one in rows), np.zeros(0)]), return_inverse=True)
    ends = np.cumsum([len(one) for one in rows])
    return (np.split(places.astype(np.int64), ends[:-1]) if rows else []), len(known)


def _on_distractors(overlap: Array, others: NDArray[np.bool_], apart: bool) -> NDArray[np.bool_]:
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
    from scipy.optimize import linear_sum_assignment  # costs a third of a second

    rows, columns = linear_sum_assignment(near, maximize=True)
    real = near[rows, columns] > 0
    found[columns[real & others[considered[rows]]]] = True
    return found


def raw_scores(counted: CountedBoxes) -> dict[str, Any]:
    """TrackEval's scores, by family and field.

    Raises:
        EvaluationError: TrackEval is not installed.
    """
    try:
        families = importlib.import_module("trackeval.metrics")
    except ImportError as error:
        raise EvaluationError("scores of many objects need TrackEval: pip install 'dmtrack[mot]'") from error
    data = {
        "num_timesteps": len(counted.frames),
        "num_gt_ids": counted.identities[0],
        "num_tracker_ids": counted.identities[1],
        "num_gt_dets": sum(map(len, counted.truth)),
        "num_tracker_dets": sum(map(len, counted.result)),
        "gt_ids": counted.true_ids,
        "tracker_ids": counted.result_ids,
        "similarity_scores": counted.overlaps,
    }
    return {
        name: getattr(families, name)({"PRINT_CONFIG": False}).eval_sequence(data)
        for name in ("HOTA", "CLEAR", "Identity")
    }


def sums_of(raw: dict[str, Any]) -> Array:
    """(SUMS,) what a sequence adds to the scores of several: five curves of 19 thresholds, and twelve counts."""
    hota = raw["HOTA"]
    right = hota["HOTA_TP"]
    curves = [right, hota["HOTA_FN"], hota["HOTA_FP"], hota["AssA"] * right, hota["LocA"] * right]
    counts = [raw[family][field] for family, fields in _SUMMED.items() for field in fields]
    return np.concatenate([*curves, np.array(counts, np.float64)])


def scores_of_sums(sums: Array) -> tuple[dict[str, Array], dict[str, Array]]:
    """The scores of several sequences: of their sums, not the mean of their scores.

    Args:
        sums: (..., SUMS) `sums_of` sequences, added.

    Returns:
        (...) the numbers of `MEASURES`, and (..., 19) the curves of `CURVES` over `ALPHAS`.
    """
    right, missed, false, associated, located = np.moveaxis(
        sums[..., : 5 * len(ALPHAS)].reshape(*sums.shape[:-1], 5, len(ALPHAS)), -2, 0
    )
    detection = right / np.maximum(1, right + missed + false)
    association = associated / np.maximum(1, right)
    curves = {
        "HOTA": np.sqrt(detection * association),
        "DetA": detection,
        "AssA": association,
        "LocA": np.maximum(_SMALL, located) / np.maximum(_SMALL, right),
    }
    names = [field for fields in _SUMMED.values() for field in fields]
    count = dict(zip(names, np.moveaxis(sums[..., 5 * len(ALPHAS) :], -1, 0), strict=True))
    people = np.maximum(1, count["CLR_TP"] + count["CLR_FN"])
    found: dict[str, Array] = {
        **{name: curve.mean(axis=-1) for name, curve in curves.items()},
        "MOTA": (count["CLR_TP"] - count["CLR_FP"] - count["IDSW"]) / people,
        "MOTP": count["MOTP_sum"] / np.maximum(1, count["CLR_TP"]),
        "IDF1": count["IDTP"] / np.maximum(1, count["IDTP"] + 0.5 * count["IDFP"] + 0.5 * count["IDFN"]),
        "IDP": count["IDTP"] / np.maximum(1, count["IDTP"] + count["IDFP"]),
        "IDR": count["IDTP"] / np.maximum(1, count["IDTP"] + count["IDFN"]),
    }
    return {name: found[name] if name in found else count[field] for name, (_, field) in MEASURES.items()}, curves


@dataclass(frozen=True)
class Pairing:
    """Who was taken for whom, as CLEAR MOT pairs boxes (IoU from 0.5 on, pairs of the frame before kept).

    Every true box and every box of the tracker that counts is in one row: in the same one where they are paired.

    Attributes:
        frames: (n,) from 0, in order.
        kinds: (n,) `RIGHT`, `MISSED` (a false negative), `FALSE` (a false positive), or `SWITCHED`: paired, but the
            person was another identity of the tracker when last found.
        true_ids: (n,) as the file has them; -1 of false positives.
        result_ids: (n,) likewise; -1 of missed boxes.
        boxes_xywh: (n, 4) in pixels from 0: the tracker's, or the one that was missed.
        length: frames of the sequence.
    """

    frames: Integers
    kinds: Integers
    true_ids: Integers
    result_ids: Integers
    boxes_xywh: Array
    length: int

    def per_frame(self) -> Integers:
        """(length, 4) how many rows of each kind every frame has."""
        counts = np.bincount(4 * self.frames + self.kinds, minlength=4 * self.length)
        return counts.reshape(self.length, 4)

    def right_share(self) -> Array:
        """(length,) pairs by pairs, misses and false positives; 1 in frames where nobody is and nobody was reported."""
        counts = self.per_frame()
        every = counts.sum(axis=1)
        right = counts[:, RIGHT] + counts[:, SWITCHED]
        return np.divide(right, every, out=np.ones(self.length), where=every > 0)


def pairing_of(counted: CountedBoxes, length: int) -> Pairing:
    """Pairs the boxes of a sequence by the rules of CLEAR MOT (Bernardin and Stiefelhagen, 2008) as TrackEval has them.

    Args:
        counted: what counts.
        length: frames of the sequence.
    """
    from scipy.optimize import linear_sum_assignment

    before = np.full(counted.identities[0], NOBODY)  # in the last frame that has true and found boxes
    last = before.copy()  # when it was last found
    parts: list[tuple[Array, ...]] = []
    for frame, truth, result, true_ids, own_ids, overlap in zip(
        counted.frames,
        counted.truth,
        counted.result,
        counted.true_ids,
        counted.result_ids,
        counted.overlaps,
        strict=True,
    ):
        rows = columns = np.zeros(0, np.int64)
        switched = np.zeros(0, bool)
        if len(truth) and len(result):
            kept = own_ids[None, :] == before[true_ids][:, None]
            worth = np.where(overlap < OVERLAP - np.finfo(float).eps, 0.0, 1000 * kept + overlap)
            rows, columns = linear_sum_assignment(worth, maximize=True)
            real = worth[rows, columns] > np.finfo(float).eps
            rows, columns = rows[real], columns[real]
            people, tracks = true_ids[rows], own_ids[columns]
            switched = (last[people] != NOBODY) & (last[people] != tracks)
            before[:] = NOBODY
            before[people] = last[people] = tracks
        missed, false = np.delete(truth, rows, axis=0), np.delete(result, columns, axis=0)
        kinds = np.repeat([MISSED, FALSE], [len(missed), len(false)])
        parts.append(
            (
                np.full(len(rows) + len(kinds), frame - 1),
                np.concatenate([np.where(switched, SWITCHED, RIGHT), kinds]),
                np.concatenate([truth[rows, 1], missed[:, 1], np.full(len(false), NOBODY)]),
                np.concatenate([result[columns, 1], np.full(len(missed), NOBODY), false[:, 1]]),
                np.concatenate([result[columns, 2:6], missed[:, 2:6], false[:, 2:6]]) - FIRST_PIXEL_XYWH,
            )
        )
    empty = (*(np.zeros(0) for _ in range(4)), np.zeros((0, 4)))
    *integers, boxes_xywh = (np.concatenate(columns) for columns in zip(empty, *parts, strict=True))
    frames, kinds, people, tracks = (one.astype(np.int64) for one in integers)
    return Pairing(frames, kinds, people, tracks, boxes_xywh, length)

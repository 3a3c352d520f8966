"""Scores of multi-object trackers: HOTA, CLEAR MOT and identity measures, computed by TrackEval.

What is decided here is what counts: which true boxes, and which boxes of a tracker lie on people that nobody is asked
to track (sitting in a car, behind glass) and are taken out before anything is counted.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.errors import EvaluationError
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

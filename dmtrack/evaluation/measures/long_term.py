"""Long-term tracking: precision, recall and F-score over thresholds of the tracker's confidence, and rates of absence.

The former are those of VOT long-term (Lukezic et al., 2018); the latter say whether the tracker knows when the target
is gone (OxUvA: Valmadre et al., Long-term Tracking in the Wild, 2018).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.overlap import region_overlaps
from dmtrack.evaluation.measures.trajectory import Regions, as_regions, is_region

if TYPE_CHECKING:
    from dmtrack.evaluation.protocols.long_term import LongTermProtocol, PresenceProtocol

Curve = NDArray[np.float64]

ThresholdRanks = Literal["vot-toolkit", "pysot"]
"""Which confidences become thresholds: those at even ranks, where the first and the last lie equally far from the ends
(`vot-toolkit`), or the last one rank higher (`pysot`)."""


@dataclass(frozen=True)
class LongTermRun:
    """A tracker on one sequence.

    Attributes:
        name: of the sequence.
        truth: (frames, columns) true regions, NaN or a code where the target is absent.
        results: (frames, columns) of the tracker, a code where it was given the target.
        confidence: (frames,) that the target is in the frame; NaN where there is none, as in the first frame.
        image_size_wh: width and height of the frames.
        has_confidence: whether the tracker gave confidences; otherwise it counts as sure of every box.

    Raises:
        EvaluationError: different numbers of frames.
    """

    name: str
    truth: Regions
    results: Regions
    confidence: NDArray[np.float64]
    image_size_wh: tuple[int, int]
    has_confidence: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "truth", as_regions(self.truth))
        object.__setattr__(self, "results", as_regions(self.results))
        object.__setattr__(self, "confidence", np.asarray(self.confidence, dtype=np.float64).reshape(-1))
        if not len(self.truth) == len(self.results) == len(self.confidence):
            raise EvaluationError(
                f"sequence {self.name!r}: {len(self.truth)} true regions, {len(self.results)} results and "
                f"{len(self.confidence)} confidences; give one of each per frame"
            )


@dataclass(frozen=True)
class LongTermScore:
    """A set of sequences under a protocol.

    Attributes:
        scores: `f_score`, `precision` and `recall` in [0, 1] at the threshold where the F-score is best; NaN for an
            empty set.
        thresholds: (thresholds,) of confidence, descending from infinity to minus infinity.
        precision: (thresholds,) averaged over sequences.
        recall: (thresholds,) averaged over the sequences in which the target is ever visible.
        f_score: (thresholds,) harmonic mean of the two, 0 where both are.
        best: index of the threshold behind `scores`.
    """

    scores: dict[str, float]
    thresholds: Curve
    precision: Curve
    recall: Curve
    f_score: Curve
    best: int


def score_long_term(protocol: LongTermProtocol, runs: list[LongTermRun]) -> LongTermScore:
    """Scores a tracker on a set of sequences, of which each has one run."""
    everything = np.concatenate([run.confidence for run in runs] or [np.zeros(0)])
    thresholds = confidence_thresholds(everything, protocol.thresholds, protocol.threshold_ranks)
    curves = [precision_recall(protocol, run, thresholds) for run in runs]
    undefined = np.full(len(thresholds), np.nan)
    precision, recall = (
        np.mean([row for row in rows if not np.isnan(row).any()] or [undefined], axis=0)
        for rows in (zip(*curves, strict=True) if curves else ((), ()))
    )
    f_score = f_scores(precision, recall)
    best = int(np.argmax(f_score))
    scores = {"f_score": float(f_score[best]), "precision": float(precision[best]), "recall": float(recall[best])}
    if not runs or np.isnan(recall).all():
        scores = dict.fromkeys(scores, float("nan"))
    return LongTermScore(scores, thresholds, precision, recall, f_score, best)


def confidence_thresholds(confidences: NDArray[np.float64], count: int, ranks: ThresholdRanks = "vot-toolkit") -> Curve:
    """Thresholds at even ranks of the confidences of all sequences, between infinity and minus infinity.

    Args:
        confidences: of all frames of all sequences; NaN is left out.
        count: how many thresholds, both infinities included; fewer where there are fewer confidences.
        ranks: see `ThresholdRanks`.

    Returns:
        (thresholds,) descending.
    """
    known = np.sort(confidences[~np.isnan(confidences)])
    inner = count - 2
    if len(known) > inner:
        step = len(known) // inner
        if ranks == "pysot":
            chosen = np.floor(np.linspace(step - 1, len(known) - step, inner) + 0.5)
        else:
            chosen = len(known) - 1 - np.round(np.linspace(step, len(known) - step, inner))[::-1]
        known = known[chosen.astype(np.int64)]
    return np.concatenate([[np.inf], known[::-1], [-np.inf]])


def precision_recall(protocol: LongTermProtocol, run: LongTermRun, thresholds: Curve) -> tuple[Curve, Curve]:
    """Precision and recall of one sequence at every threshold of confidence.

    Returns:
        (thresholds,) mean overlap of the frames that are reported, 1 where none is; and (thresholds,) the sum of their
        overlaps over the number of frames with target, NaN where there is no such frame.
    """
    overlaps = np.nan_to_num(region_overlaps(protocol.overlap, run.truth, run.results, run.image_size_wh))
    visible = int(is_region(run.truth).sum())
    confidence, lowest = run.confidence, -np.inf
    if protocol.confidence == "zero":
        confidence, lowest = np.nan_to_num(confidence, nan=0.0, posinf=np.inf, neginf=-np.inf), np.nextafter(0.0, 1.0)
    else:
        overlaps, confidence = overlaps[~np.isnan(confidence)], confidence[~np.isnan(confidence)]
    order = np.argsort(confidence, kind="stable")
    levels = np.where(thresholds == -np.inf, lowest, thresholds)
    first = np.searchsorted(confidence[order], levels, side="left")
    sums = np.concatenate([[0.0], np.cumsum(overlaps[order][::-1])])[len(order) - first]
    reported = len(order) - first
    precision = np.divide(sums, reported, out=np.ones(len(levels)), where=reported > 0)
    recall = sums / visible if visible else np.full(len(levels), np.nan)
    return precision, recall


def f_scores(precision: Curve, recall: Curve) -> Curve:
    """Harmonic means, 0 where both are 0 or one is not defined; of arrays of any shape."""
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros(total.shape), where=total > 0)


@dataclass(frozen=True)
class PresenceCounts:
    """Frames by what was said and what is true.

    Attributes:
        true_positives: present, reported as present, and the box is right.
        false_negatives: present, but reported as absent or in a wrong place.
        true_negatives: absent and reported as absent.
        false_positives: absent but reported as present.
    """

    true_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    false_positives: int = 0


def count_presence(
    protocol: PresenceProtocol,
    truth_xywh: ArrayLike,
    present: ArrayLike,
    results_xywh: ArrayLike,
    reported: ArrayLike,
    annotated: ArrayLike | None = None,
) -> PresenceCounts:
    """Counts the frames of one sequence. The first, in which the tracker is given the target, is left out.

    Args:
        protocol: the rules.
        truth_xywh: (frames, 4) true boxes; rows of absent frames are not looked at.
        present: (frames,) whether the target is there.
        results_xywh: (frames, 4) of the tracker; NaN overlaps with nothing.
        reported: (frames,) whether the tracker says that the target is there.
        annotated: (frames,) the frames that count, where not all do (OxUvA: one per second).

    Raises:
        EvaluationError: different numbers of frames.
    """
    truth, results = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) for boxes in (truth_xywh, results_xywh))
    there, said = np.asarray(present, dtype=bool), np.asarray(reported, dtype=bool)
    counted = np.ones(len(truth), dtype=bool) if annotated is None else np.array(annotated, dtype=bool)
    lengths = [len(truth), len(there), len(results), len(said), len(counted)]
    if len(set(lengths)) != 1:
        raise EvaluationError(
            "true boxes, presence, results, reports and annotation flags have "
            f"{', '.join(map(str, lengths))} frames; give one of each per frame"
        )
    counted[:1] = False
    right = np.zeros(len(truth), dtype=bool)
    right[there] = paired_iou_xyxy(xywh_to_xyxy(truth[there]), xywh_to_xyxy(results[there])) >= protocol.iou_threshold
    kinds = (there & said & right, there & ~(said & right), ~there & ~said, ~there & said)
    return PresenceCounts(*(int((counted & kind).sum()) for kind in kinds))


def score_presence(counts: list[PresenceCounts]) -> dict[str, float]:
    """The rates over all frames of a set of sequences; `counts` has one entry per sequence."""
    total = np.array([astuple(each) for each in counts], dtype=np.int64).reshape(-1, 4).sum(axis=0, keepdims=True)
    return {key: float(values[0]) for key, values in presence_rates(total).items()}


def presence_rates(counts: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """All numbers of counted frames.

    Args:
        counts: (sets, 4) in the order of `PresenceCounts`.

    Returns:
        (sets,) `tpr`, `tnr`, `gm` and `max_gm`; NaN where no frame defines them.
    """
    total = counts[:, 0::2] + counts[:, 1::2]
    tpr, tnr = np.divide(counts[:, 0::2], total, out=np.full(total.shape, np.nan), where=total > 0).T
    best = np.array([best_geometric_mean(*pair) for pair in zip(tpr.tolist(), tnr.tolist(), strict=True)])
    return {"tpr": tpr, "tnr": tnr, "gm": np.sqrt(tpr * tnr), "max_gm": best}


def best_geometric_mean(tpr: float, tnr: float) -> float:
    """The largest geometric mean of both rates that the tracker gets by also saying "absent" at random.

    With probability p of doing so, sqrt((1 - p) TPR ((1 - p) TNR + p)) is largest at p = (1 - 2 TNR) / (2 (1 - TNR)),
    or at 0 where that is negative.

    Args:
        tpr: true positive rate in [0, 1].
        tnr: true negative rate in [0, 1].

    Returns:
        In [0, 1]; NaN where one of them is.
    """
    if math.isnan(tpr) or math.isnan(tnr):
        return float("nan")
    if tnr >= 0.5:
        return math.sqrt(tpr * tnr)
    return math.sqrt(tpr / (4 * (1 - tnr)))

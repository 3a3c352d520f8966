"""VOT long-term: precision, recall and F-score over thresholds of the tracker's confidence (Lukezic et al., 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.overlap import region_overlaps
from dmtrack.evaluation.measures.regions import Regions, as_regions, is_region

if TYPE_CHECKING:
    from dmtrack.evaluation.protocols.long_term import LongTermProtocol

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
    """Scores a tracker on a set of sequences.

    Args:
        protocol: the rules.
        runs: one per sequence.
    """
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
    """Precision and recall of one sequence at every threshold.

    Args:
        protocol: the rules.
        run: on the sequence.
        thresholds: of confidence.

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

"""From boxes to scores: one sequence, then a set of sequences, by the rules of a protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import xywh_to_inclusive_xyxy
from dmtrack.errors import EvaluationError
from dmtrack.evaluation import metrics
from dmtrack.evaluation.protocols import Protocol, threshold_index

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Shares of frames over thresholds; `normalized_precision` is empty where the protocol does not have it.

    Attributes:
        success: one value per IoU threshold, in [0, 1], NaN where no frame counts.
        precision: one value per pixel threshold, likewise.
        normalized_precision: one value per threshold in box sides, likewise.
    """

    success: Array
    precision: Array
    normalized_precision: Array

    def scores(self, protocol: Protocol) -> dict[str, float]:
        """`success` (mean of the curve), `success_rate` (at IoU 0.5), `precision` and `normalized_precision`."""
        scores = {
            "success": float(np.mean(self.success)),
            "success_rate": float(self.success[len(self.success) // 2]),
            "precision": float(self.precision[threshold_index(protocol.precision_thresholds, protocol.precision_at)]),
        }
        if protocol.normalized_precision_thresholds:
            index = threshold_index(protocol.normalized_precision_thresholds, protocol.normalized_precision_at)
            scores["normalized_precision"] = float(self.normalized_precision[index])
        return scores


@dataclass(frozen=True)
class SequenceScore:
    """One tracker on one sequence.

    Attributes:
        name: of the sequence.
        counted: (frames,) bool, the frames that the protocol counts.
        iou: (counted frames,) in [0, 1], NaN where the result is NaN.
        center_distance: (counted frames,) pixels.
        curves: of the counted frames.
        scores: single numbers read from the curves; NaN where no frame counts.
        frames_per_second: mean over frames, or None without recorded times.
    """

    name: str
    counted: NDArray[np.bool_]
    iou: Array
    center_distance: Array
    curves: Curves
    scores: Mapping[str, float]
    frames_per_second: float | None = None


@dataclass(frozen=True)
class Score:
    """One tracker on one set of sequences.

    Attributes:
        tracker: label of the tracker.
        benchmark: label of the set.
        protocol: whose rules were followed.
        sequences: one entry per scored sequence.
        curves: averaged as the protocol says.
        scores: of the averaged curves.
        missing: names of sequences without a result; they are in no average.
        uncounted: names of sequences in which the protocol counts no frame; they are in no average.
        frames_per_second: mean over sequences, or None without recorded times.
        provenance: what is known of the run: weights hash, config hash and so on.
    """

    tracker: str
    benchmark: str
    protocol: Protocol
    sequences: tuple[SequenceScore, ...]
    curves: Curves
    scores: Mapping[str, float]
    missing: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    frames_per_second: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def counted_frames(
    protocol: Protocol, truth_xywh: ArrayLike, present: ArrayLike, first_pixel: float = 0.0
) -> NDArray[np.bool_]:
    """Which frames the protocol counts.

    Args:
        protocol: the rules.
        truth_xywh: (frames, 4) in 0-based pixels, NaN rows where the target is absent.
        present: (frames,) bool.
        first_pixel: the number of the first pixel in the benchmark's own files (OTB, LaSOT: 1), which matters to the
            rule "positive-corners" alone.

    Returns:
        (frames,) bool.
    """
    truth = np.asarray(truth_xywh, dtype=np.float64).reshape(-1, 4)
    if protocol.counted_frames == "positive-corners":
        counted = np.asarray((xywh_to_inclusive_xyxy(truth) + first_pixel > 0).all(axis=-1))
    else:
        visible = np.asarray(present, dtype=bool)
        counted = np.asarray(visible & np.isfinite(truth).all(axis=-1) & (truth[:, 2:] > 0).all(axis=-1))
    if protocol.first_frame == "skipped":
        counted[:1] = False
    return counted


def score_sequence(
    protocol: Protocol,
    name: str,
    truth_xywh: ArrayLike,
    present: ArrayLike,
    results_xywh: ArrayLike,
    seconds: ArrayLike | None = None,
    first_pixel: float = 0.0,
) -> SequenceScore:
    """Scores one sequence.

    Args:
        protocol: the rules.
        name: of the sequence.
        truth_xywh: (frames, 4) true boxes, NaN rows where the target is absent.
        present: (frames,) bool.
        results_xywh: (frames, 4) boxes of the tracker; a NaN row is a miss.
        seconds: (frames,) time per frame, where known.
        first_pixel: see `counted_frames`.

    Raises:
        EvaluationError: the number of boxes is not the number of frames.
    """
    truth = np.asarray(truth_xywh, dtype=np.float64).reshape(-1, 4)
    results = np.array(results_xywh, dtype=np.float64).reshape(-1, 4)
    if len(results) != len(truth):
        raise EvaluationError(
            f"sequence {name!r}: {len(results)} result boxes for {len(truth)} frames; give one box per frame, "
            "the first frame included"
        )
    if protocol.first_frame == "truth":
        results[:1] = truth[:1]
    counted = counted_frames(protocol, truth, present, first_pixel)
    truth, results = truth[counted], results[counted]
    iou = metrics.overlaps(results, truth)
    distance = metrics.center_distances(results, truth)
    normalized = metrics.normalized_center_distances(results, truth)
    curves = Curves(
        metrics.success_curve(iou, protocol.success_thresholds, protocol.success_strict),
        metrics.precision_curve(distance, protocol.precision_thresholds),
        metrics.precision_curve(normalized, protocol.normalized_precision_thresholds),
    )
    speed = _frames_per_second(seconds)
    return SequenceScore(name, counted, iou, distance, curves, curves.scores(protocol), speed)


def combine(
    protocol: Protocol,
    tracker: str,
    benchmark: str,
    sequences: Iterable[SequenceScore],
    missing: Iterable[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> Score:
    """Averages sequences as the protocol says; without any counted sequence every score is NaN."""
    scored = tuple(sequences)
    curves = Curves(
        _mean([item.curves.success for item in scored], protocol.success_thresholds),
        _mean([item.curves.precision for item in scored], protocol.precision_thresholds),
        _mean([item.curves.normalized_precision for item in scored], protocol.normalized_precision_thresholds),
    )
    speeds = [item.frames_per_second for item in scored if item.frames_per_second is not None]
    return Score(
        tracker,
        benchmark,
        protocol,
        scored,
        curves,
        curves.scores(protocol),
        tuple(missing),
        tuple(item.name for item in scored if not item.counted.any()),
        float(np.mean(speeds)) if speeds else None,
        dict(provenance or {}),
    )


def _mean(rows: list[Array], thresholds: tuple[float, ...]) -> Array:
    return metrics.mean_of_counted(np.array(rows, dtype=np.float64).reshape(len(rows), len(thresholds)))


def _frames_per_second(seconds: ArrayLike | None) -> float | None:
    """Mean of 1/t, the first frame included, as got10k and the DMTrack code report it (spec section 7)."""
    if seconds is None:
        return None
    times = np.asarray(seconds, dtype=np.float64)
    times = times[np.isfinite(times) & (times > 0)]
    return float(np.mean(1.0 / times)) if len(times) else None

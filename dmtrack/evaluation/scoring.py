"""From boxes to scores: one sequence, then a set of sequences, by the rules of a protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures import one_pass
from dmtrack.evaluation.measures.frames import RuledFrames, apply_rules
from dmtrack.evaluation.measures.multi_object import Pairing
from dmtrack.evaluation.results import ResultStore, SequenceResult, TrackerResults

if TYPE_CHECKING:
    from dmtrack.evaluation.protocols import BaseProtocol, Protocol

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Shares of frames over thresholds; a curve that the protocol does not have is empty.

    Attributes:
        success: one value per IoU threshold, in [0, 1], NaN where no frame counts.
        precision: one value per pixel threshold, likewise.
        normalized_precision: one value per threshold in box sides, likewise.
        direct: numbers that no curve holds (mean IoU, longest run), by the key of their measure.
    """

    success: Array
    precision: Array
    normalized_precision: Array
    direct: Mapping[str, float] = field(default_factory=dict)

    def scores(self, protocol: Protocol) -> dict[str, float]:
        """The numbers that the protocol reports, by key, in its order; NaN where no frame counts."""
        numbers = {}
        for measure in protocol.reported():
            curve: Array = getattr(self, measure.curve)
            if measure.is_direct:
                number = self.direct[measure.key]
            elif measure.reading == "mean":
                number = float(np.mean(curve))
            elif measure.reading == "trapezoid":
                number = one_pass.trapezoid(curve)
            else:
                thresholds = protocol.thresholds(measure.curve)
                number = float(curve[one_pass.threshold_index(thresholds, float(measure.at or 0.0))])
            numbers[measure.key] = number
        return numbers


@dataclass(frozen=True)
class SequenceScore:
    """One tracker on one sequence.

    Attributes:
        name: of the sequence.
        counted: (frames,) bool, the frames that the protocol counts.
        iou: (counted frames,) in [0, 1], NaN where the result is NaN or a rule makes the frame a miss.
        scores: single numbers, by the key of their measure; NaN where no frame defines them.
        observed: what the protocol needs to compute its numbers over several sequences: `Curves`, runs or counts.
        frames_per_second: mean over frames, or None without recorded times.
        center_distance: (counted frames,) pixels, of one-pass protocols; NaN likewise, and -1 where a rule makes the
            frame a hit.
        pairing: who was taken for whom, by protocols of many objects.
    """

    name: str
    counted: NDArray[np.bool_]
    iou: Array
    scores: Mapping[str, float]
    observed: Any
    frames_per_second: float | None = None
    center_distance: Array = field(default_factory=lambda: np.empty(0))
    pairing: Pairing | None = None


@dataclass(frozen=True)
class Score:
    """One tracker on one set of sequences.

    Attributes:
        tracker: label of the tracker.
        benchmark: label of the set.
        protocol: whose rules were followed.
        sequences: one entry per scored sequence.
        pooled: all sequences together, as the protocol pools them: averaged `Curves`, or the curve behind an EAO.
        scores: read from that, by the key of their measure.
        missing: names of sequences without a result; they are in no average.
        uncounted: names of sequences in which the protocol counts no frame; they are in no average.
        frames_per_second: mean over sequences, or None without recorded times.
        provenance: what is known of the run: weights hash, config hash and so on.
    """

    tracker: str
    benchmark: str
    protocol: BaseProtocol
    sequences: tuple[SequenceScore, ...]
    pooled: Any
    scores: Mapping[str, float]
    missing: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    frames_per_second: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def score_store(
    protocol: BaseProtocol,
    benchmark: str,
    sequences: Iterable[Sequence],
    store: ResultStore,
    tracker: str | None = None,
) -> Score:
    """Scores what one tracker has stored.

    Raises:
        EvaluationError: malformed results, or none of the sequences has one.
    """
    scored: list[SequenceScore] = []
    missing: list[str] = []
    for sequence in sequences:
        if store.exists(sequence.name):
            scored.append(score_result(protocol, sequence, store.read(sequence.name)))
        else:
            missing.append(sequence.name)
    if not scored:
        raise EvaluationError(
            f"{store.folder} has no result for any of the {len(missing)} sequences of {benchmark} (looked for "
            f"{missing[0] if missing else 'a sequence'}/..._001.txt); give the folder <results>/<tracker>"
        )
    return combine(protocol, tracker or store.folder.resolve().name, benchmark, scored, missing, store.provenance())


def score_result(protocol: BaseProtocol, sequence: Sequence, result: SequenceResult) -> SequenceScore:
    """Scores one result.

    Raises:
        EvaluationError: it does not fit the sequence, or lacks what the protocol needs.
    """
    return protocol.score(sequence, TrackerResults("the tracker", {sequence.name: result}))


def sequence_facts(sequence: Sequence) -> dict[str, Any]:
    """What rules ask of a sequence: keyword arguments of `score_sequence` and `apply_rules`."""
    return {
        "first_pixel": float(sequence.annotation.index_base),
        "flagged": sequence.annotation.absence_flagged,
        "cover": sequence.cover,
        "image_size_wh": sequence.frame_size_wh,
    }


def known_frame_size(sequence: Sequence, protocol_name: str) -> tuple[int, int]:
    """(width, height) of a sequence's frames, for protocols that clip regions to them.

    Raises:
        EvaluationError: the size is not known.
    """
    if sequence.frame_size_wh is None:
        raise EvaluationError(
            f"the size of the frames of {sequence.name!r} is not known, and {protocol_name} clips regions to it; give "
            "the benchmark with its images"
        )
    return sequence.frame_size_wh


def score_sequence(
    protocol: Protocol,
    name: str,
    truth_xywh: ArrayLike,
    present: ArrayLike,
    results_xywh: ArrayLike,
    seconds: ArrayLike | None = None,
    first_pixel: float = 0.0,
    *,
    flagged: bool = True,
    cover: ArrayLike | None = None,
    image_size_wh: tuple[int, int] | None = None,
) -> SequenceScore:
    """Scores one sequence.

    Args of `apply_rules`, and:
        name: of the sequence.
        seconds: (frames,) time per frame, where known.

    Raises:
        EvaluationError: the number of boxes is not the number of frames.
    """
    frames, given = len(np.asarray(truth_xywh).reshape(-1, 4)), len(np.asarray(results_xywh).reshape(-1, 4))
    if given != frames:
        raise EvaluationError(
            f"sequence {name!r}: {given} result boxes for {frames} frames; give one box per frame, "
            "the first frame included"
        )
    ruled = apply_rules(
        protocol,
        truth_xywh,
        present,
        results_xywh,
        first_pixel=first_pixel,
        flagged=flagged,
        cover=cover,
        image_size_wh=image_size_wh,
    )
    return score_frames(protocol, name, ruled, frames_per_second(seconds))


def score_frames(
    protocol: Protocol, name: str, ruled: RuledFrames, frames_per_second: float | None = None
) -> SequenceScore:
    """Scores a sequence about whose frames the protocol has decided."""
    counted = ruled.counted
    truth, results = ruled.truth_xywh[counted], ruled.results_xywh[counted]
    iou = one_pass.overlaps(results, truth)
    iou[ruled.overlap_miss[counted]] = np.nan
    negative_as_zero = protocol.negative_sizes == "zero"
    distance = one_pass.center_distances(results, truth, negative_as_zero)
    distance[ruled.distance_miss[counted]], distance[ruled.distance_hit[counted]] = np.nan, -1.0
    normalized = np.empty(0)
    if protocol.normalized_precision_thresholds:
        smallest_side = 1.0 if protocol.normalization == "truth-size-at-least-1" else 0.0
        normalized = one_pass.normalized_center_distances(results, truth, negative_as_zero, smallest_side)
        normalized[ruled.normalized_miss[counted]], normalized[ruled.normalized_hit[counted]] = np.nan, -1.0
    curves = Curves(
        one_pass.success_curve(iou, protocol.success_thresholds, protocol.success_strict),
        one_pass.precision_curve(distance, protocol.precision_thresholds),
        one_pass.precision_curve(normalized, protocol.normalized_precision_thresholds),
        {
            measure.key: one_pass.average_overlap(iou)
            if measure.reading == "mean-overlap"
            else one_pass.longest_run(iou, float(measure.at or 1.0))
            for measure in protocol.reported()
            if measure.is_direct
        },
    )
    return SequenceScore(name, counted, iou, curves.scores(protocol), curves, frames_per_second, distance)


def combine(
    protocol: BaseProtocol,
    tracker: str,
    benchmark: str,
    sequences: Iterable[SequenceScore],
    missing: Iterable[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> Score:
    """One tracker's sequences together, as the protocol pools them; without any counted sequence every score is NaN."""
    scored = tuple(sequences)
    pooled = protocol.pool(scored)
    speeds = [item.frames_per_second for item in scored if item.frames_per_second is not None]
    return Score(
        tracker,
        benchmark,
        protocol,
        scored,
        pooled,
        protocol.read(pooled),
        tuple(missing),
        tuple(item.name for item in scored if not protocol.counts(item)),
        float(np.mean(speeds)) if speeds else None,
        dict(provenance or {}),
    )


def pooled_curves(protocol: Protocol, sequences: Iterable[SequenceScore]) -> Curves:
    """The curves of a set of sequences, pooled as the protocol says; all NaN without a counted frame."""
    scored = tuple(sequences)
    frames = [np.count_nonzero(item.counted) for item in scored] if protocol.pooling == "frames" else None

    def pool(rows: list[Array], length: int) -> Array:
        matrix = np.array(rows, dtype=np.float64).reshape(len(rows), length)
        return one_pass.mean_of_counted(matrix, protocol.pooling == "nonzero-sequences", frames)

    return Curves(
        pool([item.observed.success for item in scored], len(protocol.success_thresholds)),
        pool([item.observed.precision for item in scored], len(protocol.precision_thresholds)),
        pool([item.observed.normalized_precision for item in scored], len(protocol.normalized_precision_thresholds)),
        {
            measure.key: float(pool([np.array([item.observed.direct[measure.key]]) for item in scored], 1)[0])
            for measure in protocol.reported()
            if measure.is_direct
        },
    )


def frames_per_second(seconds: ArrayLike | None) -> float | None:
    """Mean of 1/t, the first frame included, as got10k and the DMTrack code report it; None where no time is known."""
    if seconds is None:
        return None
    times = np.asarray(seconds, dtype=np.float64)
    times = times[np.isfinite(times) & (times > 0)]
    return float(np.mean(1.0 / times)) if len(times) else None

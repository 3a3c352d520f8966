"""Reports on long-term tracking: precision, recall and F-score over thresholds of confidence (VOT-LT)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence as VideoSequence
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.bootstrap import draw_sequences
from dmtrack.evaluation.reporting.loading import TrackerResults, known_frame_size, score_without_curves
from dmtrack.evaluation.reporting.significance import Significance, assess_samples
from dmtrack.evaluation.scoring import SequenceScore, frames_per_second, no_curves
from dmtrack.evaluation.vot.long_term import LongTermRun, LongTermScore, precision_recall, score_long_term
from dmtrack.evaluation.vot.overlap import region_overlaps
from dmtrack.evaluation.vot.regions import is_region
from dmtrack.evaluation.vot.rules import LongTermProtocol
from dmtrack.evaluation.vot.trajectory import Trajectory

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LongTermReport(Report):
    """A report whose numbers need a confidence per frame.

    Attributes:
        rules: the protocol; `protocol` is the same object for what needs only its name and description.
        runs: by tracker, one entry per sequence.
        measured: by tracker, the curves and the threshold at which the F-score is best.
        unsure: trackers without confidences, which are taken as sure of every box.
    """

    rules: LongTermProtocol | None = None
    runs: dict[str, list[LongTermRun]] = field(default_factory=dict)
    measured: dict[str, LongTermScore] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()

    @property
    def is_one_pass(self) -> bool:
        """No curve over overlap or distance stands behind the numbers."""
        return False

    def remarks(self) -> list[str]:
        """As `Report.remarks`, with the trackers that gave no confidences."""
        return super().remarks() + [
            f"the results of {name} hold no confidences: {self.protocol.name} takes 1 for every frame with a box"
            for name in self.unsure
        ]

    def to_dict(self) -> dict[str, Any]:
        """As `Report.to_dict`, with the curves; infinite thresholds are null."""
        curves = {
            name: {
                "thresholds": [_number(value) for value in score.thresholds],
                "precision": [_number(value) for value in score.precision],
                "recall": [_number(value) for value in score.recall],
                "f_score": [_number(value) for value in score.f_score],
                "best_threshold": _number(score.thresholds[score.best]),
            }
            for name, score in self.measured.items()
        }
        return {**super().to_dict(), "precision_recall": curves}


def build_long_term_report(
    benchmark: str,
    protocol: LongTermProtocol,
    sequences: Sequence[VideoSequence],
    trackers: Sequence[TrackerResults],
    *,
    split: str = "all",
    stride: int = 1,
    left_out: Iterable[str] = (),
) -> LongTermReport:
    """Scores all trackers; arguments as in `loading.build_report`.

    Raises:
        EvaluationError: frames of unknown size where the protocol clips regions to them.
    """
    scores, runs, measured, unsure = [], {}, {}, []
    for tracker in trackers:
        chosen = [sequence for sequence in sequences if sequence.name in tracker.results]
        own = [_run(protocol, tracker.cut(sequence), tracker) for sequence in chosen]
        items = [_sequence_score(protocol, run, tracker) for run in own]
        runs[tracker.name] = own
        measured[tracker.name] = scored = score_long_term(protocol, own)
        numbers = {key: scored.scores[key] for key in protocol.headings()}
        scores.append(score_without_curves(cast(Protocol, protocol), tracker, benchmark, items, numbers, sequences))
        if any(tracker.results[sequence.name].scores is None for sequence in chosen):
            unsure.append(tracker.name)
    return LongTermReport(
        benchmark,
        cast(Protocol, protocol),
        tuple(scores),
        split,
        stride,
        tuple(left_out),
        rules=protocol,
        runs=runs,
        measured=measured,
        unsure=tuple(unsure),
    )


def assess_long_term(report: LongTermReport, rounds: int = 1000, seed: int = 0, level: float = 0.95) -> Significance:
    """As `significance.assess`: in every round the curves are averaged and the best F-score is looked for anew.

    The thresholds stay those of all sequences.
    """
    names = [item.name for item in report.scores[0].sequences]
    drawn: dict[str, list[tuple[Array, Array, Array]]] = {name: [] for name in report.runs}
    curves = {name: _curves(report, name) for name in report.runs}
    for draws in draw_sequences(len(names), rounds, seed) if names else ():
        for name, (precision, recall) in curves.items():
            drawn[name].append(_best(_mean(draws, precision), _mean(draws, recall)))
    missing = (np.full(rounds, np.nan),) * 3
    samples = {
        name: dict(
            zip(
                ("f_score", "precision", "recall"),
                (np.concatenate(parts) for parts in zip(*(blocks or [missing]), strict=True)),
                strict=True,
            )
        )
        for name, blocks in drawn.items()
    }
    return assess_samples(report, samples, len(names), rounds, seed, level)


def _run(protocol: LongTermProtocol, sequence: VideoSequence, tracker: TrackerResults) -> LongTermRun:
    clips = protocol.overlap.rasterizing != "exact"
    size = known_frame_size(sequence, protocol.name) if clips else sequence.frame_size_wh or (0, 0)
    result = tracker.results[sequence.name]
    stored = tracker.trajectories.get(sequence.name, ())
    trajectory = stored[0] if stored else Trajectory.without_restarts(result.boxes_xywh)
    regions = trajectory.regions
    if result.scores is None:
        confidence = np.where(is_region(regions), 1.0, np.nan)
    else:
        confidence = result.scores.astype(np.float64)
    if not stored and len(confidence):
        confidence[0] = np.nan  # the tracker was given the target there
    truth = np.where(sequence.present[:, None], sequence.regions, np.nan)
    return LongTermRun(sequence.name, truth, regions, confidence, size)


def _sequence_score(protocol: LongTermProtocol, run: LongTermRun, tracker: TrackerResults) -> SequenceScore:
    """Its own best F-score, and the overlaps of the frames with target after the first."""
    counted = is_region(run.truth)
    counted[:1] = False
    overlaps = np.nan_to_num(region_overlaps(protocol.overlap, run.truth, run.results, run.image_size_wh))
    numbers = score_long_term(protocol, [run]).scores
    speed = frames_per_second(tracker.results[run.name].seconds)
    return SequenceScore(run.name, counted, overlaps[counted], np.empty(0), no_curves(), numbers, speed)


def _curves(report: LongTermReport, tracker: str) -> tuple[Array, Array]:
    """(sequences, thresholds) precision and recall at the thresholds of all sequences."""
    assert report.rules is not None
    thresholds = report.measured[tracker].thresholds
    pairs = [precision_recall(report.rules, run, thresholds) for run in report.runs[tracker]]
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


def _mean(draws: Array, curves: Array) -> Array:
    """(rounds, thresholds) mean over the drawn sequences in which the curve is defined."""
    known = ~np.isnan(curves)
    weight = draws @ known
    return np.divide(draws @ np.nan_to_num(curves), weight, out=np.full(weight.shape, np.nan), where=weight > 0)


def _best(precision: Array, recall: Array) -> tuple[Array, Array, Array]:
    """(rounds,) best F-score, and precision and recall there; NaN where no drawn sequence has a visible target."""
    total = precision + recall
    f_score = np.divide(2 * precision * recall, total, out=np.zeros(total.shape), where=total > 0)
    rows, best = np.arange(len(f_score)), np.argmax(f_score, axis=1)
    undefined = np.isnan(recall).any(axis=1)
    return tuple(  # type: ignore[return-value]
        np.where(undefined, np.nan, values[rows, best]) for values in (f_score, precision, recall)
    )


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

"""Which differences between trackers are real: intervals for all trackers and pairs of a report, and sentences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Measure, Protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.bootstrap import (
    Interval,
    difference_interval,
    interval_of,
    resampled_means,
)
from dmtrack.evaluation.scoring import Score, SequenceScore

Array = NDArray[np.float64]

FEW_SEQUENCES = 20
"""With fewer, percentile intervals are known to come out too narrow."""


@dataclass(frozen=True)
class Comparison:
    """Two trackers and one number.

    Attributes:
        tracker_a: the one with the better number.
        tracker_b: the other.
        metric: key of the number.
        title: of the number, as in tables.
        interval: of A - B, or of B - A where lower numbers are better, so that it speaks for A above 0.
        scale: what numbers are multiplied with in sentences.
        unit: of the product.
    """

    tracker_a: str
    tracker_b: str
    metric: str
    title: str
    interval: Interval
    scale: float = 100.0
    unit: str = "points"

    def statement(self) -> str:
        """One sentence; shares are given in points, which are hundredths."""
        item = self.interval
        amount = f"{self.scale * item.value:.1f} {self.unit}".strip()
        if math.isnan(item.value):
            return f"{self.tracker_a} and {self.tracker_b} cannot be compared in {self.title}: one has no number."
        if not item.is_known:
            return (
                f"{self.tracker_a} is ahead of {self.tracker_b} by {amount} in {self.title}, on "
                f"{item.sequences} sequence{'s' * (item.sequences != 1)}: too few for an interval."
            )
        low, high = self.scale * item.low, self.scale * item.high
        ends = f"{100 * item.level:g} % interval {low:.1f} to {high:.1f}, {item.rounds:,} rounds"
        if item.excludes_zero:
            return f"{self.tracker_a} is better than {self.tracker_b} by {amount} in {self.title} ({ends})."
        return (
            f"No significant difference between {self.tracker_a} and {self.tracker_b}: {amount} in "
            f"{self.title} ({ends})."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "better": self.tracker_a,
            "worse": self.tracker_b,
            "metric": self.metric,
            **interval_numbers(self.interval, "difference"),
            "p_value": _number(self.interval.p_value),
            "significant": self.interval.excludes_zero,
            "statement": self.statement(),
        }


@dataclass(frozen=True)
class Significance:
    """Intervals of a report.

    Attributes:
        intervals: by tracker and key of the number.
        comparisons: of every pair of trackers in every number; within a number the best trackers first.
        rounds: of the bootstrap.
        seed: of the bootstrap.
        level: of the intervals.
        sequences: how many sequences count.
    """

    intervals: Mapping[str, Mapping[str, Interval]]
    comparisons: tuple[Comparison, ...]
    rounds: int
    seed: int
    level: float
    sequences: int

    def of(self, metric: str) -> list[Comparison]:
        """The comparisons in one number."""
        return [item for item in self.comparisons if item.metric == metric]

    def explanation(self) -> str:
        """How the intervals were made and what they do not say."""
        text = (
            f"Intervals: paired bootstrap over {self.sequences} sequences, {self.rounds:,} rounds, seed {self.seed}, "
            f"percentiles at {100 * self.level:g} %. Each interval stands for itself: none is widened because many "
            "pairs are compared. They say how much depends on the choice of sequences, not on chance in training."
        )
        if self.sequences < FEW_SEQUENCES:
            text += f" With fewer than {FEW_SEQUENCES} sequences such intervals come out too narrow."
        return text

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "method": "paired bootstrap over sequences, percentile intervals",
            "rounds": self.rounds,
            "seed": self.seed,
            "level": self.level,
            "sequences": self.sequences,
            "intervals": {
                tracker: {metric: interval_numbers(item, "value") for metric, item in items.items()}
                for tracker, items in self.intervals.items()
            },
            "differences": [item.to_dict() for item in self.comparisons],
        }


def interval_numbers(interval: Interval, name: str) -> dict[str, float | None]:
    """An interval as JSON values, its number called `name`."""
    return {name: _number(interval.value), "low": _number(interval.low), "high": _number(interval.high)}


def assess(report: Report, rounds: int = 1000, seed: int = 0, level: float = 0.95) -> Significance:
    """Draws sequences for all trackers of a report at once and reads all numbers in every round.

    Frames are pooled anew where the protocol pools frames, and sequences whose curve is zero everywhere are left out
    where it leaves them out.

    Raises:
        EvaluationError: the trackers were scored on different sequences, or an option makes no sense.
    """
    names = _same_sequences(report)
    measures = report.protocol.reported()
    columns = [_columns(report.protocol, score, measures) for score in report.scores]
    values = np.concatenate([item[0] for item in columns], axis=1)
    weights = np.concatenate([item[1] for item in columns], axis=1)
    counted = int(np.count_nonzero((weights > 0).any(axis=1))) if len(names) else 0
    samples = (
        resampled_means(values, weights, rounds, seed) if len(names) else np.full((rounds, values.shape[1]), np.nan)
    )
    # Where every drawn curve is zero there is nothing to average, and the score is 0 as in `metrics.mean_of_counted`.
    if report.protocol.pooling == "nonzero-sequences" and counted:
        samples = np.nan_to_num(samples)
    by_tracker = {
        score.tracker: {
            measure.key: samples[:, place * len(measures) + index] for index, measure in enumerate(measures)
        }
        for place, score in enumerate(report.scores)
    }
    intervals = {
        score.tracker: {
            key: interval_of(score.scores[key], drawn, counted, level)
            for key, drawn in by_tracker[score.tracker].items()
        }
        for score in report.scores
    }
    comparisons = tuple(
        _compare(measure, a, b, by_tracker, counted, level)
        for measure in measures
        for a, b in itertools.combinations(report.ranked(measure.key), 2)
    )
    return Significance(intervals, comparisons, rounds, seed, level, counted)


def assess_samples(
    report: Report,
    samples: Mapping[str, Mapping[str, Array]],
    sequences: int,
    rounds: int,
    seed: int,
    level: float = 0.95,
) -> Significance:
    """Intervals of a report whose numbers have been computed anew in every round.

    Args:
        report: with numbers that may be counts, for which lower is better.
        samples: (rounds,) numbers by tracker and key, drawn together for all trackers.
        sequences: how many were drawn from.
        rounds: of the bootstrap.
        seed: of the bootstrap.
        level: of the intervals.
    """
    intervals = {
        score.tracker: {
            metric: interval_of(score.scores[metric], samples[score.tracker][metric], sequences, level)
            for metric in report.headings()
        }
        for score in report.scores
    }
    comparisons = []
    for metric, title in report.headings().items():
        counts_failures = report.lower_is_better(metric)
        scale, unit = (1.0, "") if counts_failures else (100.0, "points")
        for a, b in itertools.combinations(report.ranked(metric), 2):
            first, second = (b, a) if counts_failures else (a, b)
            interval = difference_interval(
                first.scores[metric] - second.scores[metric],
                samples[first.tracker][metric],
                samples[second.tracker][metric],
                sequences,
                level,
            )
            comparisons.append(Comparison(a.tracker, b.tracker, metric, title, interval, scale, unit))
    return Significance(intervals, tuple(comparisons), rounds, seed, level, sequences)


def _compare(
    measure: Measure, a: Score, b: Score, samples: Mapping[str, Mapping[str, Array]], counted: int, level: float
) -> Comparison:
    key = measure.key
    difference = a.scores[key] - b.scores[key]
    interval = difference_interval(difference, samples[a.tracker][key], samples[b.tracker][key], counted, level)
    return Comparison(a.tracker, b.tracker, key, measure.title, interval)


def _same_sequences(report: Report) -> list[str]:
    names = [item.name for item in report.scores[0].sequences] if report.scores else []
    for score in report.scores[1:]:
        others = [item.name for item in score.sequences]
        if others != names:
            different = sorted(set(names) ^ set(others)) or ["the order"]
            raise EvaluationError(
                f"{report.scores[0].tracker} and {score.tracker} were scored on different sequences "
                f"({', '.join(different[:5])}); compare them on those that both have"
            )
    return names


def _columns(protocol: Protocol, score: Score, measures: tuple[Measure, ...]) -> tuple[Array, Array]:
    """(sequences, measures) numbers of one tracker, and what each sequence weighs in the mean."""
    values = np.array(
        [[item.scores[measure.key] for measure in measures] for item in score.sequences], dtype=np.float64
    )
    weights = np.array([[_weight(protocol, item, measure) for measure in measures] for item in score.sequences])
    shape = (len(score.sequences), len(measures))
    return values.reshape(shape), weights.reshape(shape).astype(np.float64)


def _weight(protocol: Protocol, item: SequenceScore, measure: Measure) -> float:
    frames = float(np.count_nonzero(item.counted))
    if protocol.pooling == "frames" or not frames:
        return frames
    if protocol.pooling == "nonzero-sequences":
        direct = measure.reading in ("mean-overlap", "longest-run")
        curve = [item.curves.direct[measure.key]] if direct else getattr(item.curves, measure.curve)
        return float(np.any(curve))
    return 1.0


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)

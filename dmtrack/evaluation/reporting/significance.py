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
from dmtrack.evaluation.measures.measure import SHARE, Measure
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.bootstrap import Interval, difference_interval, draw_sequences, interval_of
from dmtrack.files import json_value

Array = NDArray[np.float64]

FEW_SEQUENCES = 20
"""With fewer, percentile intervals are known to come out too narrow."""


@dataclass(frozen=True)
class Comparison:
    """Two trackers and one number.

    Attributes:
        tracker_a: the one with the better number.
        tracker_b: the other.
        measure: of the number.
        interval: of A - B, or of B - A where lower numbers are better, so that it speaks for A above 0.
    """

    tracker_a: str
    tracker_b: str
    measure: Measure
    interval: Interval

    def statement(self) -> str:
        """One sentence; shares are given in points, which are hundredths."""
        item, title, scale = self.interval, self.measure.title, self.measure.scale
        amount = f"{scale * item.value:.1f}" + (" points" if self.measure.unit == SHARE else "")
        if math.isnan(item.value):
            return f"{self.tracker_a} and {self.tracker_b} cannot be compared in {title}: one has no number."
        if not item.is_known:
            return (
                f"{self.tracker_a} is ahead of {self.tracker_b} by {amount} in {title}, on "
                f"{item.sequences} sequence{'s' * (item.sequences != 1)}: too few for an interval."
            )
        low, high = scale * item.low, scale * item.high
        ends = f"{100 * item.level:g} % interval {low:.1f} to {high:.1f}, {item.rounds:,} rounds"
        if item.excludes_zero:
            return f"{self.tracker_a} is better than {self.tracker_b} by {amount} in {title} ({ends})."
        return f"No significant difference between {self.tracker_a} and {self.tracker_b}: {amount} in {title} ({ends})."

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "better": self.tracker_a,
            "worse": self.tracker_b,
            "metric": self.measure.key,
            "difference": json_value(self.interval.value),
            "low": json_value(self.interval.low),
            "high": json_value(self.interval.high),
            "p_value": json_value(self.interval.p_value),
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

    def of(self, key: str) -> list[Comparison]:
        """The comparisons in one number."""
        return [item for item in self.comparisons if item.measure.key == key]

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
                tracker: {
                    metric: json_value({"value": item.value, "low": item.low, "high": item.high})
                    for metric, item in items.items()
                }
                for tracker, items in self.intervals.items()
            },
            "differences": [item.to_dict() for item in self.comparisons],
        }


def assess(report: Report, rounds: int = 1000, seed: int = 0, level: float = 0.95) -> Significance:
    """Draws sequences for all trackers of a report at once and computes all numbers anew in every round.

    Raises:
        EvaluationError: the trackers were scored on different sequences, or an option makes no sense.
    """
    names, protocol = _same_sequences(report), report.protocol
    measures = protocol.reported()
    blocks: dict[str, list[dict[str, Array]]] = {score.tracker: [] for score in report.scores}
    for draws in draw_sequences(len(names), rounds, seed) if names else ():
        for score in report.scores:
            blocks[score.tracker].append(protocol.resample(score, draws))
    samples = {
        tracker: {
            measure.key: np.concatenate([part[measure.key] for part in parts]) if parts else np.full(rounds, np.nan)
            for measure in measures
        }
        for tracker, parts in blocks.items()
    }
    counted = protocol.drawn_from(report.scores)
    intervals = {
        score.tracker: {
            key: interval_of(score.scores[key], drawn, counted, level) for key, drawn in samples[score.tracker].items()
        }
        for score in report.scores
    }
    comparisons = []
    for measure in measures:
        key = measure.key
        for a, b in itertools.combinations(report.ranked(measure), 2):
            first, second = (a, b) if measure.higher_is_better else (b, a)
            difference = first.scores[key] - second.scores[key]
            drawn = (samples[first.tracker][key], samples[second.tracker][key])
            interval = difference_interval(difference, *drawn, counted, level)
            comparisons.append(Comparison(a.tracker, b.tracker, measure, interval))
    return Significance(intervals, tuple(comparisons), rounds, seed, level, counted)


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

"""One trial: sequences one by one, each scored by the protocol, with a running value for the pruner."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.results import SequenceResult
from dmtrack.evaluation.scoring import SequenceScore, pooled_curves, score_result
from dmtrack.registry import did_you_mean
from dmtrack.search.space import Parameters
from dmtrack.search.tracks import Track


class Scoring:
    """What is maximised.

    Args:
        protocol: the rules.
        metric: key of one of its numbers, of which more is better; None is the protocol's first.

    Attributes:
        measure: of the metric.

    Raises:
        EvaluationError: the protocol has no such number.
    """

    def __init__(self, protocol: Protocol, metric: str | None) -> None:
        known = {measure.key: measure for measure in protocol.reported()}
        if metric is not None and metric not in known:
            raise EvaluationError(f"protocol {protocol.name!r} reports no {metric!r}{did_you_mean(metric, known)}")
        self.protocol, self.metric = protocol, metric or next(iter(known))
        self.measure = known[self.metric]

    def value(self, scores: list[SequenceScore]) -> float:
        """The metric over several sequences, pooled as the protocol says; NaN without a counted frame."""
        return pooled_curves(self.protocol, scores).scores(self.protocol)[self.metric]

    def per_sequence(self, scores: list[SequenceScore]) -> NDArray[np.float64]:
        """(sequences,) the metric of each, NaN where it does not count."""
        values = np.array([score.scores[self.metric] for score in scores], dtype=np.float64)
        counted = np.array([bool(score.counted.any()) for score in scores])
        return np.where(counted, values, np.nan)


def evaluate(
    track: Track,
    sequences: list[Sequence],
    scoring: Scoring,
    parameters: Parameters,
    on_sequence: Callable[[int, float], object] | None = None,
) -> list[SequenceScore]:
    """Tracks and scores sequences in the given order.

    Args:
        track: gives the boxes of one.
        sequences: all of the split.
        scoring: the rules.
        parameters: of the trial.
        on_sequence: told how many sequences are done and the value over them so far; may raise to stop the trial. Not
            told where no frame counts yet.

    Raises:
        Whatever tracking or `on_sequence` raises.
    """
    scores: list[SequenceScore] = []
    for sequence in sequences:
        result = SequenceResult(track(sequence, parameters))
        scores.append(score_result(scoring.protocol, sequence, result))
        so_far = scoring.value(scores)
        if on_sequence is not None and not math.isnan(so_far):
            on_sequence(len(scores), so_far)
    return scores

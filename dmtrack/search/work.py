"""One trial, with a running value for the pruner; and one worker on a study, until there are enough trials."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import BaseProtocol
from dmtrack.evaluation.scoring import SequenceScore, score_result
from dmtrack.files import json_value
from dmtrack.registry import did_you_mean
from dmtrack.running.one_sequence import failure_of
from dmtrack.search.space import Parameters, Space
from dmtrack.search.study import KILLED, Study, import_optuna
from dmtrack.search.tracks import TrackWith


class Scoring:
    """What is maximised.

    Args:
        protocol: the rules.
        metric: key of one of its numbers, of which more is better; None is the protocol's first.

    Raises:
        EvaluationError: the protocol has no such number, or the lower it is the better.
    """

    def __init__(self, protocol: BaseProtocol, metric: str | None) -> None:
        known = {measure.key: measure for measure in protocol.reported()}
        if metric is not None and metric not in known:
            raise EvaluationError(f"protocol {protocol.name!r} reports no {metric!r}{did_you_mean(metric, known)}")
        self.protocol, self.metric = protocol, metric or next(iter(known))
        self.measure = known[self.metric]
        if not self.measure.higher_is_better:
            raise EvaluationError(
                f"--metric {self.metric} is the better the lower, and a search makes it large; give {next(iter(known))}"
            )

    def value(self, scores: list[SequenceScore]) -> float:
        """The metric over several sequences, pooled as the protocol says; NaN without a counted frame."""
        return self.protocol.read(self.protocol.pool(scores))[self.metric]

    def per_sequence(self, scores: list[SequenceScore]) -> NDArray[np.float64]:
        """(sequences,) the metric of each, NaN where it does not count."""
        values = np.array([score.scores[self.metric] for score in scores], dtype=np.float64)
        counted = np.array([bool(score.counted.any()) for score in scores])
        return np.where(counted, values, np.nan)


def evaluate(
    track: TrackWith,
    sequences: list[Sequence],
    scoring: Scoring,
    parameters: Parameters,
    on_sequence: Callable[[int, float], object] | None = None,
) -> list[SequenceScore]:
    """Tracks and scores sequences in the given order.

    `on_sequence` is told how many sequences are done and the value over them so far, where any frame counts yet; it may
    raise to stop the trial. Whatever tracking raises is raised, too.
    """
    scores: list[SequenceScore] = []
    for sequence in sequences:
        scores.append(score_result(scoring.protocol, sequence, track(sequence, parameters)))
        so_far = scoring.value(scores)
        if on_sequence is not None and not math.isnan(so_far):
            on_sequence(len(scores), so_far)
    return scores


class _PrunedError(Exception):
    """The trial lies below the median of the others."""


def work_on(
    study: Study,
    space: Space,
    track: TrackWith,
    sequences: list[Sequence],
    scoring: Scoring,
    trials: int,
    told: Callable[[Any], object],
) -> None:
    """Works until the study has so many trials.

    Several workers on one study may begin a few more together. A trial that crashes is recorded with its reason, and
    the study goes on. A stopped one (Ctrl-C) is put up again.

    Args:
        study: with a sampler.
        space: of the study.
        track: of this worker.
        sequences: in the order of all workers.
        scoring: what is maximised.
        trials: in the whole study.
        told: called with each trial of this worker when it has ended (frozen).

    Raises:
        EvaluationError: the study cannot be written.
    """
    optuna = import_optuna()
    states = optuna.trial.TrialState
    trial: Any = None

    def report(step: int, value: float) -> None:
        with study.errors():
            trial.report(value, step)
            if trial.should_prune():
                raise _PrunedError

    while True:
        with study.errors():
            if study.begun() >= trials:
                return
            trial = study.inner.ask()
            parameters = {item.name: item.suggest(trial) for item in space.ranges}
        state, value = states.COMPLETE, None
        notes: dict[str, Any] = {}
        start = time.perf_counter()
        try:
            scores = evaluate(track, sequences, scoring, parameters, report)
            value = scoring.value(scores)
            if math.isnan(value):
                raise EvaluationError(f"no frame of these sequences counts under protocol {scoring.protocol.name!r}")
            per_sequence = dict(zip((s.name for s in scores), scoring.per_sequence(scores).tolist(), strict=True))
            notes["per_sequence"] = json_value(per_sequence)
        except _PrunedError:
            state = states.PRUNED
        except KeyboardInterrupt:
            with study.errors():
                trial.set_user_attr("error", KILLED)
                study.inner.tell(trial, state=states.FAIL)
                study.inner.enqueue_trial(parameters)
            raise
        except Exception as error:  # whatever it is concerns these values alone
            state, notes["error"] = states.FAIL, failure_of(error).reason
        notes["seconds"] = round(time.perf_counter() - start, 4)
        with study.errors():
            for key, note in notes.items():
                trial.set_user_attr(key, note)
            told(study.inner.tell(trial, value if state == states.COMPLETE else None, state=state))

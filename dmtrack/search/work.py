"""One worker on a study: asks for values, tracks, scores and tells, until there are enough trials."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.files import json_value
from dmtrack.running.one_sequence import failure_of
from dmtrack.search.objective import Scoring, evaluate
from dmtrack.search.space import Space
from dmtrack.search.study import KILLED, Study, import_optuna
from dmtrack.search.tracks import Track


class _PrunedError(Exception):
    """The trial lies below the median of the others."""


def work_on(
    study: Study,
    space: Space,
    track: Track,
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

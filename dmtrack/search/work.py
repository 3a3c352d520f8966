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
from dmtrack.search.study import import_optuna, storage_errors
from dmtrack.search.tracks import Tracks


class _PrunedError(Exception):
    """The trial lies below the median of the others."""


def begun(study: Any) -> int:
    """Trials that were started, however they ended; those of a killed run do not count, they are tried again."""
    waiting = import_optuna().trial.TrialState.WAITING
    return sum(
        trial.state != waiting and trial.user_attrs.get("error") != "its run was killed"
        for trial in study.get_trials(deepcopy=False)
    )


def work_on(
    study: Any,
    storage: str,
    space: Space,
    tracks: Tracks,
    sequences: list[Sequence],
    scoring: Scoring,
    trials: int,
    told: Callable[[Any], object],
) -> None:
    """Works until the study has so many trials.

    Several workers on one study may begin a few more together. A trial that crashes is recorded with its reason, and
    the study goes on. A stopped one (Ctrl-C) is put up again.

    Args:
        study: opened.
        storage: for errors.
        space: of the study.
        tracks: of this worker.
        sequences: in the order of all workers.
        scoring: what is maximised.
        trials: in the whole study.
        told: called with each trial of this worker when it has ended (frozen).

    Raises:
        EvaluationError: the study cannot be written.
    """
    optuna = import_optuna()
    states = optuna.trial.TrialState
    while True:
        with storage_errors(storage):
            if begun(study) >= trials:
                return
            trial = study.ask()
            parameters = space.suggest(trial)
        state, value = states.COMPLETE, None
        notes: dict[str, Any] = {}
        start = time.perf_counter()
        try:
            scores = evaluate(tracks, sequences, scoring, parameters, _reporter(trial, storage))
            value = scoring.value(scores)
            if math.isnan(value):
                raise EvaluationError(f"no frame of these sequences counts under protocol {scoring.protocol.name!r}")
            per_sequence = dict(zip((s.name for s in scores), scoring.per_sequence(scores).tolist(), strict=True))
            notes["per_sequence"] = json_value(per_sequence)
        except _PrunedError:
            state = states.PRUNED
        except KeyboardInterrupt:
            with storage_errors(storage):
                trial.set_user_attr("error", "its run was killed")
                study.tell(trial, state=states.FAIL)
                study.enqueue_trial(parameters)
            raise
        except Exception as error:  # whatever it is concerns these values alone
            state, notes["error"] = states.FAIL, failure_of(error).reason
        notes["seconds"] = round(time.perf_counter() - start, 4)
        with storage_errors(storage):
            for key, note in notes.items():
                trial.set_user_attr(key, note)
            told(study.tell(trial, value if state == states.COMPLETE else None, state=state))


def _reporter(trial: Any, storage: str) -> Callable[[int, float], None]:
    def report(step: int, value: float) -> None:
        with storage_errors(storage):
            trial.report(value, step)
            if trial.should_prune():
                raise _PrunedError

    return report

"""What came of a search: the best values, what they are worth on other sequences, and how all of it was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.reporting.bootstrap import Interval, difference_interval, draw_sequences
from dmtrack.evaluation.results import software_versions
from dmtrack.evaluation.scoring import combine
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.search.settings import Prepared
from dmtrack.search.splits import TEST_MARK
from dmtrack.search.study import Study, import_optuna
from dmtrack.search.work import evaluate

BOOTSTRAP_ROUNDS = 10_000


@dataclass(frozen=True)
class Comparison:
    """The best values against the config's own on some sequences, both tracked without any tolerance.

    Attributes:
        title: of the sequences.
        sequences: how many.
        best: every number of the protocol with the best values, by key.
        own: with the config's.
        difference: best - own in the metric; paired bootstrap over sequences.
        relation: "tuned on these" or "held out".
    """

    title: str
    sequences: int
    best: dict[str, float]
    own: dict[str, float]
    difference: Interval
    relation: str


@dataclass(frozen=True)
class Outcome:
    """Of a study, as far as it went.

    Attributes:
        prepared: what was asked.
        trials: frozen Optuna trials that ended.
        counts: how trials ended: complete, pruned, fail.
        ranked: trials with a value, best first.
        best: the first of them.
        comparisons: on the tuning sequences and, where asked for, on held-out ones.
        sharing: how network passes of this run's trials were shared, and how long it took.
        provenance: JSON values that belong to every file.
        shared_error: value of the best trial as it was found minus the exact one; None where nothing is approximate.
        importance: share of each parameter in what decides the value, by name; empty where it cannot be told.
    """

    prepared: Prepared
    trials: list[Any]
    counts: dict[str, int]
    ranked: list[Any]
    best: Any
    comparisons: tuple[Comparison, ...]
    sharing: dict[str, Any]
    provenance: dict[str, Any]
    shared_error: float | None
    importance: dict[str, float] = field(default_factory=dict)

    @property
    def value_heading(self) -> str:
        """What the value of a trial is."""
        settings = self.prepared.settings
        approximate = " (approximate)" if settings.tolerance_px else ""
        return self.prepared.scoring.measure.title + approximate + (f" ({TEST_MARK})" if settings.test_split else "")

    def described(self) -> str:
        """Whose numbers these are, for the foot of a figure and the head of a table."""
        settings, scoring = self.prepared.settings, self.prepared.scoring
        mark = f"{TEST_MARK.upper()}. " if settings.test_split else ""
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        return (
            f"{mark}{self.value_heading} by {scoring.protocol.name} on {settings.tuning.title}, split "
            f"{settings.tuning.shown_split}, {len(self.prepared.sequences)} sequences; {settings.sampler}, trials: "
            f"{counts}; weights {str(self.prepared.origin.weights_sha256 or '-')[:8]}"
        )


def conclude(prepared: Prepared, study: Study, sharing: dict[str, Any]) -> Outcome:
    """Reads the study and runs the comparisons.

    Raises:
        EvaluationError: no trial has a value.
    """
    settings = prepared.settings
    trials = [trial for trial in study.trials if trial.state.is_finished()]
    with study.errors():
        attributes = dict(study.inner.user_attrs)
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if not complete:
        reasons = [trial.user_attrs["error"] for trial in trials if "error" in trial.user_attrs]
        raise EvaluationError(
            f"none of {len(trials)} trials has a value; the first crashed with: {reasons[0] if reasons else 'nothing'}"
        )
    counts = dict(Counter(trial.state.name.lower() for trial in trials))
    ranked = sorted(complete, key=lambda trial: (-trial.value, trial.number))
    best = ranked[0]
    comparisons = [_compare(prepared, settings.tuning, best.params, "tuned on these")]
    if settings.held_out is not None:
        comparisons.append(_compare(prepared, settings.held_out, best.params, "held out"))
    provenance = {
        **{key: value for key, value in attributes.items() if key != "sequences"},
        "sequences": len(prepared.sequences),
        "weights": prepared.origin.weights,
        "study": settings.storage,
        "trials": len(trials),
        "best_trial": best.number,
        "software": {**software_versions(), "optuna": import_optuna().__version__},
    }
    shared_error = float(best.value) - comparisons[0].best[prepared.scoring.metric] if settings.tolerance_px else None
    importance = _importance(study, complete)
    return Outcome(
        prepared, trials, counts, ranked, best, tuple(comparisons), sharing, provenance, shared_error, importance
    )


def _compare(prepared: Prepared, benchmark: BenchmarkChoice, best: dict[str, Any], relation: str) -> Comparison:
    """Tracks the sequences of a benchmark with both sets of values."""
    settings, scoring = prepared.settings, prepared.scoring
    sequences = prepared.sequences if benchmark == settings.tuning else settings.open(benchmark)
    tracks = settings.tracks(prepared.origin, benchmark, exact=True)
    scores = [evaluate(tracks.track, sequences, scoring, parameters) for parameters in (best, prepared.current)]
    with_best, with_own = (combine(scoring.protocol, "", benchmark.title, item) for item in scores)
    draws = np.concatenate(list(draw_sequences(len(sequences), BOOTSTRAP_ROUNDS, seed=0)))
    samples = [scoring.protocol.resample(score, draws)[scoring.metric] for score in (with_best, with_own)]
    lead = with_best.scores[scoring.metric] - with_own.scores[scoring.metric]
    difference = difference_interval(lead, samples[0], samples[1], scoring.protocol.drawn_from([with_best, with_own]))
    numbers = [dict(score.scores) for score in (with_best, with_own)]
    return Comparison(benchmark.title, len(sequences), numbers[0], numbers[1], difference, relation)


def _importance(study: Study, complete: list[Any]) -> dict[str, float]:
    """PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) of what sets the best quarter of the trials apart."""
    optuna = import_optuna()
    if len(complete) < 20 or len({trial.value for trial in complete}) < 4:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25)
    found = optuna.importance.get_param_importances(study.inner, evaluator=evaluator)
    return {name: float(value) for name, value in found.items()}

from __future__ import annotations

import builtins
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest

from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.results import SequenceResult
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.running.trackers import TrackerChoice
from dmtrack.search import study as study_module
from dmtrack.search.running import study_lock
from dmtrack.search.settings import SearchSettings
from dmtrack.search.space import Range, Space
from dmtrack.search.study import Study, import_optuna, make_sampler
from dmtrack.search.work import Scoring, work_on

SPACE = Space((Range("shift", 0.0, 20.0), Range("grow", 0.5, 2.0)))
SCORING = Scoring(get_protocol("dmtrack-visible"), None)
FACTS = {
    "space": [asdict(item) for item in sorted(SPACE.ranges, key=lambda item: item.name)],
    "benchmark": "squares",
    "split": "all",
    "seeds": {"sampler": 0},
}


class ShiftedTruth:
    """A tracker that is as wrong as its parameters say; the best are shift 0 and grow 1."""

    def __init__(self, crash_above=100.0):
        self.crash_above, self.tracked = crash_above, 0

    def track(self, sequence, parameters):
        if parameters["shift"] > self.crash_above:
            raise RuntimeError("no memory for such a shift")
        self.tracked += 1
        boxes = sequence.boxes_xywh.copy()
        boxes[:, 0] += parameters["shift"]
        boxes[:, 2:] *= parameters["grow"]
        return SequenceResult(boxes)


def opened(path, seed=0, done=0, kind="random", pruner=None):
    study = Study(str(path), pruner=pruner)
    study.inner.sampler = make_sampler(kind, seed, 0, done, False)
    return study


def work(study, sequences, trials, tracks=None):
    work_on(study, SPACE, (tracks or ShiftedTruth()).track, sequences, SCORING, trials, lambda trial: None)


def test_a_study_goes_on_and_repeats_nothing(tmp_path, sequences):
    path = tmp_path / "study.db"
    study = opened(path)
    study.settle(FACTS)
    work(study, sequences, 6)
    again = opened(path, done=6)
    again.settle(FACTS)
    work(again, sequences, 10)
    shifts = [trial.params["shift"] for trial in again.trials]
    assert len(shifts) == len(set(shifts)) == 10
    assert again.inner.user_attrs["benchmark"] == "squares"
    assert set(again.trials[0].user_attrs["per_sequence"]) == {"s0", "s1", "s2", "s3"}
    work(again, sequences, 10)
    assert again.begun() == 10


def test_grid_and_own_values_stand_in_the_study(tmp_path, sequences):
    path, steps = tmp_path / "study.db", Space((Range("shift", 0.0, 6.0, 3.0), Range("grow", 1.0, 1.5, 0.5)))
    study = opened(path, kind="grid")
    assert study.plan(steps, "grid", {}) == 6 == study.plan(steps, "grid", {})
    work_on(study, steps, ShiftedTruth().track, sequences, SCORING, 6, lambda trial: None)
    assert {(t.params["shift"], t.params["grow"]) for t in study.trials} == {
        (shift, grow) for shift in (0.0, 3.0, 6.0) for grow in (1.0, 1.5)
    }
    assert study.inner.best_params == {"shift": 0.0, "grow": 1.0}
    other = opened(tmp_path / "other.db", kind="tpe")
    other.plan(SPACE, "tpe", {"shift": 7.0, "grow": 1.0})
    work(other, sequences, 1)
    assert other.trials[0].params == {"shift": 7.0, "grow": 1.0}


@pytest.mark.parametrize("kind", ["tpe", "cma-es", "random"])
def test_samplers_find_better_values(tmp_path, sequences, kind):
    path = tmp_path / "study.db"
    study = opened(path, kind=kind)
    work(study, sequences[:1], 30)
    assert study.inner.best_value > 0.7


def test_a_crash_is_recorded_and_the_study_goes_on(tmp_path, sequences):
    path = tmp_path / "study.db"
    study = opened(path)
    work(study, sequences, 12, ShiftedTruth(crash_above=10))
    failed = [trial for trial in study.trials if trial.state.name == "FAIL"]
    assert 0 < len(failed) < 12 and len(study.trials) == 12
    assert {trial.user_attrs["error"] for trial in failed} == {"RuntimeError: no memory for such a shift"}
    assert all(trial.params["shift"] > 10 for trial in failed)


def test_poor_trials_are_pruned_early(tmp_path, sequences):
    path, tracks = tmp_path / "study.db", ShiftedTruth()
    pruner = import_optuna().pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)
    study = opened(path, pruner=pruner)
    work(study, sequences, 20, tracks)
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert pruned and tracks.tracked < 80
    assert max(trial.intermediate_values[trial.last_step] for trial in pruned) < study.inner.best_value


def test_what_a_killed_run_left_is_tried_again(tmp_path, sequences):
    path = tmp_path / "study.db"
    study = opened(path)
    left = study.inner.ask()
    parameters = {item.name: item.suggest(left) for item in SPACE.ranges}
    again = opened(path, done=1)
    assert again.revive() == 1
    work(again, sequences, 1)
    assert again.trials[1].params == parameters and again.trials[1].value is not None

    class Stopped(ShiftedTruth):
        def track(self, sequence, parameters):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(again, sequences, 2, Stopped())
    assert again.revive() == 0 and again.begun() == 1
    work(again, sequences, 2)
    assert again.trials[-1].params == again.trials[-2].params


def test_a_study_of_another_search_is_refused(tmp_path):
    path = tmp_path / "study.db"
    opened(path).settle(FACTS)
    other = [asdict(Range("shift", 0.0, 30.0))]
    with pytest.raises(EvaluationError, match=r"study.db is of another search space: it was grow 0.5 to 2; shift 0 to"):
        opened(path).settle({**FACTS, "space": other})
    with pytest.raises(EvaluationError, match=r"is of another split: it was \"all\", now it is \"test\""):
        opened(path).settle({**FACTS, "split": "test"})
    foreign = tmp_path / "foreign.db"
    study = opened(foreign)
    study.inner.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(EvaluationError, match="was not made by dmtrack"):
        study.settle(FACTS)


def test_a_study_in_use_is_refused_unless_joined(tmp_path):
    path = str(tmp_path / "study.db")
    with study_lock(path, join=False) as alone:
        assert alone
        with pytest.raises(EvaluationError, match=r"study .*study.db is in use by process \d+ on .* add --join"):
            study_lock(path, join=False).__enter__()
        with study_lock(path, join=True) as alone:
            assert not alone
    with study_lock(path, join=False) as alone:
        assert alone
    with study_lock("postgresql://host/studies", join=True) as alone:
        assert not alone


def test_files_that_are_locked_or_no_study_are_one_sentence(tmp_path, monkeypatch, sequences):
    monkeypatch.setattr(study_module, "BUSY_SECONDS", 0.1)
    path = tmp_path / "study.db"
    study = opened(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(EvaluationError, match="is in use: another program has locked the file"):
        work(study, sequences, 1)
    holder.close()
    text = tmp_path / "notes.db"
    text.write_text("this is no database at all, " * 50)
    with pytest.raises(EvaluationError, match=r"notes.db cannot be used as a study \(.*not a database"):
        opened(text)


def test_several_machines_share_a_journal(tmp_path, sequences):
    path = tmp_path / "study.journal"
    first, second = opened(path), opened(path, done=1)
    first.settle(FACTS)
    work(first, sequences, 2)
    work(second, sequences, 4)
    assert len(first.trials) == 4 and Path(path).exists()


def test_missing_packages_are_one_sentence(monkeypatch):
    real = builtins.__import__

    def without_optuna(name, *arguments, **options):
        if name == "optuna":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_optuna)
    with pytest.raises(ConfigError, match=r"needs Optuna, .* run `pip install 'dmtrack\[search\]'`"):
        import_optuna()
    monkeypatch.undo()
    monkeypatch.setitem(__import__("sys").modules, "cmaes", None)
    with pytest.raises(ConfigError, match=r"needs the package cmaes, .* `pip install 'dmtrack\[search\]'`"):
        make_sampler("cma-es", 0, 0, 0, False)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"sampler": "gird"}, "^'sampler' must be 'tpe' or .* or 'grid', got 'gird' .*; did you mean 'grid'"),
        ({"trials": 0}, "^trials is 0: expected a whole number above 0"),
        ({"memory_gb": 0.0}, "^memory_gb is 0.0: expected a number above 0"),
    ],
)
def test_settings_of_a_search_are_checked_as_configs_are(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        SearchSettings(BenchmarkChoice("synthetic"), TrackerChoice(), SPACE, **options)

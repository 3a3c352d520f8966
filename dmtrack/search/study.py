"""The file of trials: opening, creating and continuing a study, and what never changes about it."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.search.space import Parameters, Space

Sampler = Literal["tpe", "cma-es", "random", "grid"]
_FIXED = {
    "space": "search space",
    "benchmark": "benchmark",
    "split": "split",
    "sequences": "sequences",
    "seeds": "seeds",
    "tracker": "tracker",
    "config_hash": "config",
    "weights_sha256": "weights",
    "protocol": "protocol",
    "metric": "metric",
    "sharing_tolerance_px": "--sharing-tolerance",
    "tuned_on_test_split": "test split",
}
"""Attributes that all trials of a study have in common, and what errors call them."""

KILLED = "its run was killed"
"""Reason of a trial that is tried again."""

BUSY_SECONDS = 60.0
"""How long a writer waits for others of the same SQLite file."""


def import_optuna() -> Any:
    """The library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "parameter search needs Optuna, which is not installed; run `pip install 'dmtrack[search]'`"
        ) from error
    optuna.logging.set_verbosity(logging.ERROR)
    return optuna


class Study:
    """The trials of a search, created where there are none. What its database raises becomes one sentence.

    Args:
        storage: a file of SQLite; a file that ends in `.journal`, which several machines may share over NFS; or the URL
            of a database.
        name: of the study in it, which is `inner`.
        pruner: of Optuna; None prunes nothing.

    Raises:
        EvaluationError: the storage cannot be used; so says every method.
    """

    def __init__(self, storage: str, name: str = "dmtrack", pruner: Any = None) -> None:
        optuna = import_optuna()
        self.storage = storage
        with self.errors():
            if "://" in storage:
                opened: Any = optuna.storages.RDBStorage(storage)
            else:
                Path(storage).parent.mkdir(parents=True, exist_ok=True)
                if Path(storage).suffix == ".journal":
                    opened = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(storage))
                else:
                    waits = {"connect_args": {"timeout": BUSY_SECONDS}}
                    opened = optuna.storages.RDBStorage(f"sqlite:///{storage}", engine_kwargs=waits)
                    _write_ahead(opened.engine)
            self.inner: Any = optuna.create_study(
                storage=opened,
                study_name=name,
                pruner=pruner or optuna.pruners.NopPruner(),
                direction="maximize",
                load_if_exists=True,
            )

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what databases raise into one sentence.

        Raises:
            EvaluationError: the file is locked, no study, or the server does not answer.
        """
        optuna = import_optuna()
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError, json.JSONDecodeError) as error:
            reason = str(getattr(error, "orig", None) or error.__cause__ or error).split("\n")[0]
            if "locked" in f"{error} {reason}":
                raise EvaluationError(
                    f"study {self.storage} is in use: another program has locked the file; close it, or give another "
                    "file with --study"
                ) from error
            raise EvaluationError(
                f"{self.storage} cannot be used as a study ({reason}); give another file with --study"
            ) from error

    @property
    def trials(self) -> list[Any]:
        """All trials, frozen, however far they are."""
        with self.errors():
            return list(self.inner.get_trials(deepcopy=False))

    def begun(self) -> int:
        """Trials that were started, however they ended; those of a killed run do not count, they are tried again."""
        return sum(t.state.name != "WAITING" and t.user_attrs.get("error") != KILLED for t in self.trials)

    def settle(self, facts: Mapping[str, Any]) -> None:
        """Records what belongs to a new study, or checks that a known one is of the same.

        Args:
            facts: JSON values; those of `_FIXED` must not change, the others are kept from the first run.

        Raises:
            EvaluationError: the study is of another search space, split, config, ...
        """
        with self.errors():
            known = self.inner.user_attrs
            now = json.loads(json.dumps(dict(facts)))
            if "space" in known:
                for key, called in _FIXED.items():
                    if known.get(key) != now.get(key):
                        was, here = (_shown(values.get(key)) for values in (known, now))
                        raise EvaluationError(
                            f"study {self.storage} is of another {called}: it was {was}, now it is {here}; give the "
                            "same options, or another file with --study"
                        )
                return
            if self.trials:
                raise EvaluationError(f"study {self.storage} was not made by dmtrack; give another file with --study")
            for key, value in now.items():
                if key != "space":
                    self.inner.set_user_attr(key, value)
            # The last one: a study that has it is complete.
            self.inner.set_user_attr("space", now["space"])

    def plan(self, space: Space, sampler: str, current: Parameters) -> int | None:
        """Puts into the study what is known to be tried: all combinations of a grid, or the config's own values.

        Returns:
            The number of combinations of a grid, else None.

        Raises:
            ConfigError: a grid of ranges without steps.
        """
        grid = space.grid() if sampler == "grid" else None
        own = [dict(current)] if all(item.holds(current.get(item.name)) for item in space.ranges) else []
        wanted = own if grid is None else grid
        present = [{**trial.system_attrs.get("fixed_params", {}), **trial.params} for trial in self.trials]
        if grid is None and present:
            return None
        with self.errors():
            for parameters in wanted:
                if parameters not in present:
                    self.inner.enqueue_trial(parameters)
        return None if grid is None else len(grid)

    def revive(self) -> int:
        """Ends trials that a killed run left running, and puts their values up again."""
        left = [trial for trial in self.trials if trial.state.name == "RUNNING"]
        with self.errors():
            for trial in left:
                self.inner._storage.set_trial_user_attr(trial._trial_id, "error", KILLED)
                self.inner.tell(trial.number, state=import_optuna().trial.TrialState.FAIL)
                if trial.params:
                    self.inner.enqueue_trial(trial.params)
        return len(left)


def _write_ahead(engine: Any) -> None:
    """Lets a trial's many small notes cost no disk flush each; a crash of the machine may lose the last of them."""
    from sqlalchemy import event

    def connected(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    engine.dispose()
    event.listen(engine, "connect", connected)
    engine.connect().close()


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "; ".join(
            f"{item['name']} {item['low']:g} to {item['high']:g}" + (f" by {item['step']:g}" if item["step"] else "")
            for item in value
        )
    if isinstance(value, list) and len(value) > 3:
        return f"{len(value)} items from {value[0]!r} on"
    return json.dumps(value)


def make_sampler(kind: Sampler, seed: int, worker: int, done: int, parallel: bool) -> Any:
    """A sampler whose draws neither repeat those of an earlier run of the study nor those of other workers.

    Args:
        kind: which; a grid needs none, its trials stand in the study.
        seed: of the search.
        worker: number of the process.
        done: trials that are in the study already.
        parallel: whether several trials run at once.

    Raises:
        ConfigError: CMA-ES is not installed.
    """
    optuna = import_optuna()
    own = int(np.random.SeedSequence([seed, worker, done]).generate_state(1)[0])
    if kind == "tpe":
        return optuna.samplers.TPESampler(seed=own, multivariate=True, constant_liar=parallel)
    if kind == "cma-es":
        try:
            importlib.import_module("cmaes")
        except ImportError as error:
            raise ConfigError(
                "--sampler cma-es needs the package cmaes, which is not installed; run `pip install 'dmtrack[search]'`"
            ) from error
        return optuna.samplers.CmaEsSampler(seed=own, warn_independent_sampling=False)
    return optuna.samplers.RandomSampler(seed=own)

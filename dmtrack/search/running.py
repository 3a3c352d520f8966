"""The whole search: study, trials here or in several processes, then everything that is written of it."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.errors import DMTrackError, EvaluationError, OutputError
from dmtrack.files import output_folder
from dmtrack.progress import ProgressBar
from dmtrack.search.outcome import Outcome, conclude
from dmtrack.search.outputs import print_outcome, write_outcome
from dmtrack.search.settings import Prepared, SearchSettings, prepare
from dmtrack.search.splits import TEST_MARK
from dmtrack.search.study import Study, import_optuna, make_sampler
from dmtrack.search.work import work_on

DEFAULT_TRIALS = 100


def check(settings: SearchSettings) -> None:
    """Finds what `search` would refuse, for those who compute something for it first.

    Raises:
        DMTrackError: see `search`.
    """
    make_sampler(settings.sampler, 0, 0, 0, False)
    prepare(settings)
    with output_folder(settings.output), study_lock(settings.storage, settings.join):
        _open(settings, 0)


def search(settings: SearchSettings, console: Console | None = None) -> Outcome:
    """Runs the trials that a study lacks, compares on held-out sequences, writes config, tables and plots.

    Args:
        settings: what to do.
        console: where progress and the table go.

    Raises:
        EvaluationError: the study is in use or of another search, or every trial crashed.
        ConfigError: ranges or tracker cannot be used, or Optuna is missing.
        DMTrackError: benchmark or tracker cannot be opened.
        OutputError: a file cannot be written.
    """
    console = console or Console()
    import_optuna()
    make_sampler(settings.sampler, 0, 0, 0, False)
    prepared = prepare(settings)
    with output_folder(settings.output), study_lock(settings.storage, settings.join) as alone:
        study = _open(settings, 0)
        study.settle(prepared.facts())
        if alone and study.revive():
            console.print("note: trials that a stopped run left are tried again")
        combinations = study.plan(settings.space, settings.sampler, prepared.current)
        trials = min(settings.trials or combinations or DEFAULT_TRIALS, combinations or 10**9)
        facts = _run_trials(prepared, trials, console)
        outcome = conclude(prepared, _open(settings, 0), facts)
    files = write_outcome(outcome, settings.output)
    print_outcome(outcome, files, console)
    return outcome


@contextlib.contextmanager
def study_lock(study: str, join: bool) -> Iterator[bool]:
    """Holds a study; gives whether no other run held it before.

    It is a shared lock on a file beside the study, which the system releases when a process dies. A database server
    has no such file: there, whoever does not join counts as alone.

    Args:
        study: its file or URL.
        join: work on it together with runs that hold it already.

    Raises:
        EvaluationError: another run holds it and this one does not join.
        OutputError: the lock's file cannot be written.
    """
    if "://" in study:
        yield not join
        return
    path = Path(f"{study}.lock")
    new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            f"study {study} cannot be used: {error.strerror}; choose another place with --study"
        ) from error
    alone = True
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        except BlockingIOError:
            if not join:
                holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
                raise EvaluationError(
                    f"study {study} is in use by {holder}; wait for it, add --join to work on it together, or give "
                    "another file with --study"
                ) from None
            alone = False
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield alone
    except DMTrackError:
        if new:  # nothing came of it, and if nobody joined meanwhile, the file serves nobody
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _open(settings: SearchSettings, worker: int) -> Study:
    pruner: Any = None
    if settings.prune:
        # Means over very few sequences are noise, and the first trials have no others to be compared with.
        pruner = import_optuna().pruners.MedianPruner(n_startup_trials=10, n_warmup_steps=3, n_min_trials=5)
    study = Study(settings.storage, settings.name, pruner)
    parallel = settings.processes > 1 or settings.join
    study.inner.sampler = make_sampler(settings.sampler, settings.seed, worker, len(study.trials), parallel)
    return study


def _run_trials(prepared: Prepared, trials: int, console: Console) -> dict[str, Any]:
    """Runs what is missing; gives how network passes were shared."""
    settings = prepared.settings
    study = _open(settings, 0)
    done = study.begun()
    if done >= trials:
        console.print(f"{done} trials are in {settings.storage} already")
        return {}
    start, start_cpu = time.perf_counter(), time.process_time()
    with _Bar(prepared, trials, console) as bar:
        if settings.processes == 1:
            tracks = settings.tracks(prepared.origin, settings.tuning)
            bar.show(study)
            work_on(
                study, settings.space, tracks.track, prepared.sequences, prepared.scoring, trials,
                lambda trial: bar.show(study),
            )  # fmt: skip
            facts: dict[str, Any] = tracks.facts
        else:
            facts = _run_processes(prepared, study, trials, bar)
    return {
        **facts,
        "seconds": round(time.perf_counter() - start, 3),
        "cpu_seconds": round(time.process_time() - start_cpu, 3),
        "trials_of_this_run": study.begun() - done,
    }


def _run_processes(prepared: Prepared, study: Study, trials: int, bar: _Bar) -> dict[str, Any]:
    """Several workers on one study, each with network outputs of its own; gives how all of them shared."""
    settings = prepared.settings
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    workers = [
        context.Process(target=_worker, args=(settings, trials, number, told), daemon=True)
        for number in range(1, settings.processes + 1)
    ]
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            workers[0].join(0.5)
            bar.show(study)
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    all_facts = []
    while not told.empty():
        number, answer = told.get()
        if isinstance(answer, str):
            raise EvaluationError(f"worker {number} stopped: {answer}")
        all_facts.append(answer)
    if study.begun() < trials:
        raise EvaluationError(
            f"worker processes died after {study.begun()} of {trials} trials (out of memory?); run the same command "
            "again to go on, with fewer --processes if it happens again"
        )
    total = dict(all_facts[0]) if all_facts else {}
    for key in {"frames", "network_passes", "forgotten"}.intersection(total):
        total[key] = sum(facts[key] for facts in all_facts)
    if "hit_rate" in total:
        total["hit_rate"] = 1 - total["network_passes"] / max(total["frames"], 1)
    return total


def _worker(settings: SearchSettings, trials: int, number: int, told: Any) -> None:
    import torch

    torch.set_num_threads(1)
    try:
        prepared = prepare(settings)
        tracks = settings.tracks(prepared.origin, settings.tuning)
        work_on(
            _open(settings, number), settings.space, tracks.track, prepared.sequences, prepared.scoring,
            trials, lambda trial: None,
        )  # fmt: skip
    except DMTrackError as error:
        told.put((number, str(error)))
        return
    told.put((number, tracks.facts))


class _Bar(ProgressBar):
    """Trials done, rate, time left, and the best so far."""

    def __init__(self, prepared: Prepared, trials: int, console: Console) -> None:
        self._metric = prepared.scoring.metric + (f", {TEST_MARK}" if prepared.settings.test_split else "")
        self._trials, self._start, self._first = trials, time.perf_counter(), -1
        super().__init__("trials", trials, rate=False, console=console)

    def show(self, study: Study) -> None:
        """Reads the study and draws."""
        states = import_optuna().trial.TrialState
        trials = study.trials
        done = sum(trial.state.is_finished() for trial in trials)
        self._first = done if self._first < 0 else self._first
        values = [trial.value for trial in trials if trial.state == states.COMPLETE]
        counts = {name: sum(t.state == state for t in trials) for name, state in
                  (("pruned", states.PRUNED), ("failed", states.FAIL))}  # fmt: skip
        rate = (done - self._first) / max(time.perf_counter() - self._start, 1e-9)
        parts = [f"{rate:.2f}/s"] + [f"{count} {name}" for name, count in counts.items() if count]
        if values:
            parts.append(f"best {max(values):.4f} ({self._metric})")
        self.update(done=min(done, self._trials), note=", ".join(parts))

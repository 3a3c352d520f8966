"""Runs a tracker over sequences, in this process or several, storing each sequence as it is done.

With several processes, each opens the sequences and builds the tracker itself, so what goes to it are two picklable
functions, for example `functools.partial(SequenceFolder, "my/sequences")`. Scripts that call `run` with several
processes need the usual `if __name__ == "__main__":` guard.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Generator
from typing import Protocol

from dmtrack.data.types import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.one_sequence import track_and_store
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.evaluation.workers import BuildTracker, OpenSequences, Outcome, run_spawned


class Watcher(Protocol):
    """Who wants to know how a run goes; all calls come from the process that called `run`."""

    def started(self, sequences: int, frames: int, done: int) -> None:
        """How many sequences there are, how many frames are to be tracked, how many sequences were done before."""

    def tracked(self, frames: int) -> None:
        """So many frames have been tracked in this run."""

    def finished(self, sequence: Sequence, result: SequenceResult) -> None:
        """A sequence has its result, from this run or stored by an earlier one."""

    def failed(self, sequence: Sequence, reason: str) -> None:
        """A sequence has none."""


class Silence:
    """A watcher that does nothing."""

    def started(self, sequences: int, frames: int, done: int) -> None:
        """Says nothing."""

    def tracked(self, frames: int) -> None:
        """Says nothing."""

    def finished(self, sequence: Sequence, result: SequenceResult) -> None:
        """Says nothing."""

    def failed(self, sequence: Sequence, reason: str) -> None:
        """Says nothing."""


def run(
    store: ResultStore,
    build_tracker: BuildTracker,
    open_sequences: OpenSequences,
    processes: int = 1,
    watcher: Watcher | None = None,
) -> dict[str, str]:
    """Tracks the sequences that have no stored result yet.

    Args:
        store: already started (`ResultStore.start`).
        build_tracker: called once per process.
        open_sequences: called once per process, and once here.
        processes: 1 tracks in this process; more are spawned, one thread each.
        watcher: told how it goes.

    Returns:
        Why sequences failed, by name; empty when all went well. A failing sequence does not stop the others.

    Raises:
        EvaluationError: stored results are of other sequences, or a worker process died.
        OutputError: results cannot be written.
    """
    if processes < 1:
        raise EvaluationError(f"{processes} processes asked for; give 1 or more")
    watcher = watcher or Silence()
    sequences = list(open_sequences())
    _check_names(sequences)
    done = [index for index, sequence in enumerate(sequences) if store.has(sequence)]
    pending = sorted(set(range(len(sequences))) - set(done))
    watcher.started(len(sequences), sum(len(sequences[index]) for index in pending), len(done))
    for index in done:
        watcher.finished(sequences[index], store.read(sequences[index].name))
    if processes == 1 or len(pending) < 2:
        outcomes = _run_here(store, build_tracker, sequences, pending, watcher)
    else:
        tracked = watcher.tracked
        outcomes = run_spawned(store, build_tracker, open_sequences, sequences, pending, processes, tracked)
    failures: dict[str, str] = {}
    # Closing at once ends the worker processes when this function is left by an error.
    with contextlib.closing(outcomes):
        for index, reason in outcomes:
            sequence = sequences[index]
            if reason is None:
                watcher.finished(sequence, store.read(sequence.name))
            else:
                failures[sequence.name] = reason
                watcher.failed(sequence, reason)
    return failures


def _run_here(
    store: ResultStore,
    build_tracker: BuildTracker,
    sequences: list[Sequence],
    pending: list[int],
    watcher: Watcher,
) -> Generator[Outcome, None, None]:
    tracker = build_tracker() if pending else None
    frames = 0

    def count() -> None:
        nonlocal frames
        frames += 1
        watcher.tracked(frames)

    for index in pending:
        yield index, track_and_store(store, tracker, sequences[index], count)


def _check_names(sequences: list[Sequence]) -> None:
    names = Counter(sequence.name for sequence in sequences)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise EvaluationError(f"two sequences are called {twice[0]!r}; results are stored by name, so rename one")
    if not names:
        raise EvaluationError("there is no sequence to track; give a folder that holds sequences")

"""Several processes that track sequences: spawned, one thread each, every result stored by the process that made it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dmtrack.data.types import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.one_sequence import track_and_store
from dmtrack.evaluation.results import ResultStore

BuildTracker = Callable[[], Any]
"""Makes a tracker with got10k's `init(image, box)` and `update(image)`; `step` is used where it exists."""


class SequenceList(Protocol):
    """A list of sequences, or anything that reads or renders them when asked for one."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, index: int, /) -> Sequence:
        """One of them."""

    def __iter__(self) -> Iterator[Sequence]:
        """All in order."""


OpenSequences = Callable[[], SequenceList]
"""Opens the sequences; every call gives the same ones in the same order."""

Outcome = tuple[int, str | None]
"""Index of a sequence, and why it failed (None: it did not)."""


def run_spawned(
    store: ResultStore,
    build_tracker: BuildTracker,
    open_sequences: OpenSequences,
    sequences: list[Sequence],
    pending: list[int],
    processes: int,
    tracked: Callable[[int], object],
) -> Generator[Outcome, None, None]:
    """Tracks and stores the pending sequences in spawned processes.

    Args:
        store: where results go; already started.
        build_tracker: picklable; called once per process.
        open_sequences: picklable; called once per process.
        sequences: what `open_sequences` gives.
        pending: indices of the sequences to track.
        processes: how many at once.
        tracked: told several times per second how many frames are done.

    Yields:
        The outcome of each sequence, as they end.

    Raises:
        EvaluationError: a worker process died.
        OutputError: results cannot be written.
    """
    context = multiprocessing.get_context("spawn")
    frames = context.Value("q", 0)
    # The longest sequences go first, so that no long one is left running alone at the end.
    ordered = sorted(pending, key=lambda index: len(sequences[index]), reverse=True)
    before = set(multiprocessing.active_children())
    with _one_thread_environment():
        pool = ProcessPoolExecutor(
            min(processes, len(ordered)),
            mp_context=context,
            initializer=_start_worker,
            initargs=(store.folder, build_tracker, open_sequences, frames),
        )
        waiting: set[Future[Outcome]] = set()
        try:
            waiting = {pool.submit(_work, index, sequences[index].name) for index in ordered}
            while waiting:
                finished, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                tracked(frames.value)
                for future in finished:
                    yield future.result()
        except BrokenProcessPool as error:
            raise EvaluationError(
                "a worker process died (out of memory?); what was finished is kept: run again with fewer --processes"
            ) from error
        except BaseException:
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass
class _Worker:
    store: ResultStore
    build_tracker: BuildTracker
    open_sequences: OpenSequences
    frames: Any
    tracker: Any = None
    sequences: SequenceList | None = None


_worker: _Worker | None = None


def _start_worker(folder: Path, build_tracker: BuildTracker, open_sequences: OpenSequences, frames: Any) -> None:
    global _worker
    # Ctrl-C reaches the whole process group; the parent alone answers it and ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _worker = _Worker(ResultStore(folder), build_tracker, open_sequences, frames)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(index: int, name: str) -> Outcome:
    worker = _worker
    if worker is None:
        raise RuntimeError("the worker process was not started by run()")
    if worker.sequences is None:
        worker.sequences = worker.open_sequences()
        worker.tracker = worker.build_tracker()
    sequence = worker.sequences[index]
    if sequence.name != name:
        raise EvaluationError(f"the sequences changed during the run ({name!r} became {sequence.name!r}); run again")
    frames = worker.frames

    def count() -> None:
        with frames.get_lock():
            frames.value += 1

    return index, track_and_store(worker.store, worker.tracker, sequence, count)


@contextlib.contextmanager
def _one_thread_environment() -> Iterator[None]:
    """Numerical libraries of processes spawned meanwhile start one thread each."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

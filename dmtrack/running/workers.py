"""Several processes that work on sequences: spawned, one thread each, every result stored by the process that made it.

A process that dies (killed, out of memory, a crash in a library) is replaced, and its sequence tried once more.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from dmtrack.data.sequences import Sequence, SequenceList
from dmtrack.errors import EvaluationError
from dmtrack.running.worker_environment import environment_set, worker_environment

BuildTracker = Callable[[], Any]
"""Makes a tracker with got10k's `init(image, box)` and `update(image)`; `step` is used where it exists."""


OpenSequences = Callable[[], SequenceList]
"""Opens the sequences; every call gives the same ones in the same order."""

Work = Callable[[Any, Sequence, Callable[[], object]], str | None]
"""What is done with a tracker and a sequence, calling the third argument after each frame.

Returns:
    None, or why the sequence failed.
"""

Outcome = tuple[int, str | None]
"""Index of a sequence, and why it failed (None: it did not)."""

ATTEMPTS = 2
"""How often a sequence is tried whose process dies."""

HOPELESS = 2
"""The run is given up when so many sequences were lost that way before any was done."""


def run_spawned(
    work: Work,
    build_tracker: BuildTracker,
    open_sequences: OpenSequences,
    sequences: list[Sequence],
    pending: list[int],
    processes: int,
    tracked: Callable[[int], object],
    gpus: int = 0,
) -> Generator[Outcome, None, None]:
    """Works on the pending sequences in spawned processes.

    Args:
        work: picklable; done with each sequence.
        build_tracker: picklable; called once per process.
        open_sequences: picklable; called once per process.
        sequences: what `open_sequences` gives.
        pending: indices of the sequences to work on.
        processes: how many at once.
        tracked: told several times per second how many frames are done.
        gpus: of this machine, dealt out to the processes in turn, so that each sees one; 0 leaves all visible.

    Yields:
        The outcome of each sequence, as they end.

    Raises:
        EvaluationError: processes died before any sequence was done, on more than one sequence or on the only one.
        DMTrackError: sequences or tracker cannot be opened in a process, or results cannot be written.
    """
    # The longest sequences go first, so that no long one is left running alone at the end.
    waiting = sorted(pending, key=lambda index: len(sequences[index]))
    slots = range(min(processes, len(waiting)))
    environments = [worker_environment(slot, gpus) for slot in slots]
    make = _WorkerMaker(work, build_tracker, open_sequences)
    workers: dict[int, _Worker] = {}
    deaths: Counter[int] = Counter()
    finished = frames = lost = 0
    try:
        while waiting or workers:
            for slot in slots:
                if waiting and slot not in workers:
                    workers[slot] = make(environments[slot])
                    workers[slot].give(waiting.pop(), sequences)
            ready = wait([worker.connection for worker in workers.values()], timeout=0.2)
            tracked(frames + sum(worker.frames.value for worker in workers.values()))
            for slot, worker in list(workers.items()):
                if worker.connection not in ready:
                    continue
                index, answer = worker.running, worker.answer()
                if isinstance(answer, BaseException):
                    raise answer
                if answer is _DIED:
                    del workers[slot]
                    deaths[index] += 1
                    if deaths[index] < ATTEMPTS:
                        waiting.append(index)
                        continue
                    lost += 1
                    if not finished and (lost == HOPELESS or not (waiting or workers)):
                        raise EvaluationError(
                            f"a worker process died ({worker.death()}) and died again on the same sequence; what was "
                            "finished is kept: run again with fewer --processes"
                        )
                    answer = f"the process that tracked it died {ATTEMPTS} times ({worker.death()})"
                elif waiting:
                    worker.give(waiting.pop(), sequences)
                else:
                    worker.stop()
                    del workers[slot]
                finished += answer is None
                frames += len(sequences[index])
                tracked(frames + sum(other.frames.value for other in workers.values()))
                yield index, answer
    finally:
        for worker in workers.values():
            worker.process.terminate()
        for worker in workers.values():
            worker.process.join()


_DIED = object()


@dataclass
class _Worker:
    """A process as its parent sees it."""

    process: SpawnProcess
    connection: Connection
    frames: Any
    running: int = -1

    def give(self, index: int, sequences: list[Sequence]) -> None:
        self.running = index
        self.frames.value = 0
        with contextlib.suppress(OSError):  # it has just died, which is seen when its answer is read
            self.connection.send((index, sequences[index].name))

    def answer(self) -> Any:
        try:
            answer = self.connection.recv()
            self.frames.value = 0
            return answer
        except (EOFError, OSError):
            self.process.join()
            return _DIED

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(None)
        self.process.join()

    def death(self) -> str:
        code = self.process.exitcode or 0
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name
        return f"{name}, out of memory?" if name == "SIGKILL" else name


@dataclass(frozen=True)
class _WorkerMaker:
    work: Work
    build_tracker: BuildTracker
    open_sequences: OpenSequences

    def __call__(self, environment: Mapping[str, str]) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # Written by the process alone, so that no lock can be left locked by one that is killed.
        frames = context.Value("q", 0, lock=False)
        arguments = (theirs, self.work, self.build_tracker, self.open_sequences, frames)
        process = context.Process(target=_serve, args=arguments, daemon=False)
        with environment_set(environment):
            process.start()
        theirs.close()
        return _Worker(process, ours, frames)


def _serve(connection: Connection, work: Work, build: BuildTracker, opener: OpenSequences, frames: Any) -> None:
    """The life of a worker process."""
    # Ctrl-C reaches the whole process group; the parent alone answers it and ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    use_one_thread()

    def count() -> None:
        frames.value += 1

    try:
        sequences = tracker = None
        while (task := connection.recv()) is not None:
            index, name = task
            if sequences is None:
                sequences, tracker = opener(), build()
            connection.send(work(tracker, same_sequence(sequences, index, name), count))
    except EOFError:  # the parent has gone
        return
    except BaseException as error:
        connection.send(_sendable(error))


def use_one_thread() -> None:
    """Makes the numerical libraries of this process compute in one thread."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def same_sequence(sequences: SequenceList, index: int, name: str) -> Sequence:
    """The sequence of that index, which must have that name.

    Raises:
        EvaluationError: it has another one, so the folder changed since it was opened.
    """
    sequence = sequences[index]
    if sequence.name != name:
        raise EvaluationError(f"the sequences changed during the run ({name!r} became {sequence.name!r}); run again")
    return sequence


def _sendable(error: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return EvaluationError(f"a worker process failed: {type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    """A worker whose parent was killed would work on for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

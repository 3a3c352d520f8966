"""Sequences worked on in this process or in spawned ones, one thread each.

A spawned process stores every result that it makes. One that dies (killed, out of memory, a crash in a library) is
replaced, and its sequence tried once more.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from dmtrack.data.sequences import Sequence, SequenceList
from dmtrack.errors import EvaluationError

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


@dataclass(frozen=True)
class Job:
    """Sequences to work on, and what a process needs for it.

    Attributes:
        build_tracker: called once per process; picklable where processes are spawned.
        open_sequences: likewise.
        sequences: what `open_sequences` gives.
        pending: indices of the sequences to work on.
        tracked: told how many frames are done, in the process that began the job.
    """

    build_tracker: BuildTracker
    open_sequences: OpenSequences
    sequences: list[Sequence]
    pending: list[int] = field(default_factory=list)
    tracked: Callable[[int], object] = lambda frames: None

    def longest_first(self) -> list[int]:
        """The pending indices, so ordered that no long sequence is left running alone at the end."""
        return sorted(self.pending, key=lambda index: len(self.sequences[index]), reverse=True)


def work_through(job: Job, work: Work, processes: int, gpus: int = 0) -> Generator[Outcome, None, None]:
    """Works in this process where one is asked for and no GPUs are dealt out, in spawned ones otherwise.

    Raises:
        EvaluationError: fewer than one process, or worker processes died.
        DMTrackError: sequences or tracker cannot be opened.
    """
    if processes < 1:
        raise EvaluationError(f"{processes} processes asked for; give 1 or more")
    if gpus or (processes > 1 and len(job.pending) > 1):
        return run_spawned(job, work, max(processes, gpus), gpus)
    return _run_here(job, work)


def _run_here(job: Job, work: Work) -> Generator[Outcome, None, None]:
    tracker = job.build_tracker()
    frames = itertools.count(1)
    for index in job.pending:
        yield index, work(tracker, job.sequences[index], lambda: job.tracked(next(frames)))


def run_spawned(job: Job, work: Work, processes: int, gpus: int = 0) -> Generator[Outcome, None, None]:
    """Works on the pending sequences in spawned processes and yields their outcomes as they end.

    Args:
        job: its `tracked` is told several times per second how many frames are done.
        work: picklable; done with each sequence.
        processes: how many at once.
        gpus: of this machine, dealt out to the processes in turn, so that each sees one; 0 leaves all visible.

    Raises:
        EvaluationError: processes died before any sequence was done, on more than one sequence or on the only one.
        DMTrackError: sequences or tracker cannot be opened in a process, or results cannot be written.
    """
    sequences, tracked = job.sequences, job.tracked
    waiting = job.longest_first()[::-1]
    slots = range(min(processes, len(waiting)))
    environments = [worker_environment(slot, gpus) for slot in slots]
    workers: dict[int, _Worker] = {}
    deaths: Counter[int] = Counter()
    finished = frames = lost = 0
    try:
        while waiting or workers:
            for slot in slots:
                if waiting and slot not in workers:
                    workers[slot] = _Worker(job, work, environments[slot])
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
                    with contextlib.suppress(OSError):
                        worker.connection.send(None)
                    worker.process.join()
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


class _Worker:
    """A process as its parent sees it: it starts at once, and sees the given variables in its environment."""

    def __init__(self, job: Job, work: Work, environment: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        # Written by the process alone, so that no lock can be left locked by one that is killed.
        self.frames: Any = context.Value("q", 0, lock=False)
        self.running = -1
        arguments = (theirs, work, job.build_tracker, job.open_sequences, self.frames)
        self.process = context.Process(target=_serve, args=arguments, daemon=False)
        with _environment_set(environment):
            self.process.start()
        theirs.close()

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

    def death(self) -> str:
        code = self.process.exitcode or 0
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name
        return f"{name}, out of memory?" if name == "SIGKILL" else name


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


def check_gpus(gpus: int, there: int | None = None) -> None:
    """Makes sure that this machine has as many GPUs as are to be dealt out.

    Args:
        gpus: how many.
        there: how many there are; None asks PyTorch, which sees those that `CUDA_VISIBLE_DEVICES` names.

    Raises:
        EvaluationError: there are fewer.
    """
    if gpus < 1:
        return
    if there is None:
        import torch

        there = torch.cuda.device_count()
    if gpus > there:
        have = f"{there} GPU{'s' * (there != 1)}" if there else "no GPU that PyTorch can use"
        advice = f"give --gpus {there}" if there else "leave --gpus out to compute on the CPU"
        raise EvaluationError(f"--gpus {gpus}: this machine has {have}; {advice}")


def worker_environment(slot: int, gpus: int) -> dict[str, str]:
    """Environment of a worker process: one thread, and one GPU where they are dealt out.

    Args:
        slot: number of the process, from 0; processes take the GPUs in turn.
        gpus: how many are dealt out, the first ones of `CUDA_VISIBLE_DEVICES` where that is set.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = dict.fromkeys(names, "1")
    if gpus:
        visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
        names_of_gpus = visible or [str(number) for number in range(gpus)]
        environment["CUDA_VISIBLE_DEVICES"] = names_of_gpus[slot % min(gpus, len(names_of_gpus))]
    return environment


@contextlib.contextmanager
def _environment_set(environment: Mapping[str, str]) -> Iterator[None]:
    """Processes spawned meanwhile see these variables."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

"""The same run on the machines of an existing Ray cluster (https://docs.ray.io), `dmtrack test --engine ray`.

One task per sequence. A task sends its result back and the machine that started the run stores it, so only the data
and the weights must be readable under the same paths on every node; dmtrack must be installed there. Tasks of nodes
that are lost are run again elsewhere. Ray is imported when it is asked for, and no usage statistics are sent.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dmtrack.data.sequences import SequenceList
from dmtrack.errors import DMTrackError, EvaluationError, OutputError
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.running.one_sequence import Failure, failure_of, track_sequence
from dmtrack.running.workers import Job, Outcome, same_sequence, use_one_thread

RETRIES = 5
"""How often a sequence is begun again because its node or process was lost."""


@dataclass(frozen=True)
class RayEngine:
    """Tracks on a Ray cluster; an `Engine` of the runner.

    Attributes:
        address: of the cluster ("10.0.0.1:6379", "ray://..."); None takes RAY_ADDRESS, or the cluster that was started
            on this machine with `ray start`.
        gpus: whether every task gets a GPU of its own.
    """

    address: str | None = None
    gpus: bool = False

    def __call__(self, job: Job, store: ResultStore) -> Generator[Outcome, None, None]:
        """Tracks the pending sequences on the cluster and stores them here; yields the outcome of each as they end.

        Raises:
            EvaluationError: Ray is not installed, there is no cluster, or it cannot run dmtrack.
            OutputError: results cannot be written.
        """
        ray = import_ray()
        ours = not ray.is_initialized()
        if ours:
            _connect(ray, self.address)
        try:
            # Ray would wait for ever for a node with a GPU.
            if self.gpus and not ray.cluster_resources().get("GPU"):
                raise EvaluationError("--gpus with --engine ray: no node of the cluster has a GPU; leave --gpus out")
            yield from _track(ray, job, store, 1 if self.gpus else 0)
        except ray.exceptions.RayError as error:
            raise EvaluationError(f"the Ray cluster was lost ({_first_line(error)}); run again to go on") from error
        finally:
            if ours:
                ray.shutdown()


def import_ray() -> ModuleType:
    """The module `ray`, set to send no statistics.

    Raises:
        EvaluationError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise EvaluationError(
            "--engine ray needs Ray, which is not installed; run `pip install 'dmtrack[cluster]'`"
        ) from error
    return ray


def _connect(ray: ModuleType, address: str | None) -> None:
    where = address or os.environ.get("RAY_ADDRESS") or "auto"
    try:
        with _on_loopback(ray, where):
            ray.init(address=where, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        place = "on this machine" if where == "auto" else f"at {where}"
        raise EvaluationError(
            f"no usable Ray cluster {place} ({_first_line(error)}); start one with `ray start --head`, or give its "
            "--address"
        ) from error


@contextlib.contextmanager
def _on_loopback(ray: ModuleType, address: str) -> Iterator[None]:
    """Lets Ray connect to a cluster that was started on 127.0.0.1, such as one of `ray.cluster_utils`.

    Ray replaces 127.0.0.1 by the machine's outer address unless it may not leave the machine, which is a switch of its
    own that it reads when it is imported. An address without an answer is refused here, which would take Ray a minute.

    Raises:
        ConnectionError: nothing listens there.
    """
    from ray._private import ray_constants, services

    found = services.canonicalize_bootstrap_address(address) if address == "auto" else address
    host, _, port = (found or "").rpartition(":")
    if "/" in host or not port.isdecimal():  # ray://, or no address at all: Ray says what is wrong with it
        yield
        return
    if _answers(services.resolve_ip_for_localhost(host), int(port)):
        yield
        return
    given = services.get_ray_address_from_environment(address, None) if address == "auto" else address
    loopback = str(given).rpartition(":")[0] in ("127.0.0.1", "localhost") and _answers("127.0.0.1", int(port))
    if not loopback:
        raise ConnectionError("nothing answers there")
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False


def _track(ray: ModuleType, job: Job, store: ResultStore, gpus_per_task: int) -> Generator[Outcome, None, None]:
    sequences = job.sequences
    task = ray.remote(num_cpus=1, num_gpus=gpus_per_task, max_retries=RETRIES)(_track_remotely)
    where = str(Path.cwd()), tuple(sys.path)
    makers = pickle.dumps((job.build_tracker, job.open_sequences))
    running = {task.remote(where, makers, index, sequences[index].name): index for index in job.longest_first()}
    frames = 0
    try:
        while running:
            ended, _ = ray.wait(list(running), num_returns=1, timeout=0.5)
            for reference in ended:
                index = running.pop(reference)
                outcome, name = _outcome(ray, reference), sequences[index].name
                frames += len(sequences[index])
                job.tracked(frames)
                if isinstance(outcome, Failure):
                    with contextlib.suppress(OutputError):
                        store.write_failure(name, outcome.trace)
                    yield index, outcome.reason
                else:
                    store.write(name, outcome)
                    yield index, None
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _outcome(ray: ModuleType, reference: Any) -> SequenceResult | Failure:
    try:
        outcome: SequenceResult | Failure = ray.get(reference)
        return outcome
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, DMTrackError):
            raise cause from error
        text = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else _first_line(error)
        raise EvaluationError(
            f"a task failed on the Ray cluster ({text}); install the same dmtrack on every node, and put data and "
            "weights under the same paths there"
        ) from error
    except (
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.NodeDiedError,
        ray.exceptions.OutOfMemoryError,
        ray.exceptions.ObjectLostError,
    ) as error:
        return Failure(f"it was lost {RETRIES + 1} times on the Ray cluster: {_first_line(error)}", str(error))


_opened: dict[bytes, tuple[Any, SequenceList]] = {}
"""Tracker and sequences of the run that this process of a node works for; at most one."""


def _track_remotely(
    where: tuple[str, tuple[str, ...]], makers: bytes, index: int, name: str
) -> SequenceResult | Failure:
    """Tracks one sequence on a node.

    Args:
        where: working folder and module folders of the process that started the run: what relative paths and a user's
            own modules mean.
        makers: pickled (`build_tracker`, `open_sequences`).
        index: of the sequence.
        name: that it must have.
    """
    if makers not in _opened:
        _opened.clear()
        folder, module_folders = where
        if Path(folder).is_dir():
            os.chdir(folder)
        sys.path.extend(folder for folder in module_folders if folder not in sys.path)
        use_one_thread()
        build_tracker, open_sequences = pickle.loads(makers)
        _opened[makers] = build_tracker(), open_sequences()
    tracker, sequences = _opened[makers]
    sequence = same_sequence(sequences, index, name)
    try:
        return track_sequence(tracker, sequence)
    except Exception as error:  # whatever a user's tracker raises concerns this sequence alone
        return failure_of(error)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

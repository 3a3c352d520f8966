"""Which devices and processes a run uses, and how they end: when asked to, when killed, when one of them fails."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from types import FrameType, TracebackType
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy

from dmtrack.errors import DMTrackError, TrainingError
from dmtrack.training.devices import Devices

_FABRIC_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}

_LAUNCHER = "DMTRACK_LAUNCHER_PID"

_STOPPING = {signal.SIGTERM, signal.SIGINT}

_REPORT_DELAY_SECONDS = 10.0
_LOST_CONNECTION = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "gloo", "NCCL")

# The others wait while process 0 validates.
_COLLECTIVE_TIMEOUT = timedelta(hours=3)


def choose_devices(asked: Devices) -> tuple[str, int]:
    """Accelerator ("cuda" or "cpu") and processes per node.

    Raises:
        TrainingError: more GPUs than there are.
    """
    present = torch.cuda.device_count()
    if asked.gpus:
        if asked.gpus > present:
            raise TrainingError(
                f"{asked.gpus} GPUs were asked for, but this machine has {present}; use "
                + (f"--gpus {present}" if present else "--cpus 1")
            )
        return "cuda", asked.gpus
    if asked.cpus is None and asked.gpus is None and present:
        return "cuda", 1
    return "cpu", asked.cpus or 1


def start_fabric(asked: Devices, precision: str) -> Fabric:
    """Starts the processes of the run (or joins those that torchrun or Slurm started) and connects them.

    Raises:
        TrainingError: devices that are not there, or machines for which `auto` is not the same.
    """
    accelerator, processes = choose_devices(asked)
    die_with_parent()
    for part in ("fabric", "pytorch"):  # the run's own log says what is used; where Fabric logs depends on its version
        logging.getLogger(f"lightning.{part}").setLevel(logging.WARNING)
    strategy = "auto"
    if processes * asked.nodes > 1:
        # Some parameters get no gradient (the dead ones of the published model, a head without positives); PyTorch
        # warns of the search for them in every batch that has none.
        warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
        strategy = DDPStrategy(find_unused_parameters=True, gradient_as_bucket_view=True, timeout=_COLLECTIVE_TIMEOUT)
    fabric = Fabric(
        accelerator=accelerator,
        devices=processes,
        num_nodes=asked.nodes,
        strategy=strategy,
        precision=_FABRIC_PRECISION[precision],
    )
    fabric.launch()
    first = fabric.broadcast(precision)
    if first != precision:
        raise TrainingError(
            f"the first process of this run computes in {first}, process {fabric.global_rank} in {precision}, because "
            "their machines differ; give --precision fp32, bf16 or fp16"
        )
    return fabric


def die_with_parent() -> None:
    """Lets a process that a launcher started end when the launcher is killed, instead of waiting for it forever."""
    if "LOCAL_RANK" not in os.environ:
        os.environ[_LAUNCHER] = str(os.getpid())
        return
    if not sys.platform.startswith("linux"):
        return
    _die_when_parent_dies()
    # The launcher may have died before the line above.
    if os.environ.get(_LAUNCHER, str(os.getppid())) != str(os.getppid()):
        os._exit(1)


@contextlib.contextmanager
def report_once() -> Iterator[None]:
    """Lets one process report what all processes of a run stumble over.

    The others wait before they do: if the first process has the same error, it ends meanwhile and takes them along.
    A connection that breaks because another process stopped becomes a sentence.
    """
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    try:
        yield
    except DMTrackError:
        if not first:
            time.sleep(_REPORT_DELAY_SECONDS)
        raise
    except RuntimeError as error:
        if not any(sign in str(error) for sign in _LOST_CONNECTION):
            raise
        raise TrainingError(
            "another process of this run stopped (its message, if it had one, stands above); the last checkpoint is "
            "kept, go on with --resume auto"
        ) from error


class StopRequest:
    """Remembers that SIGTERM or SIGINT has come, inside a `with` block; a second SIGINT interrupts at once.

    Slurm sends SIGTERM before it takes a machine away; people press Ctrl-C.

    Attributes:
        requested: whether to stop after the current iteration.
        exit_code: what shells report for a process ended by that signal, 128 + its number.
    """

    def __init__(self) -> None:
        self.requested = False
        self.exit_code = 128 + signal.SIGTERM
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        # Python allows signal handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self.exit_code = 128 + number
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def prepare_workers(loader: Any) -> None:
    """Lets a loader's worker processes outlive signals to the whole process group, and die with their trainer.

    Slurm and terminals signal every process of a job. A worker that stops at once would take the next batch with it,
    and with it the checkpoint that the trainer still wants to write.
    """
    if loader.num_workers > 0 and sys.platform.startswith("linux"):
        loader.worker_init_fn = partial(_start_worker, loader.worker_init_fn)


def _die_when_parent_dies() -> None:
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _start_worker(first: Callable[[int], None] | None, number: int) -> None:
    _die_when_parent_dies()
    # Blocked signals wait for the thread, which alone can see who sent them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    threading.Thread(target=_obey_parent, args=(os.getppid(),), daemon=True).start()
    if first is not None:
        first(number)


def _obey_parent(parent: int) -> None:
    while signal.sigwaitinfo(_STOPPING).si_pid != parent:
        pass
    os._exit(0)

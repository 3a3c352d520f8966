"""How the processes that prepare data behave when the run ends or is killed."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any


def prepare_workers(loader: Any) -> None:
    """Lets a loader's worker processes outlive signals to the whole process group, and die with their trainer.

    Slurm and terminals signal every process of a job. A worker that stops at once would take the last batch with it,
    and with it the checkpoint that the trainer still wants to write.
    """
    if loader.num_workers > 0:
        loader.worker_init_fn = partial(_start_worker, loader.worker_init_fn)


def _start_worker(first: Callable[[int], None] | None, number: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform.startswith("linux"):
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if first is not None:
        first(number)

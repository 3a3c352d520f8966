"""How the processes that prepare data behave when the run ends or is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

_STOPPING = {signal.SIGTERM, signal.SIGINT}


def prepare_workers(loader: Any) -> None:
    """Lets a loader's worker processes outlive signals to the whole process group, and die with their trainer.

    Slurm and terminals signal every process of a job. A worker that stops at once would take the next batch with it,
    and with it the checkpoint that the trainer still wants to write.
    """
    if loader.num_workers > 0 and sys.platform.startswith("linux"):
        loader.worker_init_fn = partial(_start_worker, loader.worker_init_fn)


def _start_worker(first: Callable[[int], None] | None, number: int) -> None:
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    # Blocked signals wait for the thread, which alone can see who sent them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    threading.Thread(target=_obey_parent, args=(os.getppid(),), daemon=True).start()
    if first is not None:
        first(number)


def _obey_parent(parent: int) -> None:
    while signal.sigwaitinfo(_STOPPING).si_pid != parent:
        pass
    os._exit(0)

"""What a worker process finds in its environment: one thread, and one of the GPUs that are dealt out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from dmtrack.errors import EvaluationError


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
def environment_set(environment: Mapping[str, str]) -> Iterator[None]:
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

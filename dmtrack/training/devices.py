"""Which processes a run asks for. Nothing here loads PyTorch, so that wrong numbers are refused at once."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dmtrack.errors import TrainingError

_STARTED_BY = ("WORLD_SIZE", "MASTER_ADDR", "SLURM_NTASKS")
"""Variables of the environment, of which torchrun, Slurm and cluster managers set one in every process."""


@dataclass(frozen=True)
class Devices:
    """What the user asked for.

    Attributes:
        gpus: GPUs per node; None takes one if there is one, unless `cpus` is given.
        cpus: CPU processes per node.
        nodes: machines.

    Raises:
        TrainingError: both kinds, a number of processes that cannot be, or machines that nothing starts.
    """

    gpus: int | None = None
    cpus: int | None = None
    nodes: int = 1

    def __post_init__(self) -> None:
        if self.nodes < 1 or (self.gpus or 0) < 0 or (self.cpus is not None and self.cpus < 1):
            raise TrainingError("--gpus, --cpus and --nodes must be whole numbers above 0")
        if self.nodes > 1 and not any(name in os.environ for name in _STARTED_BY):
            raise TrainingError(
                f"--nodes {self.nodes}: nothing starts the other machines; run the same command on each of them "
                "through torchrun or srun"
            )
        if self.gpus and self.cpus:
            raise TrainingError("--gpus and --cpus exclude each other; give one of them")

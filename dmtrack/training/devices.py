"""Which processes a run asks for. Nothing here loads PyTorch, so that wrong numbers are refused at once."""

from __future__ import annotations

from dataclasses import dataclass

from dmtrack.errors import TrainingError


@dataclass(frozen=True)
class Devices:
    """What the user asked for.

    Attributes:
        gpus: GPUs per node; None takes one if there is one, unless `cpus` is given.
        cpus: CPU processes per node.
        nodes: machines.

    Raises:
        TrainingError: both kinds, or a number of processes that cannot be.
    """

    gpus: int | None = None
    cpus: int | None = None
    nodes: int = 1

    def __post_init__(self) -> None:
        if self.nodes < 1 or (self.gpus or 0) < 0 or (self.cpus is not None and self.cpus < 1):
            raise TrainingError("--gpus, --cpus and --nodes must be whole numbers above 0")
        if self.gpus and self.cpus:
            raise TrainingError("--gpus and --cpus exclude each other; give one of them")

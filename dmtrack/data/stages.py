"""The stages of a training run: how many clips per process, at which image size, until which share of the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch.utils.data import Sampler

from dmtrack.config import parse_section
from dmtrack.config.top_level import Data, Stage

ClipToken = tuple[int, tuple[int, int] | None]
"""What a loader asks the dataset for: the global number of the clip in the run, and the stage's image size."""


def parse_stages(stages: Iterable[Stage | Mapping[str, Any]] | None) -> tuple[Stage, ...]:
    """The stages of a config, checked.

    Args:
        stages: dicts with the keys of `Stage`, or stages; None is one stage of one pair per process.

    Raises:
        ConfigError: an unknown key, a share that does not grow, a last share that is not 1, fewer than 1 pair.
    """
    return parse_section({"stages": stages}, Data, "data").stages or (Stage(),)


class IterationBatches(Sampler[list[ClipToken]]):
    """The tokens of one process, iteration by iteration; iteration k is the same whether the run was resumed or not.

    An iteration is one batch per process (with gradient accumulation an optimiser step takes several). The number of a
    pair in the run is: pairs of all earlier stages + (iterations of this stage so far x world size + rank) x pairs per
    process + place in the batch.

    Args:
        start_iteration: the first iteration to yield (0, or where a resumed run goes on).
        total_iterations: of the whole run.
        stages: see `Stage`.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        start_iteration: int,
        total_iterations: int,
        stages: Iterable[Stage | Mapping[str, Any]] | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.start_iteration = start_iteration
        self.total_iterations = total_iterations
        self.stages = parse_stages(stages)
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        return max(self.total_iterations - self.start_iteration, 0)

    def __iter__(self) -> Iterator[list[ClipToken]]:
        return (self.tokens(iteration) for iteration in range(self.start_iteration, self.total_iterations))

    def tokens(self, iteration: int) -> list[ClipToken]:
        """The pairs of this process in one iteration; a closed form, no earlier iteration is looked at."""
        ends = [round(stage.until * self.total_iterations) for stage in self.stages[:-1]]
        starts = [0, *ends, self.total_iterations]
        number = next((stage for stage, end in enumerate(starts[1:]) if iteration < end), len(self.stages) - 1)
        stage = self.stages[number]
        earlier = sum(
            (starts[past + 1] - starts[past]) * self.stages[past].samples_per_gpu * self.world_size
            for past in range(number)
        )
        group = (iteration - starts[number]) * self.world_size + self.rank
        first = earlier + group * stage.samples_per_gpu
        return [(first + place, stage.image_size_wh) for place in range(stage.samples_per_gpu)]

"""From a sampler to batches on the way to the network, the same whatever the number of workers or a resume.

The stages of a run say how many clips per process, at which image size, until which share of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from dmtrack.config import parse_section
from dmtrack.config.top_level import Data, Stage
from dmtrack.data.batches import Batch, ClipEncoder
from dmtrack.data.recipes import Transform, build_recipe
from dmtrack.data.samples import ClipSampler, built
from dmtrack.errors import ConfigError, DMTrackError

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

    def starts(self) -> list[tuple[int, int]]:
        """Where every stage begins: its first iteration, and the number of its first pair in the run."""
        ends = [round(stage.until * self.total_iterations) for stage in self.stages[:-1]]
        found, pairs = [(0, 0)], 0
        for stage, (first, end) in zip(self.stages, pairwise([0, *ends]), strict=False):
            pairs += (end - first) * stage.samples_per_gpu * self.world_size
            found.append((end, pairs))
        return found

    def tokens(self, iteration: int) -> list[ClipToken]:
        """The pairs of this process in one iteration; a closed form, no earlier iteration is looked at."""
        starts = self.starts()
        number = max(place for place, (first, _) in enumerate(starts) if first <= iteration)
        stage, (begins, earlier) = self.stages[number], starts[number]
        group = (iteration - begins) * self.world_size + self.rank
        first = earlier + group * stage.samples_per_gpu
        return [(first + place, stage.image_size_wh) for place in range(stage.samples_per_gpu)]


class TrainingClips(Dataset[Any]):
    """Clip number `index` of a run, drawn and augmented with `default_rng([seed, index])` and nothing else.

    Args:
        sampler: draws the clips.
        transforms: applied in order.
        seed: of the run.
        redraws: how often a clip whose first image lost all its instances is drawn again, with the same generator;
            after that it is used as it is.
        encoder: makes of every clip what batches are collated from; None leaves clips.
        later: (number of the first clip, sampler) of the stages that have a sampler of their own, in order.
    """

    def __init__(
        self,
        sampler: ClipSampler,
        transforms: Iterable[Transform] = (),
        seed: int = 0,
        redraws: int = 10,
        encoder: ClipEncoder | None = None,
        later: Sequence[tuple[int, ClipSampler]] = (),
    ) -> None:
        self.samplers = [(0, sampler), *later]
        self.transforms = tuple(transforms)
        self.seed = seed
        self.redraws = redraws
        self.encoder = encoder

    def __getitem__(self, token: ClipToken | int) -> Any:
        index, image_size_wh = (token, None) if isinstance(token, int) else token
        rng = np.random.default_rng([self.seed, index])
        sampler = next(sampler for first, sampler in reversed(self.samplers) if first <= index)
        for _ in range(self.redraws + 1):
            clip = sampler.sample(rng, image_size_wh)
            for transform in self.transforms:
                clip = transform(clip, rng)
            if len(clip.query.boxes_xyxy):
                break
        if self.encoder is None:
            return clip
        if not self.encoder.spares_ignored:
            clip = clip.map(lambda sample: sample if sample.ignored is None else sample.select(~sample.ignored))
        return self.encoder.encode(clip, rng)


class _CaughtErrors(Dataset[Any]):
    """Passes a user's error on as a value: a worker process would bury its sentence under a traceback."""

    def __init__(self, clips: TrainingClips) -> None:
        self.clips = clips

    def __getitem__(self, token: ClipToken) -> Any:
        try:
            return self.clips[token]
        except DMTrackError as error:
            return error


def _collate_or_error(items: list[Any], encoder: ClipEncoder) -> Batch | DMTrackError:
    errors = [item for item in items if isinstance(item, DMTrackError)]
    return errors[0] if errors else encoder.collate(items)


class BatchLoader(DataLoader[Any]):
    """A `DataLoader` of `Batch` that raises an error of a worker as it was raised there."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        for batch in super().__iter__():
            if isinstance(batch, DMTrackError):
                raise batch
            yield batch


def _start_worker(_: int) -> None:
    # One thread per worker: the processes are the parallelism, more threads only fight for the same cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def training_loader(
    sampler: ClipSampler,
    encoder: ClipEncoder,
    *,
    total_iterations: int,
    seed: int,
    transforms: Iterable[Transform] = (),
    stages: Iterable[Stage | Mapping[str, Any]] | None = None,
    start_iteration: int = 0,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
    pin_memory: bool = False,
    prefetch: int = 2,
) -> BatchLoader:
    """The batches of one process from `start_iteration` to the end of the run, in order.

    The batches do not depend on `workers`, and those of a resumed run equal those of an uninterrupted one.

    Args:
        sampler: draws the clips.
        encoder: of the model.
        total_iterations: of the whole run; one iteration is one batch per process.
        seed: of the run.
        transforms: augmentation, see `dmtrack.data.recipes`.
        stages: see `Stage`.
        start_iteration: where a resumed run goes on.
        rank: number of this process.
        world_size: number of processes.
        workers: processes that prepare batches; 0 prepares them in the calling process.
        pin_memory: page-locked memory, for copies to a GPU.
        prefetch: batches that each worker prepares ahead.
    """
    batches = IterationBatches(start_iteration, total_iterations, stages, rank, world_size)
    later = [
        (first, sampler if stage.train is None else built(stage.train))
        for stage, (_, first) in zip(batches.stages, batches.starts(), strict=True)
    ]
    options: dict[str, Any] = {}
    if workers > 0:
        options = {"persistent_workers": True, "prefetch_factor": prefetch, "worker_init_fn": _start_worker}
    return BatchLoader(
        _CaughtErrors(TrainingClips(sampler, transforms, seed, encoder=encoder, later=later)),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=partial(_collate_or_error, encoder=encoder),
        pin_memory=pin_memory,
        **options,
    )


def training_loader_from_config(
    data: Mapping[str, Any], encoder: ClipEncoder, *, total_iterations: int, seed: int, **options: Any
) -> BatchLoader:
    """`training_loader` from the `data` section of a config: its `train`, `recipe`, `stages` and `workers_per_gpu`.

    Raises:
        ConfigError: a missing or unknown entry.
        DataError: a dataset that is not there or not as expected.
    """
    from dmtrack.config import build
    from dmtrack.registry import DATASETS

    if "train" not in data:
        raise ConfigError("data.train is missing: name the dataset to train on, e.g. dict(type='SyntheticPairs')")
    sampler = build(data["train"], DATASETS)
    if not hasattr(sampler, "sample"):
        raise ConfigError(
            f"data.train: {type(sampler).__name__} gives no pairs; wrap it, e.g. "
            "dict(type='SequencePairs', source=...) or dict(type='ImagePairs', source=...)"
        )
    recipe = data.get("recipe", "fixed")
    if not encoder.named_recipes and (isinstance(recipe, (str, Mapping)) or recipe is None):
        raise ConfigError(
            f"data.recipe is {recipe!r}: this model takes a list of steps, "
            "e.g. [dict(type='CropAround'), dict(type='ShiftScaleCrop'), dict(type='ShiftColour')]"
        )
    return training_loader(
        sampler,
        encoder,
        total_iterations=total_iterations,
        seed=seed,
        transforms=build_recipe(recipe, encoder.preprocessing),
        stages=data.get("stages"),
        workers=int(data.get("workers_per_gpu", 0)),
        **options,
    )

"""From a pair sampler to batches on the way to the network, the same whatever the number of workers or a resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceABC
from functools import partial
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from dmtrack.config.top_level import Stage
from dmtrack.data.batches import PairBatch
from dmtrack.data.preprocessing import Preprocessing, normalize
from dmtrack.data.samples import Pair, PairSampler
from dmtrack.data.stages import IterationBatches, PairToken, parse_stages, stage_starts
from dmtrack.errors import ConfigError, DMTrackError

__all__ = [
    "IterationBatches",
    "PairEncoder",
    "PairLoader",
    "PairToken",
    "Stage",
    "TrainingPairs",
    "collate",
    "parse_stages",
    "stage_starts",
    "training_loader",
    "training_loader_from_config",
]

Transform = Callable[[Pair, np.random.Generator], Pair]


class PairEncoder(Protocol):
    """Turns augmented pairs into what a model trains on, in the processes that prepare batches."""

    def encode(self, drawn: Pair, pair: Pair, rng: np.random.Generator) -> Any:
        """One pair as it was drawn and as it became by augmentation -> whatever `collate` takes."""
        ...

    def collate(self, items: SequenceABC[Any]) -> Any:
        """A batch with the methods `to` and `pin_memory` and the fields `query_images` and `search_images`."""
        ...


class TrainingPairs(Dataset[Any]):
    """Pair number `index` of a run, drawn and augmented with `default_rng([seed, index])` and nothing else.

    Args:
        sampler: draws the pairs.
        transforms: applied in order.
        seed: of the run.
        redraws: how often a pair that lost all its instances is drawn again, with the same generator; after that the
            pair without instances is used as it is.
        encoder: makes of every pair what the model trains on; None leaves pairs.
    """

    def __init__(
        self,
        sampler: PairSampler,
        transforms: SequenceABC[Transform] = (),
        seed: int = 0,
        redraws: int = 10,
        encoder: PairEncoder | None = None,
    ) -> None:
        self.sampler = sampler
        self.transforms = tuple(transforms)
        self.seed = seed
        self.redraws = redraws
        self.encoder = encoder

    def __getitem__(self, token: PairToken | int) -> Any:
        index, image_size_wh = (token, None) if isinstance(token, int) else token
        rng = np.random.default_rng([self.seed, index])
        for _ in range(self.redraws + 1):
            drawn = pair = self.sampler.sample(rng, image_size_wh)
            for transform in self.transforms:
                pair = transform(pair, rng)
            if len(pair.query_boxes_xyxy):
                break
        return pair if self.encoder is None else self.encoder.encode(drawn, pair, rng)


class _CaughtErrors(Dataset[Any]):
    """Hands a user's error over as a value: a worker process would bury its sentence under a traceback."""

    def __init__(self, pairs: TrainingPairs) -> None:
        self.pairs = pairs

    def __getitem__(self, token: PairToken) -> Any:
        try:
            return self.pairs[token]
        except DMTrackError as error:
            return error


def collate(pairs: SequenceABC[Pair], preprocessing: Preprocessing) -> PairBatch:
    """Normalises the images and pads them with zeros to one size per side of the pairs.

    Args:
        pairs: at least one; a pair may have no instance.
        preprocessing: mean, standard deviation and divisor; `scale` is not used, images are taken at their size.

    Returns:
        The batch; boxes keep their numbers because padding is at the right and bottom.
    """
    query_images, query_sizes = _stack([pair.query_image for pair in pairs], preprocessing)
    search_images, search_sizes = _stack([pair.search_image for pair in pairs], preprocessing)
    counts = torch.tensor([len(pair.query_boxes_xyxy) for pair in pairs], dtype=torch.int64)
    return PairBatch(
        query_images=query_images,
        search_images=search_images,
        query_boxes_xyxy=_boxes([pair.query_boxes_xyxy for pair in pairs]),
        search_boxes_xyxy=_boxes([pair.search_boxes_xyxy for pair in pairs]),
        pair_index=torch.repeat_interleave(torch.arange(len(pairs), dtype=torch.int64), counts),
        query_sizes_hw=query_sizes,
        search_sizes_hw=search_sizes,
        identities=_identities(pairs),
    )


def _stack(images: SequenceABC[Any], preprocessing: Preprocessing) -> tuple[torch.Tensor, torch.Tensor]:
    sizes = torch.tensor([image.shape[:2] for image in images], dtype=torch.int64)
    largest = sizes.max(dim=0).values
    height, width = (largest + (-largest) % preprocessing.divisor).tolist()
    batch = torch.zeros(len(images), 3, height, width)
    for place, image in enumerate(images):
        normalized = torch.from_numpy(normalize(image, preprocessing))
        batch[place, :, : image.shape[0], : image.shape[1]] = normalized.permute(2, 0, 1)
    return batch, sizes


def _boxes(boxes: SequenceABC[Any]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([np.reshape(rows, (-1, 4)) for rows in boxes]).astype(np.float32))


def _identities(pairs: SequenceABC[Pair]) -> torch.Tensor:
    numbers = [
        np.full(len(pair.query_boxes_xyxy), -1) if pair.identities is None else pair.identities for pair in pairs
    ]
    return torch.from_numpy(np.concatenate(numbers).astype(np.int64))


def _collate_or_error(items: SequenceABC[Any], collate_items: Callable[[SequenceABC[Any]], Any]) -> Any:
    errors = [item for item in items if isinstance(item, DMTrackError)]
    return errors[0] if errors else collate_items(items)


class PairLoader(DataLoader[Any]):
    """A `DataLoader` of `PairBatch` that raises an error of a worker as it was raised there."""

    def __iter__(self) -> Iterator[PairBatch]:  # type: ignore[override]
        for batch in super().__iter__():
            if isinstance(batch, DMTrackError):
                raise batch
            yield batch


def _start_worker(_: int) -> None:
    # One thread per worker: the processes are the parallelism, more threads only fight for the same cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def training_loader(
    sampler: PairSampler,
    *,
    preprocessing: Preprocessing,
    total_iterations: int,
    seed: int,
    transforms: SequenceABC[Transform] = (),
    stages: SequenceABC[Stage | Mapping[str, Any]] | None = None,
    start_iteration: int = 0,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
    pin_memory: bool = False,
    prefetch: int = 2,
    encoder: PairEncoder | None = None,
) -> PairLoader:
    """The batches of one process from `start_iteration` to the end of the run, in order.

    The batches do not depend on `workers`, and those of a resumed run equal those of an uninterrupted one.

    Args:
        sampler: draws the pairs.
        preprocessing: of the model.
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
        encoder: of models that do not train on a `PairBatch`.
    """
    options: dict[str, Any] = {}
    if workers > 0:
        options = {"persistent_workers": True, "prefetch_factor": prefetch, "worker_init_fn": _start_worker}
    return PairLoader(
        _CaughtErrors(TrainingPairs(sampler, transforms, seed, encoder=encoder)),
        batch_sampler=IterationBatches(start_iteration, total_iterations, stages, rank, world_size),
        num_workers=workers,
        collate_fn=partial(
            _collate_or_error,
            collate_items=partial(collate, preprocessing=preprocessing) if encoder is None else encoder.collate,
        ),
        pin_memory=pin_memory,
        **options,
    )


def training_loader_from_config(
    data: Mapping[str, Any],
    *,
    preprocessing: Preprocessing,
    total_iterations: int,
    seed: int,
    start_iteration: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
    encoder: PairEncoder | None = None,
) -> PairLoader:
    """`training_loader` from the `data` section of a config: its `train`, `recipe`, `stages` and `workers_per_gpu`.

    Raises:
        ConfigError: a missing or unknown entry.
        DataError: a dataset that is not there or not as expected.
    """
    from dmtrack.config import build
    from dmtrack.data.recipes import build_recipe
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
    if encoder is not None and (isinstance(recipe, (str, Mapping)) or recipe is None):
        raise ConfigError(
            f"data.recipe is {recipe!r}: this model takes a list of steps, "
            "e.g. [dict(type='CropAround'), dict(type='ShiftScaleCrop'), dict(type='ShiftColour')]"
        )
    return training_loader(
        sampler,
        preprocessing=preprocessing,
        total_iterations=total_iterations,
        seed=seed,
        transforms=build_recipe(recipe, preprocessing),
        stages=data.get("stages"),
        start_iteration=start_iteration,
        rank=rank,
        world_size=world_size,
        workers=int(data.get("workers_per_gpu", 0)),
        pin_memory=pin_memory,
        encoder=encoder,
    )

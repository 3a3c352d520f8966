"""Batches: what the training loop and the models see of the data, and how clips become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.data.preprocessing import normalize
from dmtrack.data.samples import Clip, Sample


@dataclass
class FrameBatch:
    """Frame t of every clip; the instances of all clips lie in one list so that they are processed in one pass.

    Attributes:
        images: (clips, 3, H, W) float32, normalised, zero-padded at the right and bottom.
        boxes_xyxy: (instances, 4) float32 pixels of the network input.
        clip_index: (instances,) int64, the clip that each instance belongs to, ascending.
        sizes_hw: (clips, 2) int64, image sizes before padding.
        identities: (instances,) int64, see `Sample`; None where all are unknown.
        masks: (instances, H, W) bool, where the data set has them.
        classes: (instances,) int64, see `Sample`; None where all are of one class.
        ignored: (instances,) bool, see `Sample`; None where there is none.
    """

    images: Tensor
    boxes_xyxy: Tensor
    clip_index: Tensor
    sizes_hw: Tensor
    identities: Tensor | None = None
    masks: Tensor | None = None
    classes: Tensor | None = None
    ignored: Tensor | None = None


@dataclass
class Batch:
    """Clips as tensors.

    Attributes:
        frames: one entry per frame of the clips, which all have the same number of frames.
        targets: what a model's `ClipEncoder` prepared for its losses, by name; (clips, ...) each.
    """

    # Not frozen, because Fabric rebuilds the batches that it passes to a model.
    frames: tuple[FrameBatch, ...]
    targets: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def pair(
        cls,
        query_images: Tensor,
        search_images: Tensor,
        query_boxes_xyxy: Tensor,
        search_boxes_xyxy: Tensor,
        pair_index: Tensor,
        query_sizes_hw: Tensor,
        search_sizes_hw: Tensor,
        identities: Tensor | None = None,
    ) -> Batch:
        """Pairs of a query and a search image with the same instances, which belong to the pairs of `pair_index`."""
        query = FrameBatch(query_images, query_boxes_xyxy, pair_index, query_sizes_hw, identities)
        return cls((query, FrameBatch(search_images, search_boxes_xyxy, pair_index, search_sizes_hw, identities)))

    @property
    def query(self) -> FrameBatch:
        """The first frames, which show what is searched for."""
        return self.frames[0]

    @property
    def search(self) -> FrameBatch:
        """The last frames."""
        return self.frames[-1]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The batch on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory, for faster copies to a GPU (the hook that DataLoader calls)."""
        return self._map(lambda tensor: tensor.pin_memory())

    def channels_last(self) -> Batch:
        """The batch with the channels of its images innermost in memory."""
        contiguous = (
            replace(frame, images=frame.images.contiguous(memory_format=torch.channels_last)) for frame in self.frames
        )
        return replace(self, frames=tuple(contiguous))

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        frames = []
        for frame in self.frames:
            changed: list[Any] = [None if value is None else change(value) for value in vars(frame).values()]
            frames.append(FrameBatch(*changed))
        return Batch(tuple(frames), {name: change(value) for name, value in self.targets.items()})


class ClipEncoder:
    """Makes batches of augmented clips, in the processes that prepare data; models that want more derive from it.

    Args:
        preprocessing: mean, standard deviation and divisor; `scale` is not used, images are taken at their size.
    """

    named_recipes = True
    """Whether the model is trained with the recipes of `data.recipes`; otherwise `data.recipe` lists the steps."""
    spares_ignored = False
    """Whether the model's losses leave ignored regions out; otherwise its clips come without these instances."""

    def __init__(self, preprocessing: Any) -> None:
        self.preprocessing: Any = preprocessing
        self.divisor = preprocessing.divisor

    def encode(self, clip: Clip, rng: np.random.Generator) -> Any:
        """What `collate` takes of one clip; here the clip itself."""
        return clip

    def image_tensor(self, image: NDArray[Any]) -> Tensor:
        """An HxWx3 RGB image on the scale 0..255 as the network takes it: (3, H, W) float32."""
        return torch.from_numpy(normalize(image, self.preprocessing)).permute(2, 0, 1)

    def collate(self, items: list[Any]) -> Batch:
        """The batch of some clips; images are padded with zeros to one size per frame of the clips.

        Args:
            items: at least one clip, all with the same number of samples; a sample may have no instance. Boxes keep
                their numbers because padding is at the right and bottom.
        """
        frames = zip(*(clip.samples for clip in items), strict=True)
        return Batch(tuple(self._collate_frame(list(samples)) for samples in frames))

    def _collate_frame(self, samples: list[Sample]) -> FrameBatch:
        sizes = torch.tensor([sample.image.shape[:2] for sample in samples], dtype=torch.int64)
        largest = sizes.max(dim=0).values
        height, width = (largest + (-largest) % self.divisor).tolist()
        counts = torch.tensor([len(sample.boxes_xyxy) for sample in samples], dtype=torch.int64)
        images = torch.zeros(len(samples), 3, height, width)
        masks = None
        if all(sample.masks is not None for sample in samples):
            masks = torch.zeros(int(counts.sum()), height, width, dtype=torch.bool)
        first = 0
        for place, sample in enumerate(samples):
            rows, columns = sample.image.shape[:2]
            images[place, :, :rows, :columns] = self.image_tensor(sample.image)
            if masks is not None and sample.masks is not None:
                masks[first : first + len(sample.masks), :rows, :columns] = torch.from_numpy(sample.masks)
            first += len(sample.boxes_xyxy)
        boxes = np.concatenate([np.reshape(sample.boxes_xyxy, (-1, 4)) for sample in samples])
        identities = [
            np.full(len(sample.boxes_xyxy), -1) if sample.identities is None else sample.identities
            for sample in samples
        ]
        classes = [sample.classes for sample in samples if sample.classes is not None]
        known = len(classes) == len(samples)
        ignored = None
        if any(sample.ignored is not None for sample in samples):
            ignored = np.concatenate(
                [
                    np.zeros(len(sample.boxes_xyxy), bool) if sample.ignored is None else sample.ignored
                    for sample in samples
                ]
            )
        return FrameBatch(
            images=images,
            boxes_xyxy=torch.from_numpy(boxes.astype(np.float32)),
            clip_index=torch.repeat_interleave(torch.arange(len(samples), dtype=torch.int64), counts),
            sizes_hw=sizes,
            identities=torch.from_numpy(np.concatenate(identities).astype(np.int64)),
            masks=masks,
            classes=torch.from_numpy(np.concatenate(classes).astype(np.int64)) if known else None,
            ignored=None if ignored is None else torch.from_numpy(ignored),
        )

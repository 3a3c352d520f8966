"""What flows out of the data layer: sequences to track and score, pairs to train on, and batches of pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""HxWx3 RGB."""


@dataclass(frozen=True)
class Sequence:
    """One video with one annotated target.

    Attributes:
        name: unique within its dataset.
        boxes_xywh: (frames, 4) float64 in continuous 0-based pixels; NaN rows where the target is absent.
        present: (frames,) bool, False where the target is absent.
        read_frame: gives frame i as an HxWx3 uint8 RGB array; frames are read or rendered only when asked for.
        frame_size_wh: (width, height) where it is known without reading a frame.
        cover: (frames,) visible share of the target in eighths (GOT-10k), where the dataset has it.
        attributes: whatever else the dataset says of the sequence.
    """

    name: str
    boxes_xywh: NDArray[np.float64]
    present: NDArray[np.bool_]
    read_frame: Callable[[int], Image]
    frame_size_wh: tuple[int, int] | None = None
    cover: NDArray[np.int64] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.boxes_xywh)

    def frames(self) -> Iterator[Image]:
        """The frames in order, one at a time."""
        return (self.read_frame(index) for index in range(len(self)))


@dataclass(frozen=True)
class Pair:
    """A query image and a search image in which the same instances are annotated.

    Attributes:
        query_image: HxWx3 RGB, uint8 0..255, or float32 on the same scale once photometric augmentation has run.
        search_image: the same for the search side; sizes may differ.
        query_boxes_xyxy: (instances, 4) float64 pixels of `query_image`.
        search_boxes_xyxy: (instances, 4) float64 pixels of `search_image`; row i is the same instance as query row i.
        identities: (instances,) int64, which object of the data set each instance is, the same number wherever it is
            seen again; -1 where nobody knows. None: nobody knows of any. Rows of one pair are different objects in
            any case.
    """

    query_image: NDArray[Any]
    search_image: NDArray[Any]
    query_boxes_xyxy: NDArray[np.float64]
    search_boxes_xyxy: NDArray[np.float64]
    identities: NDArray[np.int64] | None = None

    def swapped(self) -> Pair:
        """The same pair seen the other way round."""
        return Pair(self.search_image, self.query_image, self.search_boxes_xyxy, self.query_boxes_xyxy, self.identities)

    def select(self, rows: Any) -> Pair:
        """Some of the instances, by numbers or by a mask."""
        return self.with_(
            query_boxes_xyxy=self.query_boxes_xyxy[rows],
            search_boxes_xyxy=self.search_boxes_xyxy[rows],
            identities=None if self.identities is None else self.identities[rows],
        )

    def with_(self, **changes: Any) -> Pair:
        """A copy with some fields replaced."""
        return replace(self, **changes)


class PairSampler(Protocol):
    """Anything that draws a training pair; all randomness comes from `rng`, so a pair is a function of its seed."""

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Pair:
        """Draws one pair; samplers that render their images use `image_size_wh`, the others ignore it."""
        ...


@dataclass
class PairBatch:
    """Pairs as tensors; the instances of all pairs lie in one list so that they are processed in one pass.

    Attributes:
        query_images: (pairs, 3, H, W) float32, normalised, zero-padded at the right and bottom.
        search_images: (pairs, 3, H', W') likewise.
        query_boxes_xyxy: (instances, 4) float32 pixels of the network input.
        search_boxes_xyxy: (instances, 4) float32 pixels of the network input.
        pair_index: (instances,) int64, the pair that each instance belongs to, ascending.
        query_sizes_hw: (pairs, 2) int64, image sizes before padding.
        search_sizes_hw: (pairs, 2) int64.
        identities: (instances,) int64, see `Pair`; None: nobody knows of any.
    """

    query_images: torch.Tensor
    search_images: torch.Tensor
    query_boxes_xyxy: torch.Tensor
    search_boxes_xyxy: torch.Tensor
    pair_index: torch.Tensor
    query_sizes_hw: torch.Tensor
    search_sizes_hw: torch.Tensor
    identities: torch.Tensor | None = None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> PairBatch:
        """The batch on another device."""
        return self._with_each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> PairBatch:
        """The batch in page-locked memory, for faster copies to a GPU (the hook that DataLoader calls)."""
        return self._with_each(lambda tensor: tensor.pin_memory())

    def _with_each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> PairBatch:
        changed: dict[str, Any] = {
            name: value if value is None else change(value) for name, value in vars(self).items()
        }
        return PairBatch(**changed)

"""Batches: what the training loop sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


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

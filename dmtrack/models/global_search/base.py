"""What every one-shot detector offers to training and to tracking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from dmtrack.data.preprocessing import Preprocessing
from dmtrack.models.base import TrainableModel

Features = tuple[Tensor, ...]
"""One (images, channels, height, width) map per level, finest first."""


@dataclass
class Detections:
    """What one target's search found in one image, best first, in network-input pixels divided by the scale factor.

    Attributes:
        boxes_xyxy: (detections, 4) float32 continuous corners in frame pixels.
        scores: (detections,) float32 in [0, 1], descending. Both are empty when nothing was found.
        embeddings: (detections, channels) float32 unit vectors of what the boxes show; None for models without.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    embeddings: Tensor | None = None


Record = TypeVar("Record")


def concatenate(*records: Record) -> Record:
    """One record with the rows of several: dataclasses whose fields are tensors of one row per target, or None."""
    columns = zip(*(vars(record).values() for record in records), strict=True)
    return type(records[0])(*(None if column[0] is None else torch.cat(column) for column in columns))


def tensors_of(record: Any) -> list[Tensor]:
    """All tensors of a record of templates, in a fixed order: of dataclasses, lists and tuples, within each other too.

    Raises:
        TypeError: the record is of another kind.
    """
    if record is None:
        return []
    if isinstance(record, Tensor):
        return [record]
    parts = record if isinstance(record, (list, tuple)) else vars(record).values()
    return [tensor for part in parts for tensor in tensors_of(part)]


def jittered(boxes_xyxy: Tensor, share: float) -> Tensor:
    """Boxes (n, 4) shifted and scaled at random by a share of their size, as people and detectors draw them."""
    size = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).repeat(1, 2)
    return boxes_xyxy + torch.randn_like(boxes_xyxy) * size * share


class GlobalSearchModel(TrainableModel, ABC):
    """A detector whose search is conditioned on a template: features once per image, search once per target.

    `Templates` is whatever `encode_templates` returns: opaque to callers, holding one entry per target.
    """

    preprocessing: Preprocessing

    @abstractmethod
    def extract(self, images: Tensor) -> Features:
        """Feature maps of (images, 3, H, W) normalised images."""

    @abstractmethod
    def encode_templates(self, features: Features, boxes_xyxy: Tensor, image_index: Tensor) -> Any:
        """Templates of the targets.

        Args:
            features: of the query images.
            boxes_xyxy: (targets, 4) in network-input pixels.
            image_index: (targets,) int64, the query image of each target.
        """

    @abstractmethod
    def search(self, features: Features, templates: Any, image_index: Tensor) -> Any:
        """Raw outputs of every target in its search image.

        Args:
            features: of the search images.
            templates: of `encode_templates`, one entry per target.
            image_index: (targets,) int64, the search image of each target.
        """

    @abstractmethod
    def decode(self, outputs: Any, size_hw: tuple[int, int], scale_factor: float) -> list[Detections]:
        """Boxes and scores of `search` outputs, one `Detections` per target; all targets share one image size."""

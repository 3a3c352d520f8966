"""What image datasets share: one image with the boxes of its objects."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image
from dmtrack.media.images import read_image


@dataclass(frozen=True)
class AnnotatedImage:
    """One image and its objects.

    Attributes:
        path: of the image file.
        boxes_xywh: (objects, 4) float64 in continuous 0-based pixels.
        labels: (objects,) class of every object, empty where the dataset has none.
        ignored: (objects,) bool, crowds and regions that no method should learn from.
        size_wh: (width, height) where the annotations say it.
    """

    path: Path
    boxes_xywh: NDArray[np.float64]
    labels: tuple[str, ...] = ()
    ignored: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    size_wh: tuple[int, int] | None = None

    def read(self) -> Image:
        """The image as HxWx3 uint8 RGB."""
        return read_image(self.path)


class ImageSource(ABC):
    """A dataset of images with boxes; the images are read when asked for.

    Attributes:
        records: one entry per image.
    """

    records: list[AnnotatedImage]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> AnnotatedImage:
        return self.records[index]

    def __iter__(self) -> Iterator[AnnotatedImage]:
        return iter(self.records)

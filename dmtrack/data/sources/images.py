"""What image datasets share: one image with the boxes of its objects."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image, ListOf, OnDemand, Track, TrackId, Video, VideoList
from dmtrack.data.sources.coco_masks import read_mask
from dmtrack.data.sources.frames import FrameFiles
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
        identities: (objects,) number of each object in the data set, -1 where it is unknown; None where all are.
        classes: (objects,) number of the class of each object, from 0; None where the dataset has no classes.
        segmentations: (objects,) outlines in COCO's format, None for objects without; empty where no object has one.
    """

    path: Path
    boxes_xywh: NDArray[np.float64]
    labels: tuple[str, ...] = ()
    ignored: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    size_wh: tuple[int, int] | None = None
    identities: NDArray[np.int64] | None = None
    classes: NDArray[np.int64] | None = None
    segmentations: tuple[Any, ...] = ()

    def read(self) -> Image:
        """The image as HxWx3 uint8 RGB."""
        return read_image(self.path)

    def read_mask(self, number: int, size_wh: tuple[int, int]) -> NDArray[np.bool_] | None:
        """The (H, W) mask of an object in the image, whose size is given; None where it has no outline.

        Raises:
            DataError: the outline is of an image of another size, or cannot be read.
        """
        segmentation = self.segmentations[number] if self.segmentations else None
        if not segmentation:
            return None
        return read_mask(segmentation, size_wh, f"{self.path}: the segmentation of object {number}")

    def read_masks(self, size_wh: tuple[int, int]) -> NDArray[np.bool_] | None:
        """The (objects, H, W) masks of all objects; None where one of them has no outline."""
        masks = [self.read_mask(number, size_wh) for number in range(len(self.boxes_xywh))]
        return None if not masks or any(mask is None for mask in masks) else np.stack(masks)  # type: ignore[arg-type]

    def usable(self, smallest_side: float = 1.0, with_ignored: bool = False) -> NDArray[np.bool_]:
        """(objects,) which are not smaller than some pixels, nor ignored unless these are asked for."""
        usable = np.isfinite(self.boxes_xywh).all(axis=1) & (self.boxes_xywh[:, 2:] >= smallest_side).all(axis=1)
        return np.asarray(usable & ~self.ignored if len(self.ignored) and not with_ignored else usable)

    def video(self) -> Video:
        """The image as a video of one frame; its tracks are the usable objects by their number."""
        tracks: dict[TrackId, Track] = {}
        for number in np.flatnonzero(self.usable()).tolist():
            category = self.labels[number] if self.labels else ""
            tracks[number] = Track(self.boxes_xywh[number][None], np.ones(1, dtype=bool), category)
        name = "/".join(self.path.with_suffix("").parts[-2:])
        return Video(name, 1, FrameFiles(self.path.parent, (self.path.name,)), tracks, self.size_wh)


class ImageSource(ABC):
    """A dataset of images with boxes, a record each; the images are read when asked for.

    A folder, file or image that is missing, or a file of another format, is a `DataError`.
    """

    records: ListOf[AnnotatedImage]
    identity_count = 0
    """How many objects the data set can tell apart."""

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> AnnotatedImage:
        return self.records[index]

    def __iter__(self) -> Iterator[AnnotatedImage]:
        return iter(self.records)

    @property
    def videos(self) -> VideoList:
        """The images as videos of one frame, with all their objects."""
        return OnDemand(len(self), self.read_video)

    def read_video(self, number: int) -> Video:
        """The image of that number as a video."""
        return self.records[number].video()

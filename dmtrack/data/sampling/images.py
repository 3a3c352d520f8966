"""From still images: pairs of one image, whose views augmentation makes differ, and single images with all objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.boxes import clip_xyxy, xywh_to_xyxy
from dmtrack.config import build
from dmtrack.data.samples import Clip, Sample, built
from dmtrack.data.sources.coco import Coco
from dmtrack.data.sources.images import ImageSource
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS, TRANSFORMS


@DATASETS.register
class ImagePairs:
    """The same image as query and search; every object of it is an instance.

    Crowds and ignored objects are left out, and objects whose width or height is below a pixel.

    Args:
        source: an `ImageSource`, built or as a config dict.
        min_image_side: images whose shorter side is below this are left out, in pixels.
        masks: read the objects' masks, too, where all of an image's objects have one.

    Raises:
        DataError: no image with an object.
    """

    def __init__(self, source: Any, min_image_side: int = 32, masks: bool = False) -> None:
        self.source: ImageSource = built(source)
        self.masks = masks
        self._usable = [
            index
            for index, record in enumerate(self.source)
            if (record.size_wh is None or min(record.size_wh) >= min_image_side) and record.usable().any()
        ]
        if not self._usable:
            raise DataError(f"{type(self.source).__name__}: none of its {len(self.source)} images has a usable box")

    def __len__(self) -> int:
        return len(self._usable)

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """One image, drawn at random; `image_size_wh` is ignored."""
        record = self.source[self._usable[int(rng.integers(len(self._usable)))]]
        image = record.read()
        sample = Sample(
            image,
            clip_xyxy(xywh_to_xyxy(record.boxes_xywh), image.shape[1], image.shape[0]),
            masks=record.read_masks((image.shape[1], image.shape[0])) if self.masks else None,
        )
        large = (sample.boxes_xyxy[:, 2:] - sample.boxes_xyxy[:, :2] >= 1).all(axis=1)
        sample = sample.select(record.usable() & large)
        return Clip((sample, replace(sample, boxes_xyxy=sample.boxes_xyxy.copy())))


@DATASETS.register
class CocoPairs(ImagePairs):
    """`ImagePairs` of `Coco`.

    Args:
        root: folder of the official layout.
        split: "train2017", "val2017" ...
        annotations: json file instead of the official place.
        images: folder of the images instead of the official place.

    Raises:
        DataError: a folder or file is missing, or no image has an object.
    """

    def __init__(
        self,
        root: str | Path = ".",
        split: str = "train2017",
        annotations: str | Path | None = None,
        images: str | Path | None = None,
    ) -> None:
        super().__init__(Coco(root, split, annotations, images))


@DATASETS.register
class ImageClips:
    """One image drawn at random; boxes that leave the image stay whole.

    Args:
        source: an `ImageSource`, built or as a config dict.
        own_identities: every object is an identity of its own, so that the classifier learns to tell all of them apart
            and augmentation gives it their other views (FairMOT's self-supervision on CrowdHuman).
        masks: read the objects' masks, too, where all of an image's objects have one.
        transforms: of the image as it is read, before a mosaic or the recipe of the data changes it.
        ignored: keep regions that the data set marks as ignored (crowds, reflections): YOLOX then takes them neither
            for objects nor for background. Other models learn without them in any case.

    Attributes:
        identity_count: how many objects the source can tell apart; identities are below.

    Raises:
        DataError: the source is empty.
    """

    def __init__(
        self,
        source: Any,
        own_identities: bool = False,
        masks: bool = False,
        transforms: Sequence[Any] = (),
        ignored: bool = False,
    ) -> None:
        self.source: ImageSource = built(source)
        self.masks, self.ignored = masks, ignored
        self.transforms = [build(one, TRANSFORMS) if isinstance(one, Mapping) else one for one in transforms]
        if not len(self.source):
            raise DataError(f"{type(self.source).__name__} has no images to draw from")
        self.identity_count = self.source.identity_count
        self._first_identities = None
        if own_identities:
            counts = [len(record.boxes_xywh) for record in self.source]
            self._first_identities = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            self.identity_count = int(self._first_identities[-1])

    def __len__(self) -> int:
        return len(self.source)

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """One image; `image_size_wh` is ignored. It may show no object."""
        index = int(rng.integers(len(self.source)))
        record = self.source[index]
        identities = record.identities
        if self._first_identities is not None:
            identities = self._first_identities[index] + np.arange(len(record.boxes_xywh))
        if identities is None:
            identities = np.full(len(record.boxes_xywh), -1)
        image = record.read()
        masks = record.read_masks((image.shape[1], image.shape[0])) if self.masks else None
        spared = record.ignored if self.ignored and record.ignored.any() else None
        sample = Sample(image, xywh_to_xyxy(record.boxes_xywh), identities, masks, record.classes, spared)
        clip = Clip((sample.select(record.usable(with_ignored=self.ignored)),), aligned=False)
        for transform in self.transforms:
            clip = transform(clip, rng)
        return clip

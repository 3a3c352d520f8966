"""Pairs from still images: the same image twice, augmentation makes the views differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.boxes import clip_xyxy, xywh_to_xyxy
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.sampling.building import built
from dmtrack.data.sources.coco import Coco
from dmtrack.data.sources.images import ImageSource
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS


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

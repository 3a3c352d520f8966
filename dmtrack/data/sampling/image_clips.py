"""Single images with all their objects, for detectors that are trained on images."""

from __future__ import annotations

from typing import Any

import numpy as np

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.sampling.building import built
from dmtrack.data.sources.images import ImageSource
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS


@DATASETS.register
class ImageClips:
    """One image drawn at random; boxes that leave the image stay whole.

    Args:
        source: an `ImageSource`, built or as a config dict.
        own_identities: every object is an identity of its own, so that the classifier learns to tell all of them apart
            and augmentation gives it their other views (FairMOT's self-supervision on CrowdHuman).
        masks: read the objects' masks, too, where all of an image's objects have one.

    Attributes:
        identity_count: how many objects the source can tell apart; identities are below.

    Raises:
        DataError: the source is empty.
    """

    def __init__(self, source: Any, own_identities: bool = False, masks: bool = False) -> None:
        self.source: ImageSource = built(source)
        self.masks = masks
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
        sample = Sample(image, xywh_to_xyxy(record.boxes_xywh), identities, masks, record.classes)
        return Clip((sample.select(record.usable()),), aligned=False)

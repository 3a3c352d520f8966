"""What is drawn for training: images with boxes, alone or several that belong together; and data sets inside others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dmtrack.registry import DATASETS


@dataclass(frozen=True)
class Sample:
    """One image and the instances in it.

    Attributes:
        image: HxWx3 RGB, uint8 0..255, or float32 on the same scale once photometric augmentation has run.
        boxes_xyxy: (instances, 4) float64 pixels of `image`.
        identities: (instances,) int64, which object of the data set each instance is, the same number wherever it is
            seen again; -1 where it is unknown. None where all are unknown. Instances of one clip are different objects
            in any case.
        masks: (instances, H, W) bool, where the data set has them.
        classes: (instances,) int64 number of the class of each instance, from 0; None where all are of one class.
        ignored: (instances,) bool, regions that count neither as an object nor as background; None where there is none.
    """

    image: NDArray[Any]
    boxes_xyxy: NDArray[np.float64]
    identities: NDArray[np.int64] | None = None
    masks: NDArray[np.bool_] | None = None
    classes: NDArray[np.int64] | None = None
    ignored: NDArray[np.bool_] | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        """(width, height) of the image."""
        return int(self.image.shape[1]), int(self.image.shape[0])

    def select(self, rows: Any) -> Sample:
        """Some of the instances, by numbers or by a mask."""
        return replace(
            self,
            boxes_xyxy=self.boxes_xyxy[rows],
            identities=None if self.identities is None else self.identities[rows],
            masks=None if self.masks is None else self.masks[rows],
            classes=None if self.classes is None else self.classes[rows],
            ignored=None if self.ignored is None else self.ignored[rows],
        )

    def warped(
        self,
        image: NDArray[Any],
        boxes_xyxy: NDArray[np.float64],
        warp_mask: Callable[[NDArray[np.uint8]], NDArray[Any]] | None = None,
    ) -> Sample:
        """The same instances in an image of another geometry.

        Args:
            image: the new one.
            boxes_xyxy: of the instances in it.
            warp_mask: does to an HxW mask of 0 and 1 what was done to the image; without it masks are given up.
        """
        masks = None
        if self.masks is not None and warp_mask is not None:
            warped = [np.asarray(warp_mask(mask.astype(np.uint8)), dtype=bool) for mask in self.masks]
            masks = np.stack(warped) if warped else np.zeros((0, *image.shape[:2]), dtype=bool)
        return replace(self, image=image, boxes_xyxy=boxes_xyxy, masks=masks)


@dataclass(frozen=True)
class Clip:
    """Images that are trained on together: a query and a search image, or frames of one video in order.

    Attributes:
        samples: the images; at least one.
        aligned: row i of every sample belongs together, so that instances are dropped from all samples or none (pairs).
            Otherwise objects come and go, and only identities say which is which (frames of a video).
        positive: aligned rows show the same object; False where the search image shows another one.
    """

    samples: tuple[Sample, ...]
    aligned: bool = True
    positive: bool = True

    @classmethod
    def pair(
        cls,
        query_image: NDArray[Any],
        search_image: NDArray[Any],
        query_boxes_xyxy: NDArray[np.float64],
        search_boxes_xyxy: NDArray[np.float64],
        identities: NDArray[np.int64] | None = None,
        positive: bool = True,
    ) -> Clip:
        """A query and a search image with the same instances, of the `identities` given."""
        query = Sample(query_image, query_boxes_xyxy, identities)
        return cls((query, Sample(search_image, search_boxes_xyxy, identities)), positive=positive)

    @property
    def query(self) -> Sample:
        """The first sample, which shows what is searched for."""
        return self.samples[0]

    @property
    def search(self) -> Sample:
        """The last sample."""
        return self.samples[-1]

    def map(self, change: Callable[[Sample], Sample]) -> Clip:
        """The clip with every sample changed, in their order."""
        return replace(self, samples=tuple(change(sample) for sample in self.samples))

    def select(self, rows: Any) -> Clip:
        """Some of the instances of an aligned clip, by numbers or by a mask."""
        return self.map(lambda sample: sample.select(rows))


class ClipSampler(Protocol):
    """Anything that draws a training clip; all randomness comes from `rng`, so a clip is a function of its seed."""

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """Draws one clip; samplers that render their images use `image_size_wh`, the others ignore it."""
        ...


def built(node: Any) -> Any:
    """The object, or what its `dict(type=...)` describes.

    Raises:
        ConfigError: an unknown type or argument.
    """
    if not isinstance(node, Mapping):
        return node
    from dmtrack.config import build

    return build(node, DATASETS)

"""What is drawn for training: pairs of images in which the same instances are annotated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


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

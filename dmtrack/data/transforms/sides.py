"""The two sides of a pair, for transforms that treat them alike with independent draws, the query first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.samples import Pair


@dataclass(frozen=True)
class Side:
    """One image of a pair with its boxes.

    Attributes:
        image: HxWx3 RGB, uint8, or float32 on the same scale.
        boxes_xyxy: (instances, 4) float64 pixels.
    """

    image: NDArray[Any]
    boxes_xyxy: NDArray[np.float64]


def sides_of(pair: Pair) -> tuple[Side, Side]:
    """Query and search side."""
    return Side(pair.query_image, pair.query_boxes_xyxy), Side(pair.search_image, pair.search_boxes_xyxy)


def pair_of(query: Side, search: Side, *, identities: NDArray[np.int64] | None = None) -> Pair:
    """The pair of two sides; `identities` of their instances, where they are known."""
    return Pair(query.image, search.image, query.boxes_xyxy, search.boxes_xyxy, identities)

"""A part of a thing as the target: people draw boxes around heads and faces, too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZE = (0.4, 1.0)
"""Width and height of a part in those of the thing; one of the two is at most `NOT_WHOLE`."""
NOT_WHOLE = 0.7
AT_BORDER = 0.5
"""How often a part reaches to a border of the thing, in either direction."""
SAME_SHAPE = 0.15
"""By so much the logarithms of width : height of the two views of a thing may differ for a part of it."""

Views = tuple[NDArray[np.float64], NDArray[np.float64]]


def same_part(rng: np.random.Generator, boxes_xyxy: Views) -> Views | None:
    """The boxes of a random part of a thing in two views, (4,) each, from those of the whole.

    None where the views differ too much in shape (it turned, or something hides half of it): a share of one box is
    not the same share of the other then.
    """
    first, second = (np.log((box[2] - box[0]) / (box[3] - box[1])) for box in boxes_xyxy)
    if abs(first - second) > SAME_SHAPE:
        return None
    size = rng.uniform(*SIZE, 2)
    size[int(rng.integers(2))] = rng.uniform(SIZE[0], NOT_WHOLE)
    start = rng.uniform(0.0, 1.0, 2)
    start = np.where(rng.random(2) < AT_BORDER, np.round(start), start) * (1.0 - size)
    shares = np.concatenate([start, start + size])
    one, other = (np.tile(box[:2], 2) + shares * np.tile(box[2:] - box[:2], 2) for box in boxes_xyxy)
    return one, other

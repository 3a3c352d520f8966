"""First boxes from annotations with four corners (VOT; spec a.6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def polygon_to_cxcywh(polygon: ArrayLike, margin: float = 0.0) -> NDArray[np.float64]:
    """An upright box around the centre of a quadrilateral, with the area of the parallelogram of its first two sides.

    Args:
        polygon: eight numbers x1, y1, ..., x4, y4.
        margin: added to width and height; 1 in PySOT, 0 in MMTracking.
    """
    corners = np.asarray(polygon, dtype=np.float64).reshape(4, 2)
    centre = corners.mean(axis=0)
    extent = corners.max(axis=0) - corners.min(axis=0)
    area = np.linalg.norm(corners[0] - corners[1]) * np.linalg.norm(corners[1] - corners[2])
    scale = np.sqrt(area / extent.prod())
    return np.concatenate([centre, scale * extent + margin])

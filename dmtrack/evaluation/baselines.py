"""What a score is worth is seen beside a tracker that does nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dmtrack.boxes import Boxes
from dmtrack.tracking.base import Tracker, TrackResult


class StaticBox(Tracker):
    """Answers with the first box for ever: the score that a set of sequences gives away for free."""

    def __init__(self, name: str = "static box") -> None:
        super().__init__(name)
        self._box_xywh: Boxes = np.zeros(4)

    def init(self, image: Any, box: ArrayLike) -> None:
        """Remembers the box."""
        self._box_xywh = np.asarray(box, dtype=np.float64)

    def step(self, image: Any) -> TrackResult:
        """Gives it back."""
        return TrackResult(self._box_xywh, 1.0, True)

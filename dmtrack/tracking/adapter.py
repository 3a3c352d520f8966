"""Trackers written for other toolkits: anything with got10k's `init(image, box)` and `update(image) -> box`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image as PILImage

from dmtrack.boxes import check_first_box_xywh
from dmtrack.errors import DMTrackError
from dmtrack.media.images import as_rgb
from dmtrack.tracking.base import Tracker, TrackResult


class Got10kTracker(Tracker):
    """A tracker of the got10k toolkit under our contract. It gives no score, so every frame counts as present.

    Args:
        tracker: an object with `init(image, box)` and `update(image) -> (x, y, w, h)`; it gets PIL images, as it would
            from got10k.
        name: defaults to the tracker's own `name`, or its class's.
    """

    def __init__(self, tracker: Any, name: str | None = None) -> None:
        super().__init__(name or getattr(tracker, "name", None) or type(tracker).__name__)
        self.tracker = tracker

    def init(self, image: Any, box: ArrayLike) -> None:
        """Forwards the first frame and its box to the tracker.

        Raises:
            BoxError: the box is NaN, empty or outside the image.
        """
        frame = as_rgb(image)
        box_xywh = check_first_box_xywh(box, frame.shape[1], frame.shape[0])
        self.tracker.init(PILImage.fromarray(np.ascontiguousarray(frame)), box_xywh)

    def step(self, image: Any) -> TrackResult:
        """Forwards the frame to the tracker.

        Raises:
            DMTrackError: what comes back is no box.
        """
        answer = self.tracker.update(PILImage.fromarray(np.ascontiguousarray(as_rgb(image))))
        box = np.asarray(answer, dtype=np.float64).reshape(-1)
        if box.shape != (4,) or not np.isfinite(box).all():
            raise DMTrackError(f"tracker {self.name}: update() gave {answer!r}; expected four finite numbers x,y,w,h")
        return TrackResult(box, 1.0, True)


def as_tracker(candidate: Any) -> Tracker:
    """The object itself if it follows our contract, or wrapped if it follows got10k's.

    Raises:
        DMTrackError: it follows neither.
    """
    if isinstance(candidate, Tracker):
        return candidate
    if callable(getattr(candidate, "init", None)) and callable(getattr(candidate, "update", None)):
        return Got10kTracker(candidate)
    raise DMTrackError(
        f"{type(candidate).__name__} is no tracker; expected a dmtrack.tracking.Tracker, or the methods "
        "init(image, box) and update(image) -> (x, y, w, h)"
    )

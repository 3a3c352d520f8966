"""Trackers written for other toolkits: anything with got10k's `init(image, box)` and `update(image) -> box`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image as PILImage

from dmtrack.boxes import Boxes, check_first_box_xywh
from dmtrack.errors import DMTrackError
from dmtrack.media.images import as_rgb
from dmtrack.tracking.base import Tracker, TrackResult

_EXPECTED = "four finite numbers x,y,w,h, or x,y,w,h,confidence, or the tuple (box, confidence, present)"


class Got10kTracker(Tracker):
    """A tracker of the got10k toolkit under our contract.

    `update` may give x,y,w,h; five numbers, the last one being the confidence; or, as long-term toolkits extend the
    contract, a tuple (box, confidence) or (box, confidence, present). Confidence is 1 and the target present where it
    does not say so.

    Args:
        tracker: an object with `init(image, box)` and `update(image)`; it gets PIL images, as it would from got10k.
        name: defaults to the tracker's own `name`, or its class's.
        index_base: number that the tracker's boxes give to the first pixel; those of this class start at 0.
    """

    def __init__(self, tracker: Any, name: str | None = None, index_base: int = 0) -> None:
        super().__init__(name or getattr(tracker, "name", None) or type(tracker).__name__)
        self.tracker = tracker
        self.index_base = index_base
        self._shift = np.array([index_base, index_base, 0, 0], dtype=np.float64)
        self.visualize = False

    def init(self, image: Any, box: ArrayLike) -> None:
        """Starts the tracker."""
        frame = as_rgb(image)
        box_xywh = check_first_box_xywh(box, frame.shape[1], frame.shape[0])
        self.tracker.init(PILImage.fromarray(frame), box_xywh + self._shift)

    def update(self, image: Any) -> NDArray[np.float64]:
        """The tracker's answer in 0-based pixels: (4,) box xywh, or (2 k,) corners of a polygon.

        Raises:
            DMTrackError: what comes back is neither.
        """
        return self._ask(image)[0]

    def step(self, image: Any) -> TrackResult:
        """Box, confidence and presence.

        Raises:
            DMTrackError: what comes back is no box.
        """
        region, score, present = self._ask(image)
        if region.shape != (4,) or (present and not np.isfinite(region).all()):
            raise self._error(region.tolist())
        return TrackResult(region, score, present)

    def track_files(self, paths: list[Path], box: Boxes) -> tuple[Boxes, NDArray[np.float64]]:
        """Tracks by the tracker's own `track(image_files, box, visualize)`: some read images in a way of their own.

        Returns:
            (frames, 4) boxes xywh in 0-based pixels, and (frames,) seconds.

        Raises:
            DMTrackError: what comes back has other shapes.
        """
        answer = self.tracker.track([str(path) for path in paths], box + self._shift, visualize=self.visualize)
        count = len(paths)
        try:
            boxes, seconds = (np.asarray(values, dtype=np.float64) for values in answer)
        except (TypeError, ValueError) as error:
            raise DMTrackError(
                f"tracker {self.name}: track() gave {type(answer).__name__} ({error}); expected boxes (frames, 4) and "
                "seconds (frames,)"
            ) from error
        if boxes.shape != (count, 4) or seconds.shape != (count,):
            raise DMTrackError(
                f"tracker {self.name}: track() gave boxes {boxes.shape} and seconds {seconds.shape} for {count} "
                f"frames; expected ({count}, 4) and ({count},)"
            )
        return boxes - self._shift, seconds

    def _ask(self, image: Any) -> tuple[NDArray[np.float64], float, bool]:
        answer = self.tracker.update(PILImage.fromarray(as_rgb(image)))
        region, said = answer, (1.0, True)
        if isinstance(answer, (tuple, list)) and answer and np.ndim(answer[0]) == 1:
            region, said = answer[0], (*answer[1:], *said[len(answer) - 1 :])
        try:
            values = np.asarray(region, dtype=np.float64).reshape(-1)
            if len(values) == 5:
                values, said = values[:4], (float(values[4]), True)
            if len(values) < 4 or len(values) % 2 or len(said) != 2:
                raise self._error(answer)
            return values - (self._shift if len(values) == 4 else self.index_base), float(said[0]), bool(said[1])
        except (TypeError, ValueError) as error:
            raise self._error(answer) from error

    def _error(self, answer: Any) -> DMTrackError:
        return DMTrackError(f"tracker {self.name}: update() gave {answer!r}; expected {_EXPECTED}")


def as_tracker(candidate: Any, index_base: int = 0) -> Tracker:
    """The object itself if it follows our contract, or wrapped if it follows got10k's.

    Args:
        candidate: the object.
        index_base: number that boxes of got10k's contract give to the first pixel.

    Raises:
        DMTrackError: it follows neither.
    """
    if isinstance(candidate, Tracker):
        return candidate
    if callable(getattr(candidate, "init", None)) and callable(getattr(candidate, "update", None)):
        return Got10kTracker(candidate, index_base=index_base)
    raise DMTrackError(
        f"{type(candidate).__name__} is no tracker; expected a dmtrack.tracking.Tracker, or the methods "
        "init(image, box) and update(image) -> (x, y, w, h)"
    )

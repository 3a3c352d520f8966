"""Looking at a tracker while it runs."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from dmtrack.media.viewer import Viewer
from dmtrack.tracking.base import Tracker, TrackResult

__all__ = ["Viewer", "shown"]


class _Shown(Tracker):
    """One of our trackers, watched."""

    def __init__(self, tracker: Tracker, viewer: Viewer) -> None:
        super().__init__(tracker.name)
        self.tracker, self.viewer = tracker, viewer

    def init(self, image: Any, box: ArrayLike) -> None:
        """Hands the first frame on."""
        self.tracker.init(image, box)
        self.viewer.show(image, box)

    def step(self, image: Any) -> TrackResult:
        """Hands a frame on."""
        result = self.tracker.step(image)
        self.viewer.show(image, result.box_xywh)
        return result


class _ShownForeign:
    """A tracker of got10k's contract, watched."""

    def __init__(self, tracker: Any, viewer: Viewer) -> None:
        self.tracker, self.viewer = tracker, viewer

    def init(self, image: Any, box: Any) -> None:
        """Hands the first frame on."""
        self.tracker.init(image, box)
        self.viewer.show(image, box)

    def update(self, image: Any) -> Any:
        """Hands a frame on."""
        answer = self.tracker.update(image)
        self.viewer.show(image, answer)
        return answer


def shown(tracker: Any, viewer: Viewer | None) -> Any:
    """The tracker, drawing what it does where there is a viewer."""
    if viewer is None:
        return tracker
    return _Shown(tracker, viewer) if isinstance(tracker, Tracker) else _ShownForeign(tracker, viewer)

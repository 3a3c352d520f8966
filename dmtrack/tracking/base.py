"""The Tracker contract: got10k's `init` / `update` / `track`, and `step` for those who want score and presence too."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association.detections import TrackResult as TrackResult
from dmtrack.association.detections import Tracks
from dmtrack.boxes import Boxes
from dmtrack.errors import DMTrackError
from dmtrack.media.images import read_image
from dmtrack.tracking.snapshots import restored, snapshot_of

if TYPE_CHECKING:
    from dmtrack.media.viewer import Viewer
    from dmtrack.tracking.loading import LoadedTracker


class Resumable:
    """Says what it knows between two frames, so that a run that was cut off can go on."""

    changing: ClassVar[tuple[str, ...]] = ()
    """Attributes that `step` changes and later frames depend on; see `snapshot`."""

    def snapshot(self) -> dict[str, Any]:
        """What it knows after this frame that the first one does not tell, see `dmtrack.tracking.snapshots`.

        Raises:
            DMTrackError: the class does not name what is `changing` in it, or that does not say what it knows.
        """
        if "changing" not in vars(type(self)):  # what a subclass adds would be forgotten
            raise DMTrackError(f"{type(self).__name__} does not say what it knows between two frames")
        return {name: snapshot_of(getattr(self, name)) for name in self.changing}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """To the state of a snapshot; the same first frame has gone before.

        Raises:
            DMTrackError: the snapshot is of another tracker.
        """
        for name, value in restored({name: getattr(self, name) for name in self.changing}, snapshot).items():
            setattr(self, name, value)


class Tracker(Resumable, ABC):
    """One target, one frame at a time, in constant memory.

    Frames are HxWx3 uint8 RGB arrays or PIL images. Any runner written for the got10k toolkit can drive it.
    """

    name: str
    is_deterministic: ClassVar[bool] = True
    loaded: LoadedTracker | None = None
    """The `LoadedTracker` that it is part of: config and weights; None for one that was made by hand."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def init(self, image: Any, box: ArrayLike) -> None:
        """Takes the target's box (x, y, w, h in pixels) in the first frame.

        Raises:
            BoxError: the box is NaN, empty or outside the image.
        """

    @abstractmethod
    def step(self, image: Any) -> TrackResult:
        """Finds the target in the next frame."""

    def update(self, image: Any) -> Boxes:
        """The box of `step` alone: (x, y, w, h)."""
        return self.step(image).box_xywh

    def track(
        self, images: Iterable[Any], box: ArrayLike, visualize: bool = False
    ) -> tuple[Boxes, NDArray[np.float64]]:
        """Tracks through `images`; the first row is the given box.

        Args:
            images: arrays, PIL images, or paths of image files, which got10k's experiments give.
            box: (x, y, w, h) in the first of them.
            visualize: show the frames with the box in a window.

        Returns:
            (frames, 4) boxes xywh and (frames,) seconds, decoding of the frame excluded.

        Raises:
            BoxError: see `init`.
            MediaError: a file cannot be read, or no window can be shown here.
        """
        boxes: list[Boxes] = []
        seconds: list[float] = []
        viewer: Viewer | None = None
        if visualize:
            # Windows are imported only where one is wanted: they cost more than the contract.
            from dmtrack.media.viewer import Viewer

            viewer = Viewer(self.name)
        for index, given in enumerate(images):
            image = read_image(given) if isinstance(given, (str, Path)) else given
            start = time.perf_counter()
            if index == 0:
                self.init(image, box)
                boxes.append(np.asarray(box, dtype=np.float64))
            else:
                boxes.append(self.update(image))
            seconds.append(time.perf_counter() - start)
            if viewer is not None:
                viewer.show(image, boxes[-1])
        if viewer is not None:
            viewer.close()
        return np.array(boxes).reshape(-1, 4), np.array(seconds)


class MultiTracker(Resumable, ABC):
    """Everything in sight, one frame at a time; memory grows with what is in sight, not with the length of a video."""

    name: str
    loaded: LoadedTracker | None = None
    """As of `Tracker`."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def reset(self) -> None:
        """To the state before the first frame of a video; identities start again."""

    @abstractmethod
    def step(self, image: Any) -> Tracks:
        """The tracks of the next frame, HxWx3 uint8 RGB or a PIL image."""

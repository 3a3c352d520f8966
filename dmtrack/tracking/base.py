"""The Tracker contract: got10k's `init` / `update` / `track`, and `step` for those who want score and presence too."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import Boxes
from dmtrack.media.images import read_image

if TYPE_CHECKING:
    from dmtrack.media.viewer import Viewer


@dataclass(frozen=True)
class Candidates:
    """Everything that looked like the target in one frame, best first.

    Attributes:
        boxes_xywh: (candidates, 4) float64 pixels of the frame.
        scores: (candidates,) float64 in [0, 1], descending.
        embeddings: (candidates, channels) float32 unit vectors of what each looks like; None for models without.
    """

    boxes_xywh: Boxes = field(default_factory=lambda: np.zeros((0, 4)))
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    embeddings: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TrackResult:
    """What a tracker says of one frame.

    Attributes:
        box_xywh: (4,) float64 pixels of the frame: the best guess, also where `present` is False; the last box where
            nothing at all was found.
        score: how sure it is that the box is the target, in [0, 1].
        present: whether the target is in the frame.
        candidates: all that was considered.
    """

    box_xywh: Boxes
    score: float
    present: bool
    candidates: Candidates = field(default_factory=Candidates)


class Tracker(ABC):
    """One target, one frame at a time, in constant memory.

    Frames are HxWx3 uint8 RGB arrays or PIL images. Any runner written for the got10k toolkit can drive it.
    """

    name: str
    is_deterministic: ClassVar[bool] = True

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
        viewer = _open_viewer(self.name) if visualize else None
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


def _open_viewer(title: str) -> Viewer:
    # Windows are imported only where one is wanted: they cost more than the contract.
    from dmtrack.media.viewer import Viewer

    return Viewer(title)

"""Drawing and encoding beside tracking: a thread of its own, so that a video costs the time of the slower one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from dmtrack.media.images import Image
from dmtrack.media.video import VideoWriter

LONGEST_SIDE = 1920
"""Of the annotated video where no scale is given: drawing and encoding 4K would take longer than tracking it."""

WAITING = 8
"""Frames between tracking and drawing; more would only take memory."""


def default_scale(size_wh: tuple[int, int]) -> float:
    """The share of the size of frames at which they are drawn: 1 up to 1920 pixels, less for larger ones."""
    return min(1.0, LONGEST_SIDE / max(size_wh))


class AnnotatedVideo(AbstractContextManager["AnnotatedVideo"]):
    """A video that is drawn and written in a thread while the next frames are tracked.

    The frames written so far become the video when the block ends, see `VideoWriter`.

    Args:
        path: ending in .mp4.
        fps: frames per second.
        size_wh: of the frames that are added.
        draw: gives the annotated picture of a frame of that scale and what was found in it.
        scale: size of the video over that of the frames.

    Raises:
        OutputError: the file cannot be written.
        MediaError: there is no H.264 encoder.
    """

    def __init__(
        self, path: Path, fps: float, size_wh: tuple[int, int], draw: Callable[[Image, Any, float], Image], scale: float
    ) -> None:
        self._draw, self._scale = draw, scale
        self._size_wh = (max(round(size_wh[0] * scale), 2), max(round(size_wh[1] * scale), 2))
        self._writer = VideoWriter(path, fps, self._size_wh)
        self._waiting: queue.Queue[tuple[Image, Any, float | None] | None] = queue.Queue(WAITING)
        self._start: float | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="annotated video", daemon=True)
        self._thread.start()

    def add(self, frame: Image, found: Any, time: float | None) -> None:
        """Hands a frame over; waits while the drawing is too far behind.

        Args:
            frame: HxWx3 uint8 RGB; it must not change afterwards.
            found: what `draw` takes.
            time: of the frame in its source, in seconds; the video begins with the first one that is added.

        Raises:
            OutputError: an earlier frame could not be written.
            MediaError: an earlier frame had another size.
        """
        if self._error is not None:
            raise self._error
        if time is not None:
            self._start = time if self._start is None else self._start
            time -= self._start
        self._waiting.put((frame, found, time))

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            if self._error is not None:
                continue  # the others must not wait for a place in the queue
            frame, found, time = item
            try:
                if self._scale != 1.0:
                    frame = np.asarray(cv2.resize(frame, self._size_wh, interpolation=cv2.INTER_AREA))
                self._writer.write(self._draw(frame, found, self._scale), time)
            except BaseException as error:
                self._error = error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waiting.put(None)
        self._thread.join()
        if kind is None and self._error is not None:
            kind, error, trace = type(self._error), self._error, self._error.__traceback__
            self._writer.__exit__(kind, error, trace)
            raise self._error
        self._writer.__exit__(kind, error, trace)

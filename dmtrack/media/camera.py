"""Cameras and network streams, through OpenCV."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.images import Image
from dmtrack.media.video_file import positive


class Camera(FrameSource):
    """A camera by its number, or a network stream by its address. Iteration goes on until the device stops.

    The frame that was read on opening is the first one of the first iteration, so none is lost.

    Raises:
        MediaError: the device does not open or gives no frame.
    """

    live = True

    def __init__(self, device: int | str, allow_size_changes: bool = False) -> None:
        super().__init__(f"camera:{device}" if isinstance(device, int) else device, allow_size_changes)
        self._capture = cv2.VideoCapture(device)
        if not self._capture.isOpened():
            raise MediaError(f"{self.name} does not open; check that it is connected and that no other program uses it")
        self.fps = positive(self._capture.get(cv2.CAP_PROP_FPS))
        frame = self._read()
        if frame is None:
            self.close()
            raise MediaError(f"{self.name} opens but gives no frame; check that no other program uses it")
        self._first_frame = frame
        self._pending: Image | None = frame

    def _read(self) -> Image | None:
        ok, frame = self._capture.read()
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)) if ok else None

    def _decode(self) -> Iterator[Image]:
        while True:
            frame = self._pending if self._pending is not None else self._read()
            self._pending = None
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Releases the device."""
        self._capture.release()

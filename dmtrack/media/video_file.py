"""Video files, decoded by PyAV, or by OpenCV where PyAV cannot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.images import Image

try:
    import av
except ImportError:  # pragma: no cover - platforms without PyAV wheels
    av = None


def open_video_file(path: str | Path, allow_size_changes: bool = False) -> FrameSource:
    """Opens a video file with PyAV, or with OpenCV where PyAV is missing or knows no decoder for it.

    Raises:
        MediaError: neither can decode the first frame, or the file holds no video.
    """
    path = Path(path)
    if path.stat().st_size == 0:
        raise MediaError(f"video {path} is empty (0 bytes); copy or record it again")
    if av is None:
        return OpenCVVideoFile(path, allow_size_changes)
    try:
        return PyAVVideoFile(path, allow_size_changes)
    except _UndecodableError as first_error:
        try:
            return OpenCVVideoFile(path, allow_size_changes)
        except MediaError:
            raise MediaError(str(first_error)) from first_error


class _UndecodableError(MediaError):
    """PyAV gave up before the first frame; another decoder may know more."""


class PyAVVideoFile(FrameSource):
    """A video file read through PyAV. Frames are turned as the file's display matrix says, like players do."""

    def __init__(self, path: str | Path, allow_size_changes: bool = False) -> None:
        super().__init__(str(path), allow_size_changes)
        self.path = Path(path)
        container = self._open()
        try:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate else None
            self.frame_count = stream.frames or self._estimated_frames(container, stream)
        finally:
            container.close()
        try:
            _ = self.first_frame
        except MediaError as error:
            raise _UndecodableError(str(error)) from error

    def _open(self) -> Any:
        try:
            container = av.open(str(self.path), mode="r")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise _UndecodableError(
                f"video {self.name} does not decode ({_reason(error)}); expected a video file such as .mp4, .mkv, .avi"
            ) from error
        # FFmpeg's terminal-art demuxer takes any .txt for a video.
        if not container.streams.video or container.format.name == "tty":
            container.close()
            raise MediaError(f"{self.name} holds no video; expected a video file such as .mp4, .mkv, .avi")
        container.streams.video[0].thread_type = "AUTO"
        return container

    def _estimated_frames(self, container: Any, stream: Any) -> int | None:
        if not self.fps:
            return None
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            seconds = container.duration / av.time_base
        else:
            return None
        return max(1, round(seconds * self.fps))

    def _decode(self) -> Iterator[Image]:
        container = self._open()
        number = 0
        try:
            for frame in container.decode(container.streams.video[0]):
                image = frame.to_ndarray(format="rgb24")
                yield turned(image, getattr(frame, "rotation", 0))
                number += 1
        except av.error.FFmpegError as error:
            raise MediaError(
                f"video {self.name} does not decode from frame {number} on, counted from 0 ({_reason(error)}); "
                "the file is damaged, copy or encode it again"
            ) from error
        finally:
            container.close()


class OpenCVVideoFile(FrameSource):
    """A video file read through OpenCV."""

    def __init__(self, path: str | Path, allow_size_changes: bool = False) -> None:
        super().__init__(str(path), allow_size_changes)
        self.path = Path(path)
        capture = self._open()
        self.fps = positive(capture.get(cv2.CAP_PROP_FPS))
        count = positive(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.frame_count = None if count is None else int(count)
        capture.release()
        _ = self.first_frame

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise MediaError(f"video {self.name} does not decode; expected a video file such as .mp4, .mkv, .avi")
        return capture

    def _decode(self) -> Iterator[Image]:
        capture = self._open()
        try:
            yield from captured(capture)
        finally:
            capture.release()


def captured(capture: cv2.VideoCapture) -> Iterator[Image]:
    """What OpenCV reads until it has no more, HxWx3 uint8 RGB."""
    while True:
        ok, frame = capture.read()
        if not ok:
            return
        yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def turned(image: Image, degrees: int) -> Image:
    """The image turned counter-clockwise by a multiple of 90 degrees (FFmpeg's display rotation)."""
    quarters = round(degrees / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def positive(value: float) -> float | None:
    """OpenCV says 0, -1 or NaN where it does not know; that is None here."""
    return float(value) if math.isfinite(value) and value > 0 else None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")

"""Video files, decoded by PyAV, or by OpenCV where PyAV cannot."""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.frame_times import FrameClock
from dmtrack.media.images import Image
from dmtrack.media.video_streams import (
    choose_stream,
    declared_length,
    declared_rate,
    displayed,
    frame_rate,
    gives_a_frame,
    numbers_by_index,
    put_in_place,
    reason,
    tells_times,
)

try:
    import av
except ImportError:  # pragma: no cover - platforms without PyAV wheels
    av = None


def open_video_file(path: str | Path, allow_size_changes: bool = False, skip_bad_frames: bool = False) -> FrameSource:
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
        return PyAVVideoFile(path, allow_size_changes, skip_bad_frames)
    except _UndecodableError as first_error:
        try:
            return OpenCVVideoFile(path, allow_size_changes)
        except MediaError:
            raise MediaError(str(first_error)) from first_error


class _UndecodableError(MediaError):
    """PyAV gave up before the first frame; another decoder may know more."""


class PyAVVideoFile(FrameSource):
    """A video file read through PyAV. Frames are turned and mirrored as the file's display matrix says.

    After an iteration to the end `notes` says which frames are lacking.
    """

    timed = True

    def __init__(self, path: str | Path, allow_size_changes: bool = False, skip_bad_frames: bool = False) -> None:
        super().__init__(str(path), allow_size_changes, skip_bad_frames)
        self.path = Path(path)
        container, stream = self.open_stream()
        try:
            self.fps = frame_rate(container, stream)
            self._declared = declared_length(container, stream, self.fps)
            self.frame_count = self._declared.frames
        finally:
            container.close()
        try:
            _ = self.first_frame
        except MediaError as error:
            raise _UndecodableError(str(error)) from error

    def open_stream(self) -> tuple[Any, Any]:
        """The file, opened by PyAV, and its video; the caller closes it.

        Raises:
            MediaError: it is no video.
        """
        try:
            container = av.open(_absolute(self.path), mode="r", metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise _UndecodableError(
                f"video {self.name} does not decode ({reason(error)}); expected a video file such as .mp4, .mkv, .avi"
            ) from error
        try:
            stream = choose_stream(container, self.name)
        except MediaError:
            container.close()
            raise
        stream.thread_type = "AUTO"
        return container, stream

    def _decode(self) -> Generator[Image]:
        container, stream = self.open_stream()
        clock = FrameClock(self.fps, declared_rate(stream) is not None)
        bad, unit, ended = 0, stream.time_base, False
        timed = tells_times(container, stream)
        numbers = numbers_by_index(container, stream) if timed else {}
        try:
            packets = container.demux(stream)
            while (packet := self._read(packets, clock)) is not None:
                put_in_place(packet, numbers)
                if gives_a_frame(packet):
                    times = [None if ticks is None else float(ticks * unit) for ticks in (packet.pts, packet.dts)]
                    clock.expect(*times) if timed else clock.expect(None)
                try:
                    decoded = packet.decode()
                except av.error.FFmpegError as error:
                    if not self.skip_bad_frames:
                        raise MediaError(
                            f"video {self.name} does not decode at frame {clock.frames}, counted from 0 "
                            f"({reason(error)}); the file is damaged: copy it again, or go on behind such places with "
                            "--skip-bad-frames"
                        ) from error
                    bad += 1
                    continue
                for frame in decoded:
                    self.time = clock.tick(frame.time if timed else None, bool(getattr(frame, "is_corrupt", False)))
                    yield displayed(frame)
            ended = True
        finally:
            # Whoever takes a part of the file wants to know what was lacking in that.
            self.notes = clock.notes(self._declared if ended else None, bad)
            container.close()

    def _read(self, packets: Iterator[Any], clock: FrameClock) -> Any:
        """The next packet; None at the end."""
        try:
            return next(packets, None)
        except av.error.FFmpegError as error:
            raise MediaError(
                f"video {self.name} cannot be read from frame {clock.frames} on, counted from 0 ({reason(error)}); "
                "the file is damaged, copy or encode it again"
            ) from error


class OpenCVVideoFile(FrameSource):
    """A video file read through OpenCV."""

    def __init__(self, path: str | Path, allow_size_changes: bool = False) -> None:
        super().__init__(str(path), allow_size_changes)
        self.path = Path(path)
        capture = self._open()
        self.fps = positive(capture.get(cv2.CAP_PROP_FPS))
        count = positive(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.frame_count = None if count is None else int(count)
        self.timed = self.fps is not None
        capture.release()
        _ = self.first_frame

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(_absolute(self.path))
        if not capture.isOpened():
            raise MediaError(f"video {self.name} does not decode; expected a video file such as .mp4, .mkv, .avi")
        return capture

    def _decode(self) -> Generator[Image]:
        capture = self._open()
        try:
            for number, frame in zip(itertools.count(), captured(capture)):
                self.time = None if self.fps is None else number / self.fps
                yield frame
        finally:
            capture.release()


def captured(capture: cv2.VideoCapture) -> Iterator[Image]:
    """What OpenCV reads until it has no more, HxWx3 uint8 RGB."""
    while True:
        ok, frame = capture.read()
        if not ok:
            return
        yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def positive(value: float) -> float | None:
    """OpenCV says 0, -1 or NaN where it does not know; that is None here."""
    return float(value) if math.isfinite(value) and value > 0 else None


def _absolute(path: Path) -> str:
    """FFmpeg takes `12:30:11.mp4` for an address of the protocol 12, but nothing that begins with a slash."""
    return str(path.absolute())

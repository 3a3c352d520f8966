"""Writing H.264 videos that browsers play."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from dmtrack.errors import DMTrackError, MediaError, OutputError
from dmtrack.files import atomic_path
from dmtrack.media.images import Image

_ENCODERS = ("libx264", "libopenh264", "h264")
_LARGE_FRAME = 2560 * 1440
"""Pixels above which x264 hurries: at 4K it would take longer than the tracker; files are larger instead."""

_BT_601, _LIMITED_RANGE = 6, 1
"""Numbers of FFmpeg for the matrix and the range of values of the frames."""

_CLOCK = Fraction(1, 90000)
"""Unit of the times of frames, as in broadcasting: common rates are whole numbers of it."""


class VideoWriter(contextlib.AbstractContextManager["VideoWriter"]):
    """An H.264 mp4 (yuv420p, header first), which appears under its name only when it is whole.

    Or a recording: a Matroska file (.mkv) grows in its place, and when the program is killed its frames so far can be
    played. It has a key frame per second, so that any frame of it is soon decoded.

    Used in a `with` block, the frames written so far become the video when the block ends, also after Ctrl-C and after
    an error that dmtrack raises itself (a source that stops decoding); any other exception leaves no file.

    H.264 in yuv420p needs even sides: an odd frame gets its last column or row twice, so that no coordinate moves.

    Args:
        path: ending in .mp4 or .mkv; missing folders are created.
        fps: frames per second, above zero; frames written with a time of their own are shown then instead.
        size_wh: width and height of every frame in pixels.
        quality: constant rate factor of x264; 18 is visually lossless, 28 is small.

    Raises:
        OutputError: the file cannot be written.
        MediaError: PyAV has no H.264 encoder, or `fps` or `size_wh` is not above zero.
    """

    def __init__(self, path: str | Path, fps: float, size_wh: tuple[int, int], quality: int = 23) -> None:
        if not fps > 0 or min(size_wh) < 1:
            raise MediaError(f"video {path}: fps {fps:g} and size {size_wh[0]}x{size_wh[1]} must be above zero")
        import av  # here, so that reading images works without it

        self.path = Path(path)
        self.size_wh = size_wh
        self.frames_written = 0
        self._frame_ticks = round(1 / fps / _CLOCK)
        self._least_ticks = self._next_ticks = 0
        self._av = av
        self._stack = contextlib.ExitStack()
        self._closed = False
        self._container: Any = None
        self._grows = self.path.suffix == ".mkv"
        try:
            if self._grows:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # A cluster per frame: one that is not full is not on disk.
                growing = {"flush_packets": "1", "cluster_time_limit": "1"}
                self._container = av.open(str(self.path), "w", format="matroska", options=growing)
            else:
                temporary = self._stack.enter_context(atomic_path(self.path))
                self._container = av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
            self._stream = self._add_stream(fps, quality)
        except BaseException:
            self.discard()
            raise

    def _add_stream(self, fps: float, quality: int) -> Any:
        rate = Fraction(fps).limit_denominator(1001)
        encoder = next((name for name in _ENCODERS if _known(self._av, name)), None)
        if encoder is None:
            raise MediaError("this installation of PyAV has no H.264 encoder; install the package `av` from PyPI")
        stream = self._container.add_stream(encoder, rate=rate)
        width, height = self.size_wh
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _CLOCK
        # A track lasts as long as its decoding times say; without B-frames these are the times at which it is shown.
        stream.codec_context.max_b_frames = 0
        # Players take the matrix of large videos for BT.709 where nothing is said.
        stream.codec_context.colorspace, stream.codec_context.color_range = _BT_601, _LIMITED_RANGE
        if encoder == "libx264":
            preset = "ultrafast" if width * height > _LARGE_FRAME else "veryfast"
            stream.options = {"crf": str(quality), "preset": preset}
        if self._grows:
            stream.codec_context.gop_size = max(round(fps), 1)
            stream.options = {**stream.options, "tune": "zerolatency"}
        return stream

    def write(self, frame: Image, time: float | None = None) -> None:
        """Appends one HxWx3 uint8 RGB frame.

        Args:
            frame: the picture.
            time: when it is shown, in seconds from the first; None is one frame time after the frame before.

        Raises:
            MediaError: the frame has another size than the video.
            OutputError: the disk is full.
        """
        height, width = frame.shape[:2]
        if (width, height) != self.size_wh:
            raise MediaError(
                f"{self.path}: frame {self.frames_written} is {width}x{height}, the video is "
                f"{self.size_wh[0]}x{self.size_wh[1]}; all frames of a video have one size"
            )
        if width % 2 or height % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        # OpenCV converts five times as fast as FFmpeg's scaler, to the same matrix (BT.601).
        planes = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2YUV_I420)
        picture = self._av.VideoFrame.from_ndarray(planes, format="yuv420p")
        # Every frame is later than the one before, whatever its source says.
        ticks = self._next_ticks if time is None else round(time / _CLOCK)
        picture.pts, picture.time_base = max(ticks, self._least_ticks), _CLOCK
        self._least_ticks, self._next_ticks = picture.pts + 1, picture.pts + self._frame_ticks
        self._mux(picture)
        self.frames_written += 1

    def _mux(self, picture: Any) -> None:
        with self._output_errors():
            for packet in self._stream.encode(picture):
                self._container.mux(packet)

    @contextlib.contextmanager
    def _output_errors(self) -> Iterator[None]:
        try:
            yield
        except self._av.error.FFmpegError as error:
            self.discard()
            reason = getattr(error, "strerror", None) or error
            raise OutputError(
                f"cannot write {self.path}: {reason}; free some space or choose another output folder"
            ) from error

    def close(self) -> None:
        """Finishes the video and puts it in its place; without any frame there is no file."""
        if self._closed:
            return
        if not self.frames_written:
            self.discard()
            return
        self._mux(None)
        with self._output_errors():
            self._container.close()
        self._closed = True
        self._stack.close()

    def discard(self) -> None:
        """Drops what was written; after `close` it does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._container is not None:
            with contextlib.suppress(Exception):  # the trailer of an unwanted file
                self._container.close()
        dropped = _DroppedError()
        # atomic_path removes its temporary file when it sees an exception, and passes the exception on.
        with contextlib.suppress(_DroppedError):
            self._stack.__exit__(_DroppedError, dropped, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, (KeyboardInterrupt, GeneratorExit, DMTrackError)):
            self.close()
        else:
            self.discard()


class _DroppedError(Exception):
    """Tells `atomic_path` that the video is not wanted."""


def _known(av: Any, encoder: str) -> bool:
    try:
        av.codec.Codec(encoder, "w")
    except Exception:  # PyAV raises its own types, which differ between versions
        return False
    return True

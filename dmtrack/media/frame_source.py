"""The contract of everything that gives frames: a video file, a folder of images, a camera."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType

from dmtrack.errors import MediaError
from dmtrack.media.images import Image


class FrameSource(AbstractContextManager["FrameSource"]):
    """Frames in order, decoded one at a time, so that memory does not grow with the length of the video.

    The first frame is decoded when the source is opened, so that what cannot be read is known before any work starts.
    Files and folders can be iterated several times; a camera goes on where it is.

    Attributes:
        name: what the source is called in reports: the path, or `camera:0`.
        fps: frames per second, None where the source does not say (a folder of images).
        size_wh: width and height of the first frame in pixels.
        frame_count: how many frames the source says it has, None where it does not (a camera). Video files may be a
            few frames off, so use it for progress, not for indexing.
        frame_names: names of the frames' files, where every frame is a file (a folder of images); else empty.
        notes: sentences about the source that whoever reads the results must know, such as lacking frames.
        live: True for a camera, which never ends by itself.
        allow_size_changes: whether frames of another size than the first are passed on instead of being an error.
    """

    fps: float | None = None
    frame_count: int | None = None
    frame_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    live: bool = False

    def __init__(self, name: str, allow_size_changes: bool = False) -> None:
        self.name = name
        self.allow_size_changes = allow_size_changes
        self._first_frame: Image | None = None

    @abstractmethod
    def _decode(self) -> Iterator[Image]:
        """The frames from the start (or, of a camera, from now on)."""

    @property
    def first_frame(self) -> Image:
        """The frame that was decoded on opening, HxWx3 uint8 RGB.

        Raises:
            MediaError: the source has no frames.
        """
        if self._first_frame is None:
            decoded = self._decode()
            try:
                self._first_frame = next(decoded, None)
            finally:
                close = getattr(decoded, "close", None)
                if close is not None:
                    close()
            if self._first_frame is None:
                raise MediaError(f"{self.name} has zero frames; expected at least one")
        return self._first_frame

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the first frame in pixels."""
        height, width = self.first_frame.shape[:2]
        return width, height

    def __iter__(self) -> Iterator[Image]:
        """The frames, HxWx3 uint8 RGB.

        Raises:
            MediaError: a frame does not decode, or has another size than the first and `allow_size_changes` is off.
        """
        for number, frame in enumerate(self._decode()):
            height, width = frame.shape[:2]
            if not self.allow_size_changes and (width, height) != self.size_wh:
                first_width, first_height = self.size_wh
                raise MediaError(
                    f"{self.name} changes its size at frame {number} (counted from 0): {width}x{height} after "
                    f"{first_width}x{first_height}; split it there or bring all frames to one size"
                )
            yield frame

    def __len__(self) -> int:
        """The declared number of frames.

        Raises:
            TypeError: the source does not know it.
        """
        if self.frame_count is None:
            raise TypeError(f"{self.name} does not say how many frames it has")
        return self.frame_count

    def close(self) -> None:
        """Releases the file or device; calling it twice does no harm."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

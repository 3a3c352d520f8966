"""The contract of everything that gives frames: a video file, a folder of images, a camera."""

from __future__ import annotations

import contextlib
import itertools
from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

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
        whole_count: the same before `take` left some out; None where it did not.
        frame_names: names of the frames' files, where every frame is a file (a folder of images); else empty.
        notes: sentences about the source that whoever reads the results must know, such as lacking frames.
        timed: whether frames have times.
        number: of the frame that iteration gave last, 0-based; frames that were skipped count where they have numbers.
        time: seconds from the first frame to the one that iteration gave last; None where frames have no times.
        live: True for a camera, which never ends by itself.
        recorded: of live sources, True for a file at an address: it has a length, and none of its frames is late.
        start: number of the first frame that is taken, 0-based.
        end: number of the last one; None is the last of all.
        allow_size_changes: whether frames of another size than the first are passed on instead of being an error.
        skip_bad_frames: whether places that do not decode are passed over instead of being an error.
    """

    fps: float | None = None
    frame_count: int | None = None
    whole_count: int | None = None
    frame_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    timed: bool = False
    number: int = 0
    time: float | None = None
    live: bool = False
    recorded: bool = False

    def __init__(self, name: str, allow_size_changes: bool = False, skip_bad_frames: bool = False) -> None:
        self.name = name
        self.allow_size_changes, self.skip_bad_frames = allow_size_changes, skip_bad_frames
        self.start = 0
        self.end: int | None = None
        self._skipped = 0
        self._first_frame: Image | None = None

    @abstractmethod
    def _decode(self) -> Generator[Image]:
        """The frames from the start (or, of a camera, from now on)."""

    def take(self, start: int = 0, end: int | None = None) -> None:
        """Limits the source to the frames from `start` to `end`, both included and counted from 0.

        Raises:
            MediaError: there is no such frame.
        """
        if start < 0 or (end is not None and end < start):
            raise MediaError(f"frames {start} to {end}: expected numbers from 0 up, the first not behind the last")
        if start == self.start and end == self.end:
            return
        if self.live:
            raise MediaError(f"{self.name} is live: it has no frames to go to; leave --start-frame and --end-frame out")
        if self.frame_count is not None:
            self.whole_count = self.whole_count or self.frame_count
            self.frame_count = max(min(self.frame_count, self.frame_count if end is None else end + 1) - start, 0)
        self.start, self.end, self._first_frame = start, end, None
        _ = self.first_frame

    def origin(self) -> dict[str, Any]:
        """What is kept beside results: source, rate, size, and which frames of it, where not all."""
        origin: dict[str, Any] = {"source": self.name, "fps": self.fps, "size_wh": list(self.size_wh)}
        if self.start:
            origin["start_frame"] = self.start
        return origin if self.end is None else {**origin, "end_frame": self.end}

    @property
    def first_frame(self) -> Image:
        """The first frame that is taken, HxWx3 uint8 RGB; it was decoded on opening.

        Raises:
            MediaError: the source has no frames.
        """
        if self._first_frame is None:
            with contextlib.closing(self._decode()) as decoded:
                self._first_frame = next(itertools.islice(decoded, self.start, None), None)
            if self._first_frame is None:
                has = f"no frame {self.start}, counted from 0" if self.start else "zero frames; expected at least one"
                raise MediaError(f"{self.name} has {has}")
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
        self._skipped = 0
        taken = itertools.islice(self._decode(), self.start, None if self.end is None else self.end + 1)
        for number, frame in enumerate(taken, start=self.start):
            height, width = frame.shape[:2]
            if not self.allow_size_changes and (width, height) != self.size_wh:
                first_width, first_height = self.size_wh
                raise MediaError(
                    f"{self.name} changes its size at frame {number} (counted from 0): {width}x{height} after "
                    f"{first_width}x{first_height}; split it there or bring all frames to one size"
                )
            self.number = number + self._skipped
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

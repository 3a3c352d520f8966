"""Any frame of a video by its number, for those who scrub, and for tracking backwards."""

from __future__ import annotations

import bisect
import contextlib
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.image_files import ImageFolder
from dmtrack.media.images import Image, read_image
from dmtrack.media.video_file import PyAVVideoFile
from dmtrack.media.video_streams import displayed, gives_a_frame, numbers_by_index, put_in_place, tells_times

try:
    import av
except ImportError:  # pragma: no cover - platforms without PyAV wheels, where OpenCV reads videos
    av = None

HELD = 24
"""Frames that are held once they are decoded: each costs its memory, and with fewer the way back is decoded more often.
"""

HELD_BYTES = 96 << 20
"""Memory that they may take, however large the frames are."""

_NOWHERE = sys.maxsize
"""Place of a decoder that is not open: behind every frame."""

_STEPS_BACK = (0.0, 2.0, 10.0, 60.0)
"""Seconds before a frame where a decoder is set down, one after the other where it comes down behind the frame."""


def most_held(frame_bytes: int, most: int = HELD) -> int:
    """How many frames of a size may be held: at most so many, in at most `HELD_BYTES`, but always one."""
    return max(1, min(most, HELD_BYTES // frame_bytes))


class OvertakenError(MediaError):
    """Nobody waits for the frame any more."""


class RandomFrames(AbstractContextManager["RandomFrames"]):
    """The frames of a video file or a folder of images, in any order; one decoder, which threads take in turns.

    A video is read once without decoding (about a second per 100,000 frames), which tells where its frames are. Reading
    the next frame costs one decoding, another one those since the key frame before it, and one of the last that were
    decoded none. Where a file does not tell the times of its frames, going farther back begins at the start.

    Args:
        source: opened by `open_frames`; its own iteration is not disturbed.
        held: decoded frames that are held at most.

    Raises:
        MediaError: a live source, which has no frames to go to.
    """

    def __init__(self, source: FrameSource, held: int = HELD) -> None:
        if source.live:
            raise MediaError(f"{source.name} is live: it has no frames to go to")
        self.source, self._most_held = source, held
        self._turn = threading.Lock()
        self._container: Any = None
        self._decoded: Iterator[tuple[int, Any]] = iter(())
        self._next, self._last_read = _NOWHERE, _NOWHERE
        self._held: dict[int, Any] = {}
        self._skip_until = self._skipped = -_NOWHERE
        self._ticks: NDArray[np.int64] = np.zeros(0, np.int64)
        self._keys: list[int] = []
        if isinstance(source, PyAVVideoFile):
            self._read_times(source)
        counted = source.frame_count
        if isinstance(source, PyAVVideoFile) or counted is None:
            counted = len(self._ticks) or sum(1 for _ in source)
        self.count = counted
        if counted and not source.start and not isinstance(source, ImageFolder):
            self._hold(0, source.first_frame)  # it was decoded on opening, and is the one that is asked for first

    def __len__(self) -> int:
        return self.count

    def read(self, number: int, overtaken: Callable[[], bool] = bool) -> Image:
        """Frame `number`, HxWx3 uint8 RGB. A frame that does not decode is the next one that does.

        Args:
            number: counted from 0.
            overtaken: asked on the way to the frame; true where nobody waits for it any more.

        Raises:
            MediaError: there is no such frame, or nothing decodes from there on.
            OvertakenError: the frame was overtaken; the next reading may go on where this one ended.
        """
        if not 0 <= number < self.count:
            raise MediaError(f"{self.source.name} has no frame {number}: it has {self.count}, counted from 0")
        with self._turn:
            if isinstance(self.source, ImageFolder):
                return read_image(self.source.paths[number])
            frame = self._held[number] if number in self._held else self._decode_up_to(number, overtaken)
            self._last_read = number
            return frame.copy() if isinstance(frame, np.ndarray) else displayed(frame)

    def backwards(self, last: int, first: int) -> Iterator[tuple[int, Image]]:
        """The frames from `last` down to `first`, with their numbers; those that are held are decoded together."""
        for number in range(last, first - 1, -1):
            yield number, self.read(number)

    def key_frame(self, number: int) -> int:
        """The frame at or before `number` from which decoding begins; every image of a folder is one."""
        if not self._keys:
            return number
        return self._keys[max(bisect.bisect_right(self._keys, number) - 1, 0)]

    def way(self, number: int) -> int:
        """Frames that are decoded on the way to frame `number`, which counts itself; none of one that is held."""
        if isinstance(self.source, ImageFolder) or number in self._held:
            return int(number not in self._held)
        begin = self.key_frame(number) if self._keys else 0
        return number + 1 - (self._next if begin <= self._next <= number else begin)

    @property
    def longest_way(self) -> int:
        """Most frames that are decoded on the way to any frame of the video from elsewhere."""
        if isinstance(self.source, ImageFolder):
            return 1
        ends = [*self._keys[1:], self.count]
        return max(end - begin for begin, end in zip(self._keys or [0], ends, strict=True))

    def close(self) -> None:
        """Releases the file."""
        with self._turn:
            self._release()
            self._held.clear()
            self.source.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_times(self, source: PyAVVideoFile) -> None:
        """Times of all frames in the order in which they are shown, and which of them are key frames."""
        container, stream = source.open_stream()
        with container:
            numbers, shown = numbers_by_index(container, stream), []
            for packet in container.demux(stream):
                put_in_place(packet, numbers)
                if packet.pts is not None and gives_a_frame(packet):
                    shown.append((packet.pts, packet.is_keyframe))
            timed = tells_times(container, stream)
        if not timed or len({ticks for ticks, _ in shown}) < len(shown):
            return
        shown.sort()
        container, stream = source.open_stream()
        with container:
            first = next((frame.pts for frame in container.decode(stream)), None)
        shown = [one for one in shown if first is None or one[0] >= first]
        self._ticks = np.array([ticks for ticks, _ in shown], np.int64)
        self._keys = [number for number, (_, key) in enumerate(shown) if key]

    def _decode_up_to(self, number: int, overtaken: Callable[[], bool]) -> Any:
        if len(self._ticks):
            self._seek(number)
        elif number < self._next:
            self._decoded, self._next = enumerate(self.source), 0
        for reached, frame in self._decoded:
            self._next = reached + 1
            self._hold(reached, frame)
            if reached >= number:
                return frame
            if overtaken():
                raise OvertakenError(f"frame {number} of {self.source.name} was overtaken")
        self._release()
        raise MediaError(f"{self.source.name} does not decode from frame {number} on, counted from 0")

    def _hold(self, number: int, frame: Any) -> None:
        """Keeps a frame in place of the one that was decoded longest ago."""
        size = frame.nbytes if isinstance(frame, np.ndarray) else sum(plane.buffer_size for plane in frame.planes)
        self._held.pop(number, None)
        self._held[number] = frame
        while len(self._held) > most_held(size, self._most_held):
            del self._held[next(iter(self._held))]

    def _seek(self, number: int) -> None:
        """The decoder comes to where it decodes all that a frame needs."""
        # One who goes back frame by frame soon wants those before it, one who jumps there does not.
        goes_back = self._last_read - self._most_held < number < self._last_read
        self._skip_until = int(self._ticks[max(number - self._most_held + 1, 0) if goes_back else number])
        # Where a frame was overtaken, some behind the decoder were left out on the way to it.
        if self.key_frame(number) <= self._next <= number and self._ticks[number] > self._skipped:
            return
        for seconds in _STEPS_BACK:
            self._set_down(number, seconds)
            first = next(self._decoded, None)
            if first is not None and first[0] <= number:
                self._decoded = itertools.chain([first], self._decoded)
                break

    def _set_down(self, number: int, seconds: float) -> None:
        """A decoder at the key frame before a place that lies some seconds before that of a frame."""
        assert isinstance(self.source, PyAVVideoFile)
        self._release()
        self._container, stream = self.source.open_stream()
        ticks = int(self._ticks[self.key_frame(number)]) - round(seconds / float(stream.time_base))
        if ticks > self._ticks[0]:
            self._container.seek(ticks, stream=stream)
        self._decoded = self._numbered(stream)

    def _numbered(self, stream: Any) -> Iterator[tuple[int, Any]]:
        """Frames of PyAV and their numbers; packets that do not decode are passed over."""
        numbers = numbers_by_index(self._container, stream)
        with contextlib.suppress(av.error.FFmpegError):  # the file is damaged from here on
            for packet in self._container.demux(stream):
                put_in_place(packet, numbers)
                frames = []
                # On the way to a frame those that no other one is made from need no decoding.
                passed = packet.pts is not None and packet.pts < self._skip_until
                stream.codec_context.skip_frame = "NONREF" if passed else "DEFAULT"
                self._skipped = max(self._skipped, packet.pts) if passed else self._skipped
                with contextlib.suppress(av.error.FFmpegError):
                    frames = packet.decode()
                for frame in frames:
                    if frame.pts is not None:
                        yield int(np.searchsorted(self._ticks, frame.pts)), frame

    def _release(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container, self._decoded, self._next, self._skipped = None, iter(()), _NOWHERE, -_NOWHERE

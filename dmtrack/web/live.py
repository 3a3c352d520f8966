"""Live sources under the page: the first frame stands still for whoever draws on it, then what arrives is recorded."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.images import Image, write_image
from dmtrack.media.newest_frames import Arrival, NewestFrames
from dmtrack.media.random_access import most_held
from dmtrack.media.video_writer import VideoWriter
from dmtrack.running.one_video import FPS_OF_FOLDERS

RECORDING = "recorded.mkv"
"""In the folder of a project: the frames that were tracked, which it is a project on from then on."""

FIRST_FRAME = "first_frame"
"""Beside it, a folder with the first frame alone, which what is drawn lies on even where the recording is lost."""


class LiveFrames:
    """The frames of a live source as they come; `RandomFrames` on the recording follow when it is over.

    Pages may still ask for the newest of them, as many as `RandomFrames` holds.

    Args:
        source: a camera or a stream; it is closed with this one.
        folder: of the project, where the frames are recorded.

    Attributes:
        newest: the source itself.
        path: of the recording.
        count: frames so far.
        watchers: pages that look.
    """

    def __init__(self, source: FrameSource, folder: Path) -> None:
        self.source = source
        self.newest = source if isinstance(source, NewestFrames) else NewestFrames(source)
        self.path = folder / RECORDING
        self._turn = threading.Lock()
        self._held: deque[tuple[int, Image]] = deque()
        self.count, self._open, self.watchers = 0, True, 0
        self._recorder = VideoWriter(self.path, source.fps or FPS_OF_FOLDERS, source.size_wh)
        first = self.newest.poll(10.0)
        write_image(folder / FIRST_FRAME / "0.png", source.first_frame)
        self._keep(source.first_frame, 0.0 if first is None else first.time)

    def take(self, seconds: float) -> Arrival | None:
        """The newest frame, which is recorded as the next one; None where none arrives in time, or none will.

        Raises:
            MediaError: the source stopped, or changed its size.
            OutputError: the disk is full.
        """
        arrival = self.newest.poll(seconds)
        if arrival is not None and self._open:
            self._keep(arrival.image, arrival.time)
        return arrival if self._open else None

    def read(self, number: int, overtaken: Callable[[], bool] = bool) -> Image:
        """Frame `number`.

        Raises:
            MediaError: it is no longer held, or has not come yet.
        """
        with self._turn:
            for held, image in self._held:
                if held == number:
                    return image
        raise MediaError(f"{self.source.name} is live: frame {number} is seen again when it is stopped")

    def key_frame(self, number: int) -> int:
        """The frame that is held and nearest."""
        with self._turn:
            return min((held for held, _ in self._held), key=lambda held: abs(held - number))

    def close(self) -> None:
        """Ends the connection and finishes the recording."""
        self._open = False
        self.newest.close()
        with self._turn:
            self._recorder.close()

    def _keep(self, image: Image, time: float | None) -> None:
        with self._turn:
            if self._open:
                self._recorder.write(image, time)
                self._held.append((self.count, image))
                while len(self._held) > most_held(image.nbytes):
                    self._held.popleft()
                self.count += 1

"""Live frames for readers that are slower than they arrive: the newest one, and never a queue of old ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass

from dmtrack.errors import DMTrackError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.images import Image


@dataclass(frozen=True)
class Arrival:
    """A frame of a live source.

    Attributes:
        image: HxWx3 uint8 RGB.
        number: of the frame in the stream, from 0, dropped ones counted.
        time: seconds from the first frame; None where the source does not say.
        at: when it was decoded, on the clock of `time.perf_counter`.
    """

    image: Image
    number: int
    time: float | None
    at: float


class NewestFrames(FrameSource):
    """A live source whose late frames are dropped: whoever asks gets the frame that arrived last.

    A thread takes all frames, so that no buffer on the way fills. The first frame is kept until it is asked for. A
    recording at an address (a file on a web server) is played at its own speed.

    Args:
        source: a camera or a stream; it is closed with this one.

    Attributes:
        dropped: frames that were replaced by newer ones since the first was taken.
        last_words: what the source says of its end, or was wrong with it then; empty before, and where it just ended.
    """

    live = timed = True

    def __init__(self, source: FrameSource) -> None:
        super().__init__(source.name, source.allow_size_changes)
        self.fps, self._first_frame = source.fps, source.first_frame
        self.dropped, self.last_words = 0, ""
        self._source, self._turn = source, threading.Condition()
        self._newest: Arrival | None = None
        self._ended, self._closed = False, False
        self._error: DMTrackError | None = None
        self._thread = threading.Thread(target=self._receive, name=source.name, daemon=True)
        self._thread.start()

    def poll(self, seconds: float) -> Arrival | None:
        """The newest frame that nobody has had yet; None where none arrives in time, or none will (`ended`).

        Raises:
            DMTrackError: what ended the source, after its last frame.
        """
        with self._turn:
            if self._newest is None and not self._ended:
                self._turn.wait(seconds)
            found, self._newest = self._newest, None
            if found is None and self._error is not None:
                raise self._error
            return found

    @property
    def ended(self) -> bool:
        """Whether no further frame comes."""
        return self._ended and self._newest is None

    def close(self) -> None:
        """Ends the connection, once the frame that is being received is there."""
        self._closed = True
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10)
        self._source.close()

    def _receive(self) -> None:
        began = time.perf_counter()
        try:
            for image in self._source:
                early = (self._source.time or 0.0) - (time.perf_counter() - began) if self._source.recorded else 0.0
                if early > 0:
                    time.sleep(early)
                if self._closed:
                    break
                with self._turn:
                    if self._newest is not None and self._newest.number == 0:
                        continue  # the first frame waits for whoever draws on it
                    self.dropped += self._newest is not None
                    self._newest = Arrival(image, self._source.number, self._source.time, time.perf_counter())
                    self._turn.notify_all()
        except DMTrackError as error:
            self._error = error
        with self._turn:
            self._ended = True
            self.last_words = "; ".join((*self._source.notes, *([str(self._error)] if self._error else [])))
            self._turn.notify_all()

    def _decode(self) -> Generator[Image]:
        given = 0
        while not self.ended:
            arrival = self.poll(1.0)
            if arrival is None:
                continue
            self._skipped, self.time = arrival.number - given, arrival.time
            given += 1
            if self.dropped:
                self.notes = (f"frames that arrived while others were worked on were dropped: {self.dropped}",)
            yield arrival.image
        self.notes += self._source.notes

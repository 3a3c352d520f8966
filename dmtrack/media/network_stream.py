"""Frames of a stream at an address: RTSP, HTTP, RTMP, UDP and whatever else FFmpeg speaks."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.images import Image
from dmtrack.media.video_streams import choose_stream, displayed, reason

PROTOCOLS = ("rtsp", "rtsps", "rtp", "udp", "tcp", "http", "https", "rtmp", "rtmps", "srt", "mmsh", "ftp")
"""Of addresses that streams have; which of them work is up to the FFmpeg that is installed."""

_OPTIONS = {"rtsp_transport": "tcp", "rtsp_flags": "prefer_tcp"}
"""RTSP over UDP loses packets behind most firewalls; players that find no picture are told to do the same."""


class NetworkStream(FrameSource):
    """A stream, from the moment it is opened until it ends or stops sending. Times are those of the stream.

    Args:
        address: such as `rtsp://host/stream`.
        allow_size_changes: pass frames of another size than the first on, instead of raising.
        timeout: seconds to wait for the connection, for the first picture, and for each later one.

    Raises:
        MediaError: nobody answers there, the stream holds no video, or no picture comes in time; says why.
    """

    live = timed = True

    def __init__(self, address: str, allow_size_changes: bool = False, timeout: float = 10.0) -> None:
        super().__init__(address, allow_size_changes)
        self._timeout = timeout
        try:
            import av
        except ImportError as error:  # pragma: no cover - platforms without PyAV wheels
            raise MediaError(f"{address}: streams need the package av; pip install av") from error
        self._av = av
        options = _OPTIONS if address.startswith("rtsp") else {}
        started = time.monotonic()
        try:
            self._container: Any = av.open(address, timeout=timeout, options=options)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, av.error.InvalidDataError) and time.monotonic() - started >= timeout:
                error = TimeoutError()  # what FFmpeg says of an RTSP server that stays silent
            raise MediaError(f"{address} does not open: {self._why(error)}") from error
        self._stream = choose_stream(self._container, address)
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.fps = float(rate) if rate else None
        self.recorded = self._container.duration is not None
        self._packets, self._ended = 0, False
        self._frames = self._received()
        self._first_frame = self._pending = next(self._frames, None)
        if self._first_frame is None:
            self.close()
            if self._packets and self._ended:
                held = f"it ends after {self._packets} packets of video without a key frame"
                raise MediaError(f"{address} answers but sends no whole picture: {held}; check what it sends")
            sent = f"{self._packets} packets of video came, but no key frame" if self._packets else "nothing came"
            raise MediaError(
                f"{address} answers but sends no whole picture within {timeout:g} s: {sent}; check that it is sending "
                "and how often it sends key frames, or wait longer with --timeout"
            )

    def _why(self, error: Exception) -> str:
        """What went wrong and what to do, in the user's words."""
        kinds = self._av.error
        known: dict[tuple[Any, ...], str] = {
            (ConnectionRefusedError,): "the connection is refused; check host and port, and that the server runs",
            (kinds.HTTPNotFoundError,): "the server has nothing of that name (404); check the path",
            (kinds.HTTPUnauthorizedError, kinds.HTTPForbiddenError): (
                "the server wants a user and a password; write rtsp://user:password@host/..."
            ),
            (TimeoutError, kinds.ExitError): (
                f"nothing answers within {self._timeout:g} s; check the address, or wait longer with --timeout"
            ),
            (kinds.ProtocolNotFoundError,): "FFmpeg does not know this kind of address; use rtsp://, http://, udp://",
            (kinds.InvalidDataError,): "what it sends is no video",
        }
        for types, sentence in known.items():
            if isinstance(error, types):
                return sentence
        host = urlsplit(self.name).hostname
        try:
            socket.getaddrinfo(host, None)
        except (socket.gaierror, UnicodeError):
            return f"there is no host {host}; check the address, and that this machine is in the network"
        # FFmpeg says so of an unknown host, and of an answer of unknown length that is over before it is a video.
        if getattr(error, "errno", None) == errno.EIO and self.name.startswith("http"):
            return "what it sends ends at once or is no video; check the path, in a browser for example"
        return f"{reason(error)}; check the address and the network"

    def _received(self) -> Generator[Image]:
        first: float | None = None
        deadline = time.monotonic() + self._timeout
        packets = self._container.demux(self._stream)
        while not self._ended and time.monotonic() <= deadline:
            try:
                packet = next(packets, None)
                self._ended = packet is None
                self._packets += packet is not None and packet.size > 0
                decoded = [] if packet is None else packet.decode()
            except self._av.error.InvalidDataError:
                continue  # until the first key frame nothing decodes; that is no fault of the stream
            except (self._av.error.FFmpegError, OSError) as error:
                self.notes = (f"the stream stopped: {self._why(error)}",)
                self._ended, decoded = True, self._stream.codec_context.decode(None)
            for frame in decoded:
                first = frame.time if first is None else first
                self.time = None if frame.time is None or first is None else frame.time - first
                deadline = time.monotonic() + self._timeout
                yield displayed(frame)
        if first is not None and not self._ended:
            self.notes = (f"the stream stopped: no picture came within {self._timeout:g} s",)

    def _decode(self) -> Generator[Image]:
        if self._pending is not None:
            frame, self._pending = self._pending, None
            yield frame
        yield from self._frames

    def close(self) -> None:
        """Ends the connection."""
        self._container.close()

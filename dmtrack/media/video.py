"""Whatever gives frames: a video file, a folder of images, a camera, a network stream."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from dmtrack.errors import MediaError
from dmtrack.files import at_home
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.image_files import ImageFile, ImageFolder, is_image_file
from dmtrack.media.images import Image
from dmtrack.media.network_stream import PROTOCOLS, NetworkStream
from dmtrack.media.newest_frames import NewestFrames
from dmtrack.media.video_file import captured, open_video_file, positive
from dmtrack.media.video_writer import VideoWriter

__all__ = ["FrameSource", "VideoWriter", "open_frames"]

_CAMERA = re.compile(r"(?:camera:)?(\d+)")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def open_frames(
    source: str | int | Path,
    allow_size_changes: bool = False,
    skip_bad_frames: bool = False,
    timeout: float = 10.0,
    drop_late: bool = False,
) -> FrameSource:
    """Opens a video file, a folder of images, a stack of pictures in one file, a camera or a network stream.

    Args:
        source: a path; or a camera as 0, '0' or 'camera:0'; or an address such as 'rtsp://...'. A file or folder
            called '0' wins over the camera; 'camera:0' is always the camera.
        allow_size_changes: pass frames of another size than the first on, instead of raising.
        skip_bad_frames: go on behind places of a file or folder that do not decode, instead of raising.
        timeout: seconds after which an address that does not answer, or stops sending, is given up.
        drop_late: of cameras and live streams, give the newest frame only (`NewestFrames`), so that the reader is never
            behind; files, also those at an address, lose no frame.

    Returns:
        The source, with its first frame decoded. Use it in a `with` block, or call `close()`.

    Raises:
        MediaError: it is missing, does not decode, or has no frames.
    """
    if drop_late:
        found = open_frames(source, allow_size_changes, skip_bad_frames, timeout)
        return NewestFrames(found) if found.live and not found.recorded else found
    if isinstance(source, int):
        return Camera(source, allow_size_changes)
    text = str(source)
    path = at_home(text)
    if not text or not path.exists():  # Path("") would be the working folder
        camera = _CAMERA.fullmatch(text)
        if camera:
            return Camera(int(camera.group(1)), allow_size_changes)
        if is_address(text):
            return NetworkStream(text, allow_size_changes, timeout)
        raise MediaError(
            f"{text or 'an empty name'} does not exist; give a video file, a folder of images, a camera number such as "
            "0, or an address"
        )
    if path.is_dir():
        return ImageFolder(path, allow_size_changes, skip_bad_frames)
    if is_image_file(path):
        return ImageFile(path, allow_size_changes, skip_bad_frames)
    return open_video_file(path, allow_size_changes, skip_bad_frames)


def is_address(source: str | int | Path) -> bool:
    """Whether a source that is no file is the address of a stream: `rtsp://...`, `http://...`."""
    return isinstance(source, str) and _ADDRESS.match(source) is not None and not Path(source).exists()


def check_live_source(source: str) -> None:
    """Refuses what can be no live source, without opening it.

    Raises:
        MediaError: it is neither a camera nor the address of a stream; says what it lacks.
    """
    if _CAMERA.fullmatch(source):
        return
    if not is_address(source):
        raise MediaError(f"{source or 'an empty name'} is no live source; give a camera such as 0, or rtsp://host/...")
    try:
        scheme, host = urlsplit(source).scheme, urlsplit(source).hostname
    except ValueError as error:
        raise MediaError(f"{source} is no address ({error}); write it as rtsp://host:port/path") from error
    if scheme not in PROTOCOLS:
        raise MediaError(f"{source} is no live source: {scheme}:// is none of {', '.join(PROTOCOLS)}")
    if not host and scheme not in ("udp", "rtp"):
        raise MediaError(f"{source} names no host; write it as {scheme}://host/path")


class Camera(FrameSource):
    """A camera by its number. Iteration goes on until the device stops.

    The frame that was read on opening is the first one of the first iteration, so none is lost.

    Raises:
        MediaError: the device does not open or gives no frame.
    """

    live = timed = True

    def __init__(self, device: int, allow_size_changes: bool = False) -> None:
        super().__init__(f"camera:{device}", allow_size_changes)
        self._capture = cv2.VideoCapture(device)
        if not self._capture.isOpened():
            raise MediaError(f"{self.name} does not open; check that it is connected and that no other program uses it")
        self.fps = positive(self._capture.get(cv2.CAP_PROP_FPS))
        self._first_frame = self._pending = next(captured(self._capture), None)
        if self._first_frame is None:
            self.close()
            raise MediaError(f"{self.name} opens but gives no frame; check that no other program uses it")

    def _decode(self) -> Generator[Image]:
        started = time.monotonic()
        if self._pending is not None:
            frame, self._pending = self._pending, None
            self.time = 0.0
            yield frame
        for frame in captured(self._capture):
            self.time = time.monotonic() - started
            yield frame

    def close(self) -> None:
        """Releases the device."""
        self._capture.release()

"""Opening whatever gives frames, and writing videos: the door of the media room."""

from __future__ import annotations

import re
from pathlib import Path

from dmtrack.errors import MediaError
from dmtrack.media.camera import Camera
from dmtrack.media.folder import ImageFolder
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.video_file import open_video_file
from dmtrack.media.video_writer import VideoWriter

__all__ = ["FrameSource", "VideoWriter", "open_frames"]

_CAMERA = re.compile(r"(?:camera:)?(\d+)")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def open_frames(source: str | int | Path, allow_size_changes: bool = False) -> FrameSource:
    """Opens a video file, a folder of images, a camera or a network stream.

    Args:
        source: a path; or a camera as 0, '0' or 'camera:0'; or an address such as 'rtsp://...'. A file or folder
            called '0' wins over the camera; 'camera:0' is always the camera.
        allow_size_changes: pass frames of another size than the first on, instead of raising.

    Returns:
        The source, with its first frame decoded. Use it in a `with` block, or call `close()`.

    Raises:
        MediaError: it is missing, does not decode, or has no frames.
    """
    if isinstance(source, int):
        return Camera(source, allow_size_changes)
    text = str(source)
    path = Path(text).expanduser()
    if not text or not path.exists():  # Path("") would be the working folder
        camera = _CAMERA.fullmatch(text)
        if camera:
            return Camera(int(camera.group(1)), allow_size_changes)
        if _ADDRESS.match(text):
            return Camera(text, allow_size_changes)
        raise MediaError(
            f"{text or 'an empty name'} does not exist; give a video file, a folder of images, a camera number such as "
            "0, or an address"
        )
    if path.is_dir():
        return ImageFolder(path, allow_size_changes)
    return open_video_file(path, allow_size_changes)

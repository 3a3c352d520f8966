"""Which stream of a file is the video, how often and how many times it shows a frame, and which way is up."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from dmtrack.errors import MediaError
from dmtrack.media.images import Image

FRAMES_LOOKED_AT = 300
"""Packets whose times tell the rate of a file that does not say it."""

PICTURE_CODECS = ("mjpeg", "png", "bmp", "gif", "webp", "tiff", "jpeg2000", "jpegls")
HIGHEST_RATE = 480.0
"""Frames per second; a file that declares more declares the unit of its clock."""


def choose_stream(container: Any, name: str) -> Any:
    """The video of a file that may hold covers, thumbnails and previews beside it.

    Stills (attached pictures, and streams of one picture beside longer ones) do not count. Of several videos the one
    that the file declares as the default is taken, then the longest, then the largest.

    Args:
        container: of PyAV.
        name: of the file, for the error.

    Raises:
        MediaError: there is none.
    """
    # FFmpeg's demuxer of terminal art takes any .txt for a video.
    streams = [] if container.format.name == "tty" else list(container.streams.video)
    moving = [stream for stream in streams if not _is_attached_picture(stream)]
    if len(moving) == 1 and container.streams.audio and _is_one_picture(container, moving[0]):
        moving = []
    if not moving:
        held = "a cover picture but no video" if streams else "no video"
        raise MediaError(f"{name} holds {held}; expected a video file such as .mp4, .mkv, .avi")
    return max(moving, key=lambda stream: (stream.frames != 1, *_rank(stream)))


def _is_attached_picture(stream: Any) -> bool:
    flags = type(stream.disposition)
    return bool(stream.disposition & (flags.attached_pic | flags.timed_thumbnails | flags.still_image))


def _is_one_picture(container: Any, stream: Any) -> bool:
    """Whether a stream of a codec for pictures holds a single one; containers without that flag keep covers so."""
    if stream.codec_context.name not in PICTURE_CODECS:
        return False
    packets = sum(1 for packet in itertools.islice(container.demux(stream), 2) if packet.size)
    container.seek(0)
    return packets < 2


def _rank(stream: Any) -> tuple[bool, int, int]:
    flags = type(stream.disposition)
    area = (stream.codec_context.width or 0) * (stream.codec_context.height or 0)
    return bool(stream.disposition & flags.default), stream.frames or 0, area


def reason(error: Exception) -> str:
    """What FFmpeg says of an error, without the file, which our sentence names."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def frame_rate(container: Any, stream: Any) -> float | None:
    """Frames per second, on average where the times between frames vary.

    Screen and browser recordings declare the unit of their clock (1000 per second) instead of a rate; then the times of
    the first packets tell it. The container is at another place afterwards.

    Args:
        container: of PyAV, just opened.
        stream: its video.
    """
    declared = float(stream.average_rate or stream.guessed_rate or 0)
    ticks = 1 / float(stream.time_base) if stream.time_base else 0.0
    if 0 < declared <= HIGHEST_RATE and not declared == ticks >= 90:
        if stream.frames > 1 and stream.duration and ticks:
            counted = stream.frames * ticks / stream.duration
            return counted if abs(counted / declared - 1) > 0.05 else declared
        return declared
    packets = itertools.islice((one for one in container.demux(stream) if one.pts is not None), FRAMES_LOOKED_AT)
    times = sorted(float(packet.pts * packet.time_base) for packet in packets)
    seconds = _seconds(container, stream)
    if len(times) < FRAMES_LOOKED_AT and seconds:
        return len(times) / seconds
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    return (len(times) - 1) / (times[-1] - times[0])


def declared_frames(container: Any, stream: Any, fps: float | None) -> tuple[int | None, bool]:
    """How many frames the file says it has, and whether it says so itself; otherwise its length tells about."""
    if stream.frames:
        return int(stream.frames), True
    seconds = _seconds(container, stream)
    if not fps or seconds is None:
        return None, False
    return max(1, round(seconds * fps)), False


def _seconds(container: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    written = stream.metadata.get("DURATION", "")  # of Matroska, "00:00:02.430000000"
    try:
        hours, minutes, seconds = written.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None if container.duration is None else container.duration / 1e6


def displayed(frame: Any) -> Image:
    """The picture as players show it, HxWx3 uint8 RGB: mirrored and turned by quarters as its display matrix says.

    The matrix (ISO/IEC 14496-12, 8.5.3) sends a point (x, y) to (a x + c y, b x + d y).
    """
    image: Image = frame.to_ndarray(format="rgb24")
    matrix = _display_matrix(frame)
    if matrix is None:
        return image
    a, b, c, d = (int(matrix[place]) for place in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        image, across, down = image.swapaxes(0, 1), c, b
    image = image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    return np.ascontiguousarray(image)


def _display_matrix(frame: Any) -> np.ndarray[tuple[int], np.dtype[np.int32]] | None:
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            return np.frombuffer(bytes(data), dtype="<i4", count=9)
    return None

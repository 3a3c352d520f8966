"""Which stream of a file is the video, how often and how many times it shows a frame, and which way is up."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from dmtrack.errors import MediaError
from dmtrack.media.frame_times import Declared
from dmtrack.media.images import Image

try:
    import av.sidedata.sidedata
    import av.video.reformatter
except ImportError:  # pragma: no cover - platforms without PyAV wheels, where OpenCV reads videos
    av = None

FRAMES_LOOKED_AT = 300
"""Packets whose times tell the rate of a file that does not say it."""

PICTURE_CODECS = ("mjpeg", "png", "bmp", "gif", "webp", "tiff", "jpeg2000", "jpegls")
_DEFAULT_WORTH = 6
"""How many times its pixels a video counts that the file declares as the default."""

_CHUNK_HEADER = 8
"""Bytes before the content of a packet in an AVI: its name and length."""

HIGHEST_RATE = 480.0
"""Frames per second; a file that declares more declares the unit of its clock."""


def choose_stream(container: Any, name: str) -> Any:
    """The video of a file that may hold covers, thumbnails and previews beside it.

    Stills (attached pictures, and streams of one picture or few beside longer ones) do not count, those of a codec for
    pictures only where there are no others. Of several videos the largest is taken, unless a smaller one, but not as
    small as a preview, is declared as the default.

    Args:
        container: of PyAV.
        name: of the file, for the error.

    Raises:
        MediaError: there is none.
    """
    # FFmpeg's demuxer of terminal art takes any .txt for a video.
    streams = [] if container.format.name == "tty" else list(container.streams.video)
    # Of a file that is cut off, FFmpeg may know that there is a video but not of which codec.
    known = [stream for stream in streams if stream.codec_context is not None]
    moving = [stream for stream in known if not _is_attached_picture(stream)]
    if len(moving) == 1 and container.streams.audio and _is_one_picture(container, moving[0]):
        moving = []
    if not moving:
        held = "a cover picture but no video" if known else "no video"
        if len(known) < len(streams):
            held = "a video of unknown codec, perhaps cut off"
        raise MediaError(f"{name} holds {held}; expected a video file such as .mp4, .mkv, .avi")
    most = max(stream.frames for stream in moving)
    return max(moving, key=lambda stream: _rank(stream, most))


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


def _rank(stream: Any, most_frames: int) -> tuple[bool, bool, int, int]:
    """Sorts the video behind stills, pictures of chapters and previews."""
    area = (stream.codec_context.width or 0) * (stream.codec_context.height or 0)
    # Most writers declare the first of several videos as the default, also where it is a preview.
    area *= _DEFAULT_WORTH if stream.disposition & type(stream.disposition).default else 1
    few = stream.frames == 1 or 0 < 10 * stream.frames < most_frames
    return not few, stream.codec_context.name not in PICTURE_CODECS, area, stream.frames


def reason(error: Exception) -> str:
    """What FFmpeg says of an error, without the file, which our sentence names."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def frame_rate(container: Any, stream: Any) -> float | None:
    """Frames per second of a video that PyAV just opened, on average where the times between frames vary.

    Screen and browser recordings declare the unit of their clock (1000 per second) instead of a rate; then the times of
    the first packets tell it. The container is at another place afterwards.
    """
    declared = declared_rate(stream)
    seconds, _ = declared_seconds(container, stream)
    if declared is not None:
        if container.format.name == "avi":
            return declared  # all its frames take as long; what else it says is guessed where its end is cut off
        # Of variable rate, or trimmed: frames that are not shown are counted with the others.
        odd = stream.frames > 1 and seconds and abs(stream.frames / seconds / declared - 1) > 0.05
        if not odd:
            return declared
    shown = (one for one in container.demux(stream) if one.pts is not None and gives_a_frame(one))
    times = sorted(float(packet.pts * packet.time_base) for packet in itertools.islice(shown, FRAMES_LOOKED_AT))
    if len(times) < FRAMES_LOOKED_AT and seconds:
        return len(times) / seconds
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    return (len(times) - 1) / (times[-1] - times[0])


def declared_rate(stream: Any) -> float | None:
    """The rate that a stream declares; None where that is only the unit of its clock."""
    declared = float(stream.average_rate or stream.guessed_rate or 0)
    ticks = 1 / float(stream.time_base) if stream.time_base else 0.0
    return declared if 0 < declared <= HIGHEST_RATE and not declared == ticks >= 90 else None


def tells_times(container: Any, stream: Any) -> bool:
    """Whether packets say when their frames are shown.

    AVI numbers its packets; where frames are decoded in another order, that is not when they are shown.
    """
    return not (container.format.name == "avi" and stream.codec_context.has_b_frames)


def numbers_by_index(container: Any, stream: Any) -> dict[int, int]:
    """Numbers of the packets of an AVI by their place in the file, as its index has them; empty where it has none.

    FFmpeg counts on behind packets that are gone, so that all later frames would be too early.
    """
    if container.format.name != "avi":
        return {}
    return {entry.pos + _CHUNK_HEADER: entry.timestamp for entry in getattr(stream, "index_entries", ())}


def put_in_place(packet: Any, numbers: dict[int, int]) -> None:
    """Gives a packet of an AVI the number that `numbers_by_index` has of it, where some before it are gone."""
    number = numbers.get(packet.pos)
    if number is not None and packet.dts is not None and number > packet.dts:
        packet.pts = packet.dts = number


def gives_a_frame(packet: Any) -> bool:
    """Whether a packet is of a frame that is shown: not cut away by trimming, nor a hidden reference of VP8."""
    if not packet.size or getattr(packet, "is_discard", False):
        return False
    return packet.stream.codec_context.name != "vp8" or bool(bytes(packet)[0] & 0x10)  # RFC 6386, 9.1: show_frame


def declared_length(container: Any, stream: Any, fps: float | None) -> Declared:
    """How long the file says it is, in frames and in seconds."""
    seconds, own = declared_seconds(container, stream)
    frames = int(stream.frames) or (None if not fps or seconds is None else max(1, round(seconds * fps)))
    start = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
    end = None if seconds is None else start + seconds
    return Declared(frames, bool(stream.frames), end, own, container.format.name == "avi")


def declared_seconds(container: Any, stream: Any) -> tuple[float | None, bool]:
    """How long the file says it is from its first frame on, and whether that is of the video and not of all streams."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base), True
    written = stream.metadata.get("DURATION", "")  # of Matroska, "00:00:02.430000000" from the start of the file
    start = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
    try:
        hours, minutes, seconds = written.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - start, True
    except ValueError:
        alone = len(container.streams) == 1
        return (None if container.duration is None else container.duration / 1e6 - start * alone), alone


def displayed(frame: Any) -> Image:
    """The picture as players show it, HxWx3 uint8 RGB: mirrored and turned by quarters as its display matrix says.

    The matrix (ISO/IEC 14496-12, 8.5.3) sends a point (x, y) to (a x + c y, b x + d y).
    """
    # `frame.side_data` and the frame hold each other, and `frame.to_ndarray(format=...)` leaves it a converter with two
    # threads: both would stay until Python looks for circles, which it seldom does. These objects go at once.
    image: Image = np.asarray(
        av.video.reformatter.VideoReformatter().reformat(frame, format="rgb24").to_ndarray(), np.uint8
    )
    beside: Any = av.sidedata.sidedata.SideDataContainer
    data = next((data for data in beside(frame) if data.type.name == "DISPLAYMATRIX"), None)
    matrix = None if data is None else np.frombuffer(bytes(data), dtype="<i4", count=9)
    if matrix is None:
        return image
    a, b, c, d = (int(matrix[place]) for place in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        image, across, down = image.swapaxes(0, 1), c, b
    image = image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    return np.ascontiguousarray(image)

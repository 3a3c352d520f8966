"""Videos whose frames say which ones they are."""

from fractions import Fraction

import av
import numpy as np

BITS = 10


def numbered_frame(number):
    """Its number in black and white squares, which survive compression."""
    frame = np.full((64, 16 * BITS, 3), 128, np.uint8)
    for bit in range(BITS):
        frame[:32, 16 * bit : 16 * bit + 16] = 255 if number >> bit & 1 else 0
    return frame


def number_of(frame):
    return sum(1 << bit for bit in range(BITS) if frame[16, 16 * bit + 8].mean() > 127)


def write_video(path, codec, frames=90, key_frames_every=30, times=None, **options):
    """With `times`, in 90,000ths of a second, the rate varies."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 16 * BITS, 64, "yuv420p"
        stream.codec_context.gop_size = key_frames_every
        stream.options = options
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 90000)
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            if times is not None:
                picture.pts, picture.time_base = times[number], Fraction(1, 90000)
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)

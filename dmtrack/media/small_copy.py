"""A small copy of a video whose frames are far to decode: any frame of it is there at once, until the frame itself is.

The copy lies in parts, each a zip of JPEGs that are called by the numbers of their frames, as `RandomFrames` counts
them. A process of its own makes them: `python -m dmtrack.media.small_copy VIDEO FOLDER` reads numbers of parts.
"""

from __future__ import annotations

import contextlib
import os
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import cv2

from dmtrack.errors import DMTrackError, MediaError
from dmtrack.files import atomic_path
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.images import encode_jpeg
from dmtrack.media.random_access import RandomFrames
from dmtrack.media.video import open_frames

PART = 250
"""Frames of a part: it is made within seconds, and nothing of it is there before."""

LONGEST_SIDE, QUALITY = 480, 60
"""Pixels, and quality of JPEG: about 15 kB a frame, where H.264 takes a third of it but 50 ms to give one frame."""

FAR_PIXELS = 100_000_000
"""Pixels decoded on the way to a frame from which a copy is worth its disk: about a tenth of a second for H.264."""


class SmallCopy:
    """The parts that are there; another video under the same name has another copy.

    Args:
        video: that is copied.
        folder: where its copies lie.
        count: frames of the video.
    """

    def __init__(self, video: Path, folder: Path, count: int) -> None:
        state = video.stat()
        self.video, self.folder, self.count = video, folder / f"{state.st_size}-{state.st_mtime_ns}", count

    def part(self, number: int) -> Path:
        """Where a part is, or will be."""
        return self.folder / f"{number:06d}.zip"

    def read(self, frame: int) -> bytes | None:
        """A frame as JPEG; None where its part is not made yet, or the frame does not decode."""
        try:
            with zipfile.ZipFile(self.part(frame // PART)) as file:
                return file.read(f"{frame}.jpg")
        except (OSError, KeyError, zipfile.BadZipFile):
            return None

    def next_part(self, near: int) -> int | None:
        """The part to make next: the first that lacks from a frame on, else before it; None where all are there."""
        there = {int(path.stem) for path in self.folder.glob("[0-9]*.zip")}
        lacking = [number for number in range(-(-self.count // PART)) if number not in there]
        return min(lacking, key=lambda number: (number < near // PART, number), default=None)


def is_worth_it(frames: RandomFrames) -> bool:
    """Whether some frame of a video takes long to decode."""
    width, height = frames.source.size_wh
    return frames.longest_way * width * height > FAR_PIXELS


def make_parts(source: FrameSource, copy: SmallCopy, parts: Iterable[int]) -> None:
    """Makes parts of a small copy, one after the other.

    Args:
        source: the video.
        copy: says where parts go.
        parts: their numbers.

    Raises:
        OutputError: the disk is full or cannot be written.
    """
    with RandomFrames(source, held=1) as frames:
        for part in parts:
            with atomic_path(copy.part(part)) as path, zipfile.ZipFile(path, "w") as file:
                for number in range(part * PART, min((part + 1) * PART, len(frames))):
                    try:
                        image = frames.read(number)
                        file.writestr(f"{number}.jpg", encode_jpeg(image, QUALITY, LONGEST_SIDE / max(image.shape)))
                    except MediaError:  # nothing decodes from here on
                        break


def main() -> None:
    """Makes the parts that standard input asks for, until it ends, while nobody else needs the processor."""
    video, folder = Path(sys.argv[1]), Path(sys.argv[2])
    if hasattr(os, "nice"):
        os.nice(19)
    cv2.setNumThreads(1)
    with contextlib.suppress(DMTrackError):  # whoever asked sees that the part is not there
        source = open_frames(video)
        copy = SmallCopy(video, folder, 0)
        make_parts(source, copy, map(int, sys.stdin))


if __name__ == "__main__":
    main()

"""Image files as frames: their order and numbers in a folder, and files that hold several pictures."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

from PIL import ImageOps

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.images import (
    IMAGE_SUFFIXES,
    Image,
    as_rgb,
    count_pictures,
    may_hold_several,
    open_pictures,
    picture_numbers,
    read_image,
)

_NUMBER = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key that counts: `img2.jpg` comes before `img10.jpg`, `img.jpg` before both, `img02.jpg` beside `img2.jpg`.

    The ending does not count, so that frames of several kinds of files stand in one row.
    """
    parts = _NUMBER.split(os.path.splitext(name)[0].casefold())  # noqa: PTH122 pathlib takes five times as long
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], name


def image_names(folder: str | Path) -> list[str]:
    """Names of the image files directly inside a folder, in natural order; hidden files do not count.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            if entry.name.lower().endswith(IMAGE_SUFFIXES) and not entry.name.startswith(".") and entry.is_file()
        ]
    # Plain numbers of one length, as most data sets have them, are in order as text, which takes a third of the time.
    plain = len(set(map(len, names))) == 1 and all(name.rpartition(".")[0].isdecimal() for name in names)
    return sorted(names) if plain else sorted(names, key=natural_key)


def list_images(folder: str | Path) -> list[Path]:
    """The image files directly inside `folder`, in natural order; hidden files do not count.

    Raises:
        MediaError: the folder is missing or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MediaError(f"{folder} is no folder; give a folder of images, a video file or a camera number")
    names = image_names(folder)
    if not names:
        inner = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and image_names(entry))
        hint = f"; its folder {inner[0]!r} does, give {folder / inner[0]}" if inner else ""
        raise MediaError(f"folder {folder} contains no images (expected {', '.join(IMAGE_SUFFIXES)}){hint}")
    return [folder / name for name in names]


def frame_numbers(names: Iterable[str]) -> list[int] | None:
    """The numbers by which the names of frames count: `cam2_frame07.png` is 7 where only that number changes.

    Returns:
        One number per name; None where the names count by nothing, or by several numbers.
    """
    parts = [_NUMBER.split(os.path.splitext(name)[0].casefold()) for name in names]  # noqa: PTH122 see `natural_key`
    if not parts or len({tuple(part[::2]) for part in parts}) > 1:
        return None
    columns = [[int(number) for number in column] for column in zip(*(part[1::2] for part in parts), strict=True)]
    counting = [column for column in columns if len(set(column)) > 1]
    if len(parts) == 1:
        counting = columns[-1:]
    return counting[0] if len(counting) == 1 else None


def missing_numbers(numbers: Iterable[int], step: int | None = None) -> list[range]:
    """The numbers that are lacking between the smallest and the largest, gap by gap.

    Args:
        numbers: of the frames, in any order.
        step: from one frame to the next. Without it the usual step counts (every fifth frame of a video); names that
            have none, such as times, lack nothing.
    """
    gaps = list(itertools.pairwise(sorted(set(numbers))))
    steps = Counter(later - earlier for earlier, later in gaps)
    if step is None and steps:
        step = min(steps, key=lambda one: (-steps[one], one))
        if 2 * steps[step] < steps.total() or any(other % step for other in steps):
            return []
    return [range(earlier + step, later, step) for earlier, later in gaps if step and later - earlier > step]


def listed_numbers(gaps: Sequence[range], most: int = 5) -> str:
    """`4-6, 9`, shortened after some."""
    shown = [str(gap[0]) if len(gap) == 1 else f"{gap[0]}-{gap[-1]}" for gap in gaps[:most]]
    return ", ".join(shown) + (", ..." if len(gaps) > most else "")


def is_image_file(path: Path) -> bool:
    """Whether a file holds pictures and no video: by its ending, or its first bytes (`.lsm` and `.stk` are TIFF)."""
    if path.suffix.lower() in (*IMAGE_SUFFIXES, ".mpo", ".avif"):
        return True
    try:
        with open(path, "rb") as opened:
            return may_hold_several(opened.read(4096))
    except OSError:
        return False


class ImageFolder(FrameSource):
    """The images of a folder in natural order (`2.jpg` before `10.jpg`), hidden files left out.

    Raises:
        MediaError: the folder is missing, holds no image, or the first image does not decode.
    """

    def __init__(self, folder: str | Path, allow_size_changes: bool = False, skip_bad_frames: bool = False) -> None:
        super().__init__(str(folder), allow_size_changes, skip_bad_frames)
        self.paths = list_images(folder)
        self.frame_count = len(self.paths)
        # Results are UTF-8, which names of files need not be.
        self.frame_names = tuple(os.fsencode(path.name).decode("utf-8", "replace") for path in self.paths)
        self._notes: tuple[str, ...] = ()
        gaps = missing_numbers(frame_numbers(self.frame_names) or ())
        if gaps:
            self.notes = self._notes = (
                f"{self.name} lacks {sum(map(len, gaps))} of its numbered frames ({listed_numbers(gaps)}); those "
                "beside a gap are tracked as neighbours",
            )
        _ = self.first_frame

    def _decode(self) -> Generator[Image]:
        for path in self.paths:
            try:
                image = read_image(path)
            except MediaError as error:
                if not self.skip_bad_frames:
                    raise MediaError(f"{error}; go on behind such images with --skip-bad-frames") from error
                self._skipped += 1
                which = (
                    "1 image does not decode and was"
                    if self._skipped == 1
                    else (f"{self._skipped} images do not decode and were")
                )
                self.notes = (*self._notes, f"{which} skipped ({error})")
                continue
            yield image


class ImageFile(FrameSource):
    """An image file as a video: every page of a TIFF stack, every picture of an animated WebP or PNG.

    Raises:
        MediaError: the file is missing, its first picture does not decode, or its pictures are no frames (MPO).
    """

    def __init__(self, path: str | Path, allow_size_changes: bool = False, skip_bad_frames: bool = False) -> None:
        super().__init__(str(path), allow_size_changes, skip_bad_frames)
        self.path = Path(path)
        self.frame_count = count_pictures(self.path)
        if self.frame_count > 1:
            with open_pictures(self.path) as opened:
                opened.load()  # an animation says with its first picture how long it is shown
                kind, shown = opened.format, opened.info.get("duration")
            if kind == "MPO":
                raise MediaError(
                    f"{self.name} holds {self.frame_count} pictures of one moment (MPO: views or previews), not "
                    "frames; give a video, or a folder with one picture per frame"
                )
            self.timed, self.fps = bool(shown), 1000 / shown if shown else None
        _ = self.first_frame

    def _decode(self) -> Generator[Image]:
        if self.frame_count == 1:
            yield read_image(self.path)
            return
        milliseconds = 0.0
        with open_pictures(self.path) as opened:
            for number in picture_numbers(opened):
                try:
                    opened.seek(number)
                    image = as_rgb(ImageOps.exif_transpose(opened))
                except Exception:  # a damaged picture raises whatever its decoder stumbles over
                    if not self.skip_bad_frames:
                        raise
                    self._skipped += 1
                    self.notes = (f"{self._skipped} of the pictures of {self.name} do not decode and were skipped",)
                    continue
                if self.timed:
                    self.time, milliseconds = milliseconds / 1000, milliseconds + opened.info.get("duration", 0)
                yield image

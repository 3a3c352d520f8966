"""A folder of images as a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.images import IMAGE_SUFFIXES, Image, read_image


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key that counts: `img2.jpg` comes before `img10.jpg`, and `img02.jpg` beside `img2.jpg`."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], name


def list_images(folder: str | Path) -> list[Path]:
    """The image files directly inside `folder`, in natural order; hidden files do not count.

    Raises:
        MediaError: the folder is missing or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MediaError(f"{folder} is no folder; give a folder of images, a video file or a camera number")
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    images = [entry for entry in entries if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()]
    if not images:
        inner = sorted(entry.name for entry in entries if entry.is_dir() and _holds_images(entry))
        hint = f"; its folder {inner[0]!r} does, give {folder / inner[0]}" if inner else ""
        raise MediaError(f"folder {folder} contains no images (expected {', '.join(IMAGE_SUFFIXES)}){hint}")
    return sorted(images, key=lambda path: natural_key(path.name))


def _holds_images(folder: Path) -> bool:
    return any(entry.suffix.lower() in IMAGE_SUFFIXES for entry in folder.iterdir())


class ImageFolder(FrameSource):
    """The images of a folder in natural order (`2.jpg` before `10.jpg`), hidden files left out.

    Raises:
        MediaError: the folder is missing, holds no image, or the first image does not decode.
    """

    def __init__(self, folder: str | Path, allow_size_changes: bool = False) -> None:
        super().__init__(str(folder), allow_size_changes)
        self.paths = list_images(folder)
        self.frame_count = len(self.paths)
        _ = self.first_frame

    def _decode(self) -> Iterator[Image]:
        return (read_image(path) for path in self.paths)

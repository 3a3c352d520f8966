"""Frames of a sequence that lie in a folder as numbered images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from dmtrack.data.sequences import Image
from dmtrack.errors import DataError
from dmtrack.media.image_files import image_names
from dmtrack.media.images import read_image

_ORIENTATION = 0x0112
"""The EXIF tag of how an image is turned; from 5 on, width and height change places."""


@dataclass(frozen=True)
class FrameFiles:
    """Reads frame i of the names in playing order on demand; picklable, so that loader processes can have it."""

    folder: Path
    names: tuple[str, ...]

    def __call__(self, index: int) -> Image:
        """Frame i as an HxWx3 uint8 RGB array."""
        return read_image(self.path(index))

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        """The file of frame i."""
        return self.folder / self.names[index]


@dataclass(frozen=True)
class NumberedFrames:
    """Reads frame i from a file whose name counts; equal for all objects of a video.

    Attributes:
        folder: of the frames.
        name: of their files, to be formatted with the number.
        first: number of frame 0.
    """

    folder: Path
    name: str
    first: int = 0

    def __call__(self, index: int) -> Image:
        """Frame i as an HxWx3 uint8 RGB array."""
        return read_image(self.folder / self.name.format(self.first + index))


@dataclass(frozen=True)
class NoFrames:
    """Stands for the frames of a sequence of which only `annotation`, the file of its boxes, was opened."""

    name: str
    annotation: Path

    def __call__(self, index: int) -> Image:
        """Raises `DataError`: there are none."""
        raise DataError(
            f"sequence {self.name}: frame {index} was asked for, but only its annotations were opened "
            f"({self.annotation}); give the folder of the dataset with its images"
        )


def list_frames(folder: Path, expected: str) -> FrameFiles:
    """The images directly inside a folder, in natural order.

    Args:
        folder: of the frames.
        expected: the layout, for the error.

    Raises:
        DataError: the folder is missing or holds no image.
    """
    try:
        names = image_names(folder)
    except OSError as error:
        raise DataError(f"no folder {folder}; expected {expected}") from error
    if not names:
        raise DataError(f"{folder} holds no frames; expected {expected}")
    return FrameFiles(folder, tuple(names))


def spaced(total: int, count: int) -> list[int]:
    """At most `count` places among `total`, evenly spaced from the first to the last."""
    return sorted({round(place) for place in np.linspace(0, total - 1, min(total, count))}) if total else []


def image_size_wh(path: Path) -> tuple[int, int]:
    """(width, height) of the upright image, from the header of its file, without decoding it.

    Raises:
        DataError: no readable image.
    """
    try:
        with PillowImage.open(path) as image:
            entries = PillowImage.Exif()
            entries.load(image.info.get("exif", b""))  # Pillow turns TIFF pages, which keep theirs elsewhere, by itself
            across, down = image.size
            return (down, across) if entries.get(_ORIENTATION, 1) in (5, 6, 7, 8) else (across, down)
    except OSError as error:
        raise DataError(f"{path} is no readable image ({error}); copy or download it again") from error


def check_counts(name: str, annotation: Path, boxes: int, frames: FrameFiles) -> None:
    """A `DataError` with both numbers where annotations and frames do not match."""
    if boxes != len(frames):
        raise DataError(
            f"sequence {name}: {annotation} has {boxes} boxes but {frames.folder} has {len(frames)} frames; expected "
            "one line per frame: complete the download, or write 'nan,nan,nan,nan' for frames without the target"
        )

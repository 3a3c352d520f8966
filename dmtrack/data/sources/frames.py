"""Frames of a sequence that lie in a folder as numbered images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PillowImage

from dmtrack.data.sequences import Image
from dmtrack.errors import DataError
from dmtrack.media.images import IMAGE_SUFFIXES, read_image


@dataclass(frozen=True)
class FrameFiles:
    """Reads frame i on demand; picklable, so that loader processes can have it.

    Attributes:
        folder: of the frames.
        names: file names in playing order.
    """

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
class NoFrames:
    """Stands for the frames of a sequence of which only the annotations were opened.

    Attributes:
        name: of the sequence.
        annotation: the file of its boxes.
    """

    name: str
    annotation: Path

    def __call__(self, index: int) -> Image:
        """Raises `DataError`: there are none."""
        raise DataError(
            f"sequence {self.name}: frame {index} was asked for, but only its annotations were opened "
            f"({self.annotation}); give the folder of the dataset with its images"
        )


def list_frames(folder: Path, expected: str) -> FrameFiles:
    """The images directly inside a folder, by number where their names are numbers.

    Args:
        folder: of the frames.
        expected: the layout, for the error.

    Raises:
        DataError: the folder is missing or holds no image.
    """
    try:
        entries = os.listdir(folder)  # noqa: PTH208 pathlib takes three times as long
    except OSError as error:
        raise DataError(f"no folder {folder}; expected {expected}") from error
    names = [name for name in entries if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")]
    if not names:
        raise DataError(f"{folder} holds no frames; expected {expected}")
    return FrameFiles(folder, tuple(sorted(names, key=_number_then_name)))


def _number_then_name(name: str) -> tuple[int, str]:
    stem = name.split(".", 1)[0]
    return (int(stem) if stem.isdecimal() else 0, name)


def image_size_wh(path: Path) -> tuple[int, int]:
    """(width, height) from the header of an image file, without decoding it.

    Raises:
        DataError: no readable image.
    """
    try:
        with PillowImage.open(path) as image:
            return image.size
    except OSError as error:
        raise DataError(f"{path} is no readable image ({error}); copy or download it again") from error


def check_counts(name: str, annotation: Path, boxes: int, frames: FrameFiles) -> None:
    """A `DataError` with both numbers where annotations and frames do not match."""
    if boxes != len(frames):
        raise DataError(
            f"sequence {name}: {annotation} has {boxes} boxes but {frames.folder} has {len(frames)} frames; expected "
            "one line per frame: complete the download, or write 'nan,nan,nan,nan' for frames without the target"
        )

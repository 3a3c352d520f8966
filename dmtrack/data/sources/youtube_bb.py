"""YouTube-BoundingBoxes: Google's csv of boxes, and frames as PySOT's and other downloaders name them."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image, Sequence
from dmtrack.data.sources.base import SequenceSource, check_split, find_root
from dmtrack.data.sources.frames import image_size_wh
from dmtrack.errors import DataError
from dmtrack.media.images import read_image
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/yt_bb_detection_<split>.csv and "
    "<root>/yt_bb_detection_<split>/<class>/<youtube id>_<timestamp>_<class>_<object>.jpg"
)
COLUMNS = 10
"""youtube_id, timestamp_ms, class_id, class_name, object_id, object_presence, xmin, xmax, ymin, ymax."""

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class TimedFrames:
    """The frames of one object, about one per second."""

    folder: Path
    prefix: str
    suffix: str
    timestamps: tuple[int, ...]

    def __call__(self, index: int) -> Image:
        """Frame i as an HxWx3 uint8 RGB array."""
        return read_image(self.path(index))

    def path(self, index: int) -> Path:
        """The file of frame i."""
        return self.folder / f"{self.prefix}{self.timestamps[index]}{self.suffix}"


@DATASETS.register
class YouTubeBB(SequenceSource):
    """YouTube-BoundingBoxes: one sequence per object, of the frames that show it and that are on the disk.

    Videos vanish from YouTube, so that nobody has all frames: rows of the csv without a frame are left out.

    Args:
        root: folder with the csv file and the frames.
        split: "train" or "validation".

    Attributes:
        video_starts: (videos + 1,) the first sequence of every video.

    Raises:
        DataError: a file or folder is missing, a line of the csv is of another format, or no row has its frame.
    """

    def __init__(self, root: str | Path, split: str = "train") -> None:
        check_split("YouTube-BB", split, ("train", "validation"))
        self.root = find_root(root, "YouTube-BB", LAYOUT)
        self.frames = self.root / f"yt_bb_detection_{split}"
        if not self.frames.is_dir():
            raise DataError(f"YouTube-BB: no folder {self.frames}; expected {LAYOUT}")
        rows = _read_rows(self.root / f"yt_bb_detection_{split}.csv", self.frames)
        self._objects = sorted(rows)
        if not self._objects:
            raise DataError(f"YouTube-BB: none of the boxes has a frame in {self.frames}; expected {LAYOUT}")
        self._rows = [np.array(sorted(rows[key]), dtype=np.float64) for key in self._objects]
        self.names = ["_".join(key) for key in self._objects]
        videos = [key[0] for key in self._objects]
        starts = [place for place, video in enumerate(videos) if place == 0 or videos[place - 1] != video]
        self.video_starts: NDArray[np.int64] = np.array([*starts, len(videos)], dtype=np.int64)
        self._places: dict[str, int] | None = None

    def __getitem__(self, key: int | str) -> Sequence:
        """An object by its place or its name, `<youtube id>_<class>_<object>`."""
        return super().__getitem__(key) if isinstance(key, str) else self._sequence(int(key))

    def read_sequence(self, name: str) -> Sequence:
        """The object of that name."""
        if self._places is None:
            self._places = {known: place for place, known in enumerate(self.names)}
        return self._sequence(self._places[name])

    def _sequence(self, place: int) -> Sequence:
        video, category, number = self._objects[place]
        rows = self._rows[place]
        timestamps = tuple(int(value) for value in rows[:, 0])
        files = TimedFrames(self.frames / category, f"{video}_", f"_{category}_{number}.jpg", timestamps)
        width, height = image_size_wh(files.path(0))
        corners = rows[:, 1:] * (width, height, width, height)
        boxes_xywh = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        present = np.asarray((boxes_xywh[:, 2:] > 0).all(axis=1))
        boxes_xywh[~present] = np.nan
        return Sequence(
            self.names[place],
            boxes_xywh,
            present,
            files,
            (width, height),
            video_name=video,
            track_id=f"{category}_{number}",
        )


def _read_rows(path: Path, frames: Path) -> dict[_Key, list[tuple[float, ...]]]:
    """(timestamp, x1, y1, x2, y2) with shares of the frame's sides, by (video, class, object)."""
    rows: dict[_Key, list[tuple[float, ...]]] = defaultdict(list)
    files: dict[str, frozenset[str]] = {}
    try:
        with open(path, encoding="utf-8", newline="") as opened:
            for number, row in enumerate(csv.reader(opened), start=1):
                if len(row) != COLUMNS:
                    raise DataError(f"{path}:{number}: expected {COLUMNS} values, got {len(row)}; download it again")
                video, timestamp, category, _, one, presence, *sides = row
                if presence != "present":
                    continue
                if category not in files:
                    files[category] = _files(frames / category)
                try:
                    left, right, top, bottom = map(float, sides)
                    moment = int(timestamp)
                except ValueError as error:
                    raise DataError(f"{path}:{number}: {error}; download it again") from error
                if f"{video}_{timestamp}_{category}_{one}.jpg" in files[category] and min(left, top) >= 0:
                    rows[video, category, one].append((moment, left, top, right, bottom))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"YouTube-BB: {path} cannot be read ({error}); expected {LAYOUT}") from error
    return rows


def _files(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 hundreds of thousands of names
    except OSError:
        return frozenset()

"""MOTChallenge (MOT15 to MOT20, DanceTrack, SportsMOT) in its official layout (https://motchallenge.net)."""

from __future__ import annotations

import configparser
from pathlib import Path

import numpy as np

from dmtrack.data.sequences import Track, TrackId, Video
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.base import VideoSource, find_root
from dmtrack.data.sources.frames import list_frames
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/<sequence>/{seqinfo.ini, img1/000001.jpg, gt/gt.txt with lines frame,id,left,top,width,height,counted"
    "[,class,visible share]}"
)
CATEGORIES = ("", "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle",
              "static person", "distractor", "occluder", "occluder on the ground", "occluder full", "reflection",
              "crowd")  # fmt: skip
"""By number in the files."""


@DATASETS.register
class MOTChallenge(VideoSource):
    """Videos in the layout of MOTChallenge, with the objects that count; files count frames and pixels from 1.

    Args:
        root: folder of the videos, or one video.
        all_classes: takes objects whose rows do not count in the evaluation, too.

    Raises:
        DataError: a folder or file is missing or of another format; the message shows the expected layout.
    """

    def __init__(self, root: str | Path, all_classes: bool = False) -> None:
        self.root = find_root(root, "MOTChallenge", LAYOUT)
        self.all_classes = all_classes
        folders = [self.root] if (self.root / "seqinfo.ini").is_file() else sorted(self.root.glob("*/"))
        self._folders = [folder for folder in folders if (folder / "gt" / "gt.txt").is_file()]
        if not self._folders:
            raise DataError(f"MOTChallenge: no gt/gt.txt in {self.root}; expected {LAYOUT}")
        self._rows = [self._read(folder / "gt" / "gt.txt") for folder in self._folders]
        ids = [np.unique(rows[:, 1]).astype(int).tolist() for rows in self._rows]
        self._ids = ids
        self.names = [f"{folder.name}/{one}" for folder, own in zip(self._folders, ids, strict=True) for one in own]
        self.video_starts = np.cumsum([0, *map(len, ids)]).astype(np.int64)

    def _read(self, path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        rows = read_rows(path, "lines frame,id,left,top,width,height,counted[,class,visible share]", (7, 8, 9, 10))
        return rows if self.all_classes else rows[rows[:, 6] != 0]

    def read_video(self, number: int) -> Video:
        """The video of that number with its objects."""
        folder, rows = self._folders[number], self._rows[number]
        length, images, size_wh = read_info(folder / "seqinfo.ini")
        frames = list_frames(folder / images, LAYOUT)
        if rows[:, 0].max(initial=0) > length or len(frames) < length:
            raise DataError(
                f"{folder}: seqinfo.ini says {length} frames, {images} has {len(frames)} and gt.txt goes to frame "
                f"{rows[:, 0].max(initial=0):.0f}; complete the download"
            )
        tracks: dict[TrackId, Track] = {}
        for one in self._ids[number]:
            own = rows[rows[:, 1] == one]
            places = own[:, 0].astype(int) - 1
            boxes_xywh, visibility = np.full((length, 4), np.nan), np.zeros(length)
            boxes_xywh[places] = own[:, 2:6] - (1, 1, 0, 0)
            visibility[places] = own[:, 8] if own.shape[1] > 8 else 1
            category = CATEGORIES[int(own[0, 7])] if own.shape[1] > 7 and 0 < own[0, 7] < len(CATEGORIES) else ""
            tracks[one] = Track(boxes_xywh, np.isfinite(boxes_xywh).all(axis=1), category, visibility)
        return Video(folder.name, length, frames, tracks, size_wh)


def read_info(path: Path) -> tuple[int, str, tuple[int, int]]:
    """Number of frames, folder of the images, and their width and height, of a `seqinfo.ini`."""
    length, width, height = _entries(path, "seqLength", "imWidth", "imHeight")
    return int(length), _entries(path, "imDir", default="img1")[0], (int(width), int(height))


def read_length(path: Path) -> int:
    """Number of frames of a `seqinfo.ini`."""
    return int(_entries(path, "seqLength")[0])


def _entries(path: Path, *names: str, default: str | None = None) -> list[str]:
    """Entries of the section [Sequence]; those without a default are whole numbers."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path, "the section [Sequence]"))
        if default is not None:
            return [parser["Sequence"].get(name, default) for name in names]
        return [str(int(parser["Sequence"][name])) for name in names]
    except (configparser.Error, KeyError, ValueError) as error:
        raise DataError(f"{path}: expected the section [Sequence] of MOTChallenge ({error})") from error

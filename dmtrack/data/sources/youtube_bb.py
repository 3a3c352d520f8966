"""YouTube-BoundingBoxes: Google's csv of boxes, and frames as PySOT's and other downloaders name them."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import xyxy_to_xywh
from dmtrack.data.sequences import Sequence, Track, TrackId, Video
from dmtrack.data.sources.base import TracksOnDemand, VideoSource, check_split, find_root
from dmtrack.data.sources.frames import FrameFiles, image_size_wh
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/yt_bb_detection_<split>.csv and "
    "<root>/yt_bb_detection_<split>/<class>/<youtube id>_<timestamp>_<class>_<object>.jpg"
)
COLUMNS = 10
"""youtube_id, timestamp_ms, class_id, class_name, object_id, object_presence, xmin, xmax, ymin, ymax."""

_Key = tuple[str, str, str]


@DATASETS.register
class YouTubeBB(VideoSource):
    """YouTube-BoundingBoxes: one sequence per object, of the frames that show it and that are on the disk.

    Sequences are called `<youtube id>_<class>_<object>`. Videos vanish from YouTube, so that copies of the data set
    lack frames: rows of the csv without a frame are left out.

    Args:
        root: folder with the csv file and the frames.
        split: "train" or "validation".
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

    def read_video(self, number: int) -> Video:
        """The video of that number: all frames in which one of its objects was seen, about one per second.

        Every object has files of its own, which show the same frames; the first object's are taken.
        """
        first, end = (int(place) for place in self.video_starts[number : number + 2])
        moments = self._moments(number)
        places_last_first = range(end - 1, first - 1, -1)
        files = {moment: self._file(place, moment) for place in places_last_first for moment in self._rows[place][:, 0]}
        frames = FrameFiles(self.frames, tuple(files[moment] for moment in moments))
        size_wh = image_size_wh(frames.path(0))
        places = {"_".join(self._objects[place][1:]): place for place in range(first, end)}

        def track(track_id: TrackId) -> Track:
            rows = self._rows[places[str(track_id)]]
            boxes_xywh = np.full((len(moments), 4), np.nan)
            boxes_xywh[np.searchsorted(moments, rows[:, 0])] = xyxy_to_xywh(rows[:, 1:] * np.tile(size_wh, 2))
            boxes_xywh[~(boxes_xywh[:, 2:] > 0).all(axis=1)] = np.nan
            return Track(boxes_xywh, np.isfinite(boxes_xywh).all(axis=1))

        return Video(self._objects[first][0], len(moments), frames, TracksOnDemand(places, track), size_wh)

    def read_sequence(self, name: str) -> Sequence:
        """The object of that name, in its own files: the frames that have a row for it."""
        place = self.places[name]
        own = self._rows[place][:, 0]
        shown = np.searchsorted(self._moments(self.video_of(place)), own)
        files = FrameFiles(self.frames, tuple(self._file(place, moment) for moment in own))
        return replace(super().read_sequence(name).take(shown), read_frame=files)

    def _moments(self, number: int) -> NDArray[np.float64]:
        """Timestamps of a video's frames."""
        rows = self._rows[self.video_starts[number] : self.video_starts[number + 1]]
        return np.unique(np.concatenate([one[:, 0] for one in rows]))

    def _file(self, place: int, moment: float) -> str:
        video, category, number = self._objects[place]
        return f"{category}/{video}_{int(moment)}_{category}_{number}.jpg"


def _read_rows(path: Path, frames: Path) -> dict[_Key, list[tuple[float, ...]]]:
    """(timestamp, x1, y1, x2, y2) with shares of the frame's sides, by (video, class, object)."""
    rows: dict[_Key, list[tuple[float, ...]]] = defaultdict(list)
    files: dict[str, frozenset[str]] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as opened:
            for number, row in enumerate(csv.reader(opened), start=1):
                if len(row) != COLUMNS:
                    raise DataError(f"{path}:{number}: expected {COLUMNS} values, got {len(row)}; download it again")
                video, timestamp, category, _, one, presence, *sides = row
                if presence != "present":
                    continue
                if category not in files:
                    folder = frames / category  # of hundreds of thousands of files
                    files[category] = frozenset(os.listdir(folder) if folder.is_dir() else ())  # noqa: PTH208
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

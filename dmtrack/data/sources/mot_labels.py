"""Labels of videos in the layout of MOTChallenge: MOT15 to MOT20, DanceTrack, and one's own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.base import find_root
from dmtrack.data.sources.frames import image_size_wh, list_frames
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo, Rows
from dmtrack.data.sources.mot_challenge import LAYOUT, read_info
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS

PEDESTRIAN, IGNORED_PEOPLE = 1, (2, 7, 8, 12, 13)
"""Numbers of classes: those ignored are people on vehicles, static ones, distractors, reflections, crowds."""
ROW = "lines frame,id,left,top,width,height,counted[,class,visible share]"


def people(rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows of a `gt.txt` are people, and which of all rows nobody should learn from.

    Args:
        rows: (n, 7 or more) of MOT16 and later, with a class, or (n, 10) of MOT15, whose eighth number means nothing.
    """
    classes = rows[:, 7] if 7 < rows.shape[1] < 10 else np.full(len(rows), PEDESTRIAN)
    shown = np.isin(classes, (PEDESTRIAN, *IGNORED_PEOPLE))
    return shown, (rows[:, 6] == 0) | (classes != PEDESTRIAN)


@DATASETS.register
class MOTLabels(LabelledSource):
    """Videos in the layout of MOTChallenge, in the order of their names.

    MOT17 has every video three times, once for each of three detectors; those that end with -SDP are taken.

    Args:
        root: folder of the videos, of a single one, or of MOT17 itself, whose `train` is taken.
        split: folder inside, if the root has such a one.
        all_classes: every class counts, as in one's own videos; without it, classes are those of MOTChallenge, and
            people count. Names of classes stand in `gt/labels.txt`, one per line, where CVAT has written it.
    """

    layout: ClassVar[str] = LAYOUT
    first_pixel: ClassVar[float] = 1.0

    def __init__(self, root: str | Path, split: str | None = None, all_classes: bool = False) -> None:
        self.root, self.all_classes = find_root(root, "MOTChallenge", LAYOUT), all_classes
        if (self.root / (split or "train")).is_dir():
            self.root = self.root / (split or "train")
        marks = ("gt/gt.txt", "gt.txt")
        alone = [(self.root, self.root / mark) for mark in marks if (self.root / mark).is_file()][:1]
        found = {path.parents[mark.count("/")]: path for mark in marks for path in self.root.glob(f"*/{mark}")}
        videos = alone or sorted(found.items())
        self.items = [video for video in videos if video[0].name.endswith("-SDP")] or videos
        if not self.items:
            raise DataError(f"{self.root} has no <sequence>/gt/gt.txt; expected {LAYOUT}")
        if alone:
            self.root = self.root.parent
        names = self.items[0][1].with_name("labels.txt")
        if all_classes:
            lines = read_text(names, "one name of a class per line").split("\n") if names.is_file() else []
            self.class_names = tuple(line.strip() for line in lines if line.strip())

    def read(self, number: int) -> LabelledVideo:
        """The video of that number; rows in frames that it does not have stay, for the data doctor to name."""
        folder, path = self.items[number]
        length, image_folder, size_wh = read_info(folder / "seqinfo.ini")
        place = folder / image_folder
        names = tuple(f"{one:06d}.jpg" for one in range(1, length + 1))  # where nobody looks at images
        if place.is_dir():
            names = list_frames(place, LAYOUT).names
            size_wh = size_wh or image_size_wh(place / names[0])
        if len(names) < length:
            raise DataError(
                f"{folder}: seqinfo.ini says {length} frames, {image_folder} has {len(names)}; complete the download"
            )
        rows = read_rows(path, ROW, (7, 8, 9, 10))
        whole = (np.abs(rows[:, :2]) <= 2**53).all(axis=1) & (rows[:, :2] % 1 == 0).all(axis=1)
        if not whole.all():
            raise DataError(
                f"{path}:{int(np.argmin(whole)) + 1}: expected whole numbers of frame and identity first, up to 2^53"
            )
        shown, ignored = people(rows)
        classes = np.zeros(len(rows), np.int64)
        if self.all_classes:
            shown, ignored = np.ones(len(rows), bool), rows[:, 6] == 0
            if 7 < rows.shape[1] < 10:
                classes = np.maximum(rows[:, 7], 1).astype(np.int64) - 1
        video = LabelledVideo(
            folder.name,
            tuple(place / name for name in names[:length]),
            size_wh or (0, 0),
            rows[:, 0].astype(np.int64) - 1,
            rows[:, 1].astype(np.int64),
            rows[:, 2:6],
            classes,
            rows[:, 8] if rows.shape[1] == 9 else np.ones(len(rows)),
            ignored,
            file=path,
            lines=np.arange(1, len(rows) + 1),
        )
        return video.select(shown)

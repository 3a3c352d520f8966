"""ImageNet VID and DET in the official layout of ILSVRC (https://image-net.org/challenges/LSVRC)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import xyxy_to_xywh
from dmtrack.data.sequences import Track, Video
from dmtrack.data.sources.base import TracksOnDemand, VideoSource, check_split, find_root
from dmtrack.data.sources.frames import NumberedFrames
from dmtrack.data.sources.imagenet_index import BoxIndex, index_boxes
from dmtrack.data.sources.images import AnnotatedImage, ImageSource
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

VID_LAYOUT = (
    "<root>/Annotations/VID/<split>/[<package>/]<video>/000000.xml and "
    "<root>/Data/VID/<split>/[<package>/]<video>/000000.JPEG"
)
DET_LAYOUT = "<root>/Annotations/DET/<split>/**/<image>.xml and <root>/Data/DET/<split>/**/<image>.JPEG"
SUFFIX = ".JPEG"


@DATASETS.register
class ImageNetVID(VideoSource):
    """ImageNet VID: videos with all their annotated objects, and a sequence `[<package>/]<video>/<track>` per object.

    The first use reads every xml file, 1.1 million for "train", and keeps the boxes as one file in
    `<root>/dmtrack_index`; delete that file if annotations change.

    Args:
        root: folder with `Annotations` and `Data` (in the official archive `ILSVRC2015` or `ILSVRC`).
        split: "train" or "val".

    Raises:
        DataError: a folder is missing or holds no annotations, or an xml file is of another format.
    """

    def __init__(self, root: str | Path, split: str = "train") -> None:
        check_split("ImageNet VID", split, ("train", "val"))
        self.root = find_root(root, "ImageNet VID", VID_LAYOUT)
        self.annotations = self.root / "Annotations" / "VID" / split
        self.frames = self.root / "Data" / "VID" / split
        for folder in (self.annotations, self.frames):
            if not folder.is_dir():
                raise DataError(f"ImageNet VID: no folder {folder}; expected {VID_LAYOUT}")
        self._index = index_boxes(self.annotations, self.root / "dmtrack_index" / f"VID_{split}.npz", by_folder=True)
        self._targets, self.video_starts = self._index.targets()
        if not len(self._targets):
            raise DataError(f"ImageNet VID: no objects in {self.annotations}; expected {VID_LAYOUT}")
        videos = self._index.groups[self._targets[:, 0]]
        self.names = [f"{video}/{track}" for video, track in zip(videos, self._targets[:, 1], strict=True)]

    def read_video(self, number: int) -> Video:
        """The video of that number with all its annotated objects."""
        targets = self._targets[self.video_starts[number] : self.video_starts[number + 1]]
        group = int(targets[0, 0])
        name, length = str(self._index.groups[group]), int(self._index.lengths[group])
        rows = {int(track): self._index.rows_by_target[first:end] for _, track, first, end in targets}
        width, height = (int(side) for side in self._index.sizes_wh[group])
        tracks = TracksOnDemand(rows, lambda track_id: self._track(rows[int(track_id)], length))
        return Video(name, length, NumberedFrames(self.frames / name, "{:06d}" + SUFFIX), tracks, (width, height))

    def _track(self, rows: NDArray[np.int64], length: int) -> Track:
        boxes_xywh = np.full((length, 4), np.nan)
        boxes_xywh[self._index.frames[rows]] = xyxy_to_xywh(self._index.boxes_xyxy[rows].astype(np.float64))
        boxes_xywh[~(boxes_xywh[:, 2:] > 0).all(axis=1)] = np.nan
        return Track(boxes_xywh, np.isfinite(boxes_xywh).all(axis=1))


@DATASETS.register
class ImageNetDET(ImageSource):
    """ImageNet DET: still images with boxes of 200 classes; images without an annotated object are left out.

    The first use reads every xml file and keeps the boxes as one file in `<root>/dmtrack_index`.

    Args:
        root: folder with `Annotations` and `Data`.
        split: "train" or "val".

    Raises:
        DataError: a folder is missing or holds no annotations, or an xml file is of another format.
    """

    def __init__(self, root: str | Path, split: str = "train") -> None:
        check_split("ImageNet DET", split, ("train", "val"))
        folder = find_root(root, "ImageNet DET", DET_LAYOUT)
        annotations, images = (folder / part / "DET" / split for part in ("Annotations", "Data"))
        for needed in (annotations, images):
            if not needed.is_dir():
                raise DataError(f"ImageNet DET: no folder {needed}; expected {DET_LAYOUT}")
        index = index_boxes(annotations, folder / "dmtrack_index" / f"DET_{split}.npz", by_folder=False)
        self.records = _records(index, images)
        if not self.records:
            raise DataError(f"ImageNet DET: no objects in {annotations}; expected {DET_LAYOUT}")


def _records(index: BoxIndex, images: Path) -> list[AnnotatedImage]:
    """One record per image; the rows of an image lie together."""
    records = []
    starts = np.flatnonzero(np.diff(index.group_of_row, prepend=-1))
    folder = str(images)
    for start, end in zip(starts, [*starts[1:], len(index.group_of_row)], strict=True):
        group = int(index.group_of_row[start])
        boxes_xywh = xyxy_to_xywh(index.boxes_xyxy[start:end].astype(np.float64))
        width, height = (int(side) for side in index.sizes_wh[group])
        path = Path(os.path.join(folder, f"{index.groups[group]}{SUFFIX}"))  # noqa: PTH118 half a million of them
        records.append(AnnotatedImage(path, boxes_xywh, size_wh=(width, height)))
    return records

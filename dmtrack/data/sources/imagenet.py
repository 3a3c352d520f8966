"""ImageNet VID and DET in the official layout of ILSVRC (https://image-net.org/challenges/LSVRC).

All boxes of a tree of Pascal-style xml files come into one table, read once and kept.
"""

from __future__ import annotations

import contextlib
import os
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import xyxy_to_xywh
from dmtrack.data.sequences import Track, Video
from dmtrack.data.sources.base import TracksOnDemand, VideoSource, check_split, find_root
from dmtrack.data.sources.frames import NumberedFrames
from dmtrack.data.sources.images import AnnotatedImage, ImageSource
from dmtrack.errors import DataError, OutputError
from dmtrack.files import atomic_path
from dmtrack.registry import DATASETS


@dataclass(frozen=True)
class BoxIndex:
    """The boxes, row by row, ordered by group and frame.

    Attributes:
        groups: (groups,) paths below the folder of annotations: of videos, or of images without suffix.
        lengths: (groups,) frames of each.
        sizes_wh: (groups, 2) width and height.
        group_of_row: (rows,) int32.
        frames: (rows,) int32 frame in the group.
        tracks: (rows,) int32 number of the object in its video.
        boxes_xyxy: (rows, 4) float32 in 0-based pixels.
        rows_by_target: (rows,) int64 rows ordered by group, then track, then frame.
    """

    groups: NDArray[np.str_]
    lengths: NDArray[np.int32]
    sizes_wh: NDArray[np.int32]
    group_of_row: NDArray[np.int32]
    frames: NDArray[np.int32]
    tracks: NDArray[np.int32]
    boxes_xyxy: NDArray[np.float32]
    rows_by_target: NDArray[np.int64]

    def targets(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Objects, and where the videos among them begin.

        Returns:
            (objects, 4): group, track, first and last + 1 place in `rows_by_target`; and (videos + 1,) places in it,
            for the groups that have objects.
        """
        order = self.rows_by_target
        groups, tracks = self.group_of_row[order].astype(np.int64), self.tracks[order].astype(np.int64)
        changes = (np.diff(groups, prepend=-1) != 0) | (np.diff(tracks, prepend=-1) != 0)
        starts = np.flatnonzero(changes)
        ends = np.append(starts[1:], len(order)) if len(starts) else starts
        table = np.stack([groups[starts], tracks[starts], starts, ends], axis=1)
        videos = np.flatnonzero(np.diff(table[:, 0], prepend=-1))
        return table, np.append(videos, len(table))


def index_boxes(annotations: Path, kept: Path, by_folder: bool) -> BoxIndex:
    """The table of a folder, from the file where it is kept or else from the xml files.

    Args:
        annotations: folder of the xml files, at any depth.
        kept: where the table is written for the next time; a folder that cannot be written is no error.
        by_folder: whether the files of a folder are the frames of a video; else every file is a group of its own.

    Raises:
        DataError: an xml file is of another format; names it.
    """
    if kept.is_file():
        with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), np.load(kept) as content:
            return BoxIndex(**{field.name: content[field.name] for field in fields(BoxIndex)})
    index = _parse_tree(annotations, by_folder)
    with contextlib.suppress(OutputError), atomic_path(kept) as path:
        np.savez(path, **vars(index))
    return index


def _parse_tree(annotations: Path, by_folder: bool) -> BoxIndex:
    groups: list[str] = []
    lengths: list[int] = []
    sizes: list[tuple[int, int]] = []
    rows: list[tuple[int, int, int, float, float, float, float]] = []
    for name, files in _groups(annotations, by_folder):
        size = (0, 0)
        for frame, file in enumerate(files):
            size, objects = _parse_file(file)
            rows += [(len(groups), frame, *one) for one in objects]
        groups.append(name)
        lengths.append(len(files))
        sizes.append(size)
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    group_of_row, frames, tracks = (table[:, column].astype(np.int32) for column in range(3))
    return BoxIndex(
        groups=np.array(groups, dtype=np.str_),
        lengths=np.array(lengths, dtype=np.int32),
        sizes_wh=np.array(sizes, dtype=np.int32).reshape(-1, 2),
        group_of_row=group_of_row,
        frames=frames,
        tracks=tracks,
        boxes_xyxy=table[:, 3:].astype(np.float32),
        rows_by_target=np.lexsort((frames, tracks, group_of_row)).astype(np.int64),
    )


def _groups(annotations: Path, by_folder: bool) -> Iterator[tuple[str, list[str]]]:
    """(name, xml files) of every video or image, in order."""
    from dmtrack.progress import ProgressBar

    def walk() -> Iterator[tuple[str, list[str]]]:
        for folder, folders, files in os.walk(annotations):
            folders.sort()
            yield folder, sorted(file for file in files if file.endswith(".xml"))

    with ProgressBar("folders", description=f"reading {annotations}", only_on_terminal=True) as progress:
        for folder, files in walk():
            progress.advance()
            paths = [os.path.join(folder, file) for file in files]  # noqa: PTH118 a million of them
            if by_folder and paths:
                yield Path(folder).relative_to(annotations).as_posix(), paths
            elif not by_folder:
                for path in paths:
                    yield Path(path).relative_to(annotations).with_suffix("").as_posix(), [path]


def _parse_file(path: str) -> tuple[tuple[int, int], list[tuple[int, float, float, float, float]]]:
    """(width, height) and the objects: track, x1, y1, x2, y2."""
    try:
        root = ElementTree.parse(path).getroot()
        size = int(_text(root, "size/width")), int(_text(root, "size/height"))
        objects = [
            (
                int(one.findtext("trackid", "-1")),
                *(float(_text(one, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")),
            )
            for one in root.iter("object")
        ]
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise DataError(
            f"{path}: {error}; expected ILSVRC's xml with size and object/bndbox: download the annotations again"
        ) from error
    return size, objects  # type: ignore[return-value]


def _text(node: Any, path: str) -> str:
    text = node.findtext(path)
    if text is None:
        raise ValueError(f"no {path}")
    return str(text)


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

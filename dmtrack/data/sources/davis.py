"""DAVIS (Perazzi et al., CVPR 2016; Pont-Tuset et al., 2017) and other clips with a mask per frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from dmtrack.data.sequences import Track, TrackId, Video
from dmtrack.data.sources.base import VideoSource, find_root
from dmtrack.data.sources.frames import FrameFiles, image_size_wh, list_frames
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/JPEGImages/480p/<clip>/00000.jpg and <root>/Annotations/480p/<clip>/00000.png, or "
    "<root>/<clip>/{00000001.jpg ..., masks/00000001.png ...}"
)
_FOREGROUND = 255
"""DAVIS 2016 has one object, drawn in white; later masks hold the objects' numbers."""


@dataclass(frozen=True)
class MaskFiles:
    """The masks of one object.

    Attributes:
        files: one per frame.
        value: of the object's pixels.
        size_wh: (width, height) of the frames.
    """

    files: FrameFiles
    value: int
    size_wh: tuple[int, int]

    def __call__(self, index: int) -> NDArray[np.bool_]:
        """The object in frame i, (H, W).

        Raises:
            DataError: the mask has another size than the frames.
        """
        return np.asarray(read_labels(self.files.path(index), self.size_wh) == self.value)


@DATASETS.register
class Davis(VideoSource):
    """Short clips whose objects are annotated by masks; their boxes are those around the masks.

    Args:
        root: folder of the data set.
        names: which clips, in this order; None takes all, sorted.
        resolution: of the official layout.

    Raises:
        DataError: a folder or mask is missing, a clip has a single frame or as many masks as it should not, or a first
            mask is empty.
    """

    def __init__(self, root: str | Path, names: tuple[str, ...] | None = None, resolution: str = "480p") -> None:
        self.root = find_root(root, "Davis", LAYOUT)
        official = self.root / "Annotations" / resolution
        if official.is_dir():
            self._masks = {path.name: path for path in sorted(official.glob("*/"))}
            self._frames = {name: self.root / "JPEGImages" / resolution / name for name in self._masks}
        else:
            self._masks = {path.parent.name: path for path in sorted(self.root.glob("*/masks/"))}
            self._frames = {name: path.parent for name, path in self._masks.items()}
        if not self._masks:
            raise DataError(f"Davis: no masks in {self.root}; expected {LAYOUT}")
        missing = [name for name in names or () if name not in self._masks]
        if missing:
            raise DataError(f"Davis: {self.root} has no clip {missing[0]!r}; it has {', '.join(self._masks)}")
        self.clips = tuple(self._masks if names is None else names)
        files = [self._files(name) for name in self.clips]
        self._values = [_objects(masks.path(0), image_size_wh(frames.path(0))) for frames, masks in files]
        self.names = [
            name if len(values) == 1 else f"{name}/{value}"
            for name, values in zip(self.clips, self._values, strict=True)
            for value in values
        ]
        self.video_starts = np.cumsum([0, *map(len, self._values)]).astype(np.int64)

    def _files(self, name: str) -> tuple[FrameFiles, FrameFiles]:
        frames, masks = list_frames(self._frames[name], LAYOUT), list_frames(self._masks[name], LAYOUT)
        if len(frames) < 2:
            raise DataError(f"{frames.folder} holds a single frame, which is no clip; remove it, or give other `names`")
        if len(frames) != len(masks):
            raise DataError(
                f"{frames.folder} holds {len(frames)} frames and {len(masks)} masks; expected one per frame"
            )
        return frames, masks

    def read_video(self, number: int) -> Video:
        """The clip of that number with its objects."""
        name = self.clips[number]
        frames, masks = self._files(name)
        size_wh = image_size_wh(frames.path(0))
        labels = np.stack([read_labels(masks.path(frame), size_wh) for frame in range(len(frames))])
        tracks: dict[TrackId, Track] = {}
        for value in self._values[number]:
            boxes_xywh = np.array([_box_xywh(mask) for mask in labels == value], np.float64)
            present = np.atleast_1d(np.isfinite(boxes_xywh).all(axis=1))
            tracks[value] = Track(boxes_xywh, present, read_mask=MaskFiles(masks, value, size_wh))
        return Video(name, len(frames), frames, tracks, size_wh)


def read_labels(path: Path, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) which object each pixel shows, 0 for none.

    Raises:
        DataError: it is no image, or of another size.
    """
    try:
        with PillowImage.open(path) as image:
            labels = np.array(image if image.mode in ("P", "L") else image.convert("L"), np.uint8)
    except OSError as error:
        raise DataError(f"{path} is no readable mask ({error}); copy or download it again") from error
    if labels.shape[::-1] != size_wh:
        raise DataError(
            f"{path} has {labels.shape[1]}x{labels.shape[0]} pixels, its frame has {size_wh[0]}x{size_wh[1]}"
        )
    if labels.max(initial=0) == _FOREGROUND:
        labels = np.where(labels > 127, np.uint8(_FOREGROUND), np.uint8(0))
    return labels


def _objects(path: Path, size_wh: tuple[int, int]) -> list[int]:
    values = np.unique(read_labels(path, size_wh))
    if not values.any():
        raise DataError(f"{path}: no object in the first mask of the clip, so there is nothing to follow; leave it out")
    return [int(value) for value in values if value]


def _box_xywh(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return np.nan, np.nan, np.nan, np.nan
    return columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1

"""One view of all datasets for Siamese training: a list of targets, each with its boxes in one or more frames."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.sequences import Image, Sequence
from dmtrack.data.sources.images import ImageSource
from dmtrack.errors import ConfigError, DataError
from dmtrack.media.images import read_image

SMALLEST_SIDE = 1.0
"""Pixels; smaller boxes are no targets."""

_SEQUENCES_KEPT = 256


@dataclass(frozen=True)
class Track:
    """One target.

    Attributes:
        name: of the video; several targets of one video share it.
        boxes_xyxy: (frames, 4) float64, NaN where the target is absent.
        read_frame: gives frame i; equal for the targets of one video.
    """

    name: str
    boxes_xyxy: NDArray[np.float64]
    read_frame: Callable[[int], Image]

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    @cached_property
    def valid(self) -> NDArray[np.int64]:
        """Numbers of the frames that show the target."""
        return np.flatnonzero(np.isfinite(self.boxes_xyxy).all(axis=1))


class Tracks(Protocol):
    """The targets of a dataset.

    Attributes:
        video_starts: (videos + 1,) int64, the first target of every video and the number of all targets.
    """

    video_starts: NDArray[np.int64]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Track: ...


def tracks_of(source: Any) -> Tracks:
    """The targets of a source of images or of sequences.

    Raises:
        ConfigError: it is something else, such as a sampler of pairs.
        DataError: it has no targets.
    """
    if not hasattr(source, "__getitem__") or not hasattr(source, "__len__"):
        raise ConfigError(
            f"SiamesePairs.sources: {type(source).__name__} gives neither images with boxes nor sequences; for pairs "
            "that are rendered use dict(type='PairsWithNegatives', sampler=...)"
        )
    tracks: Tracks = ImageTracks(source) if isinstance(source, ImageSource) else SequenceTracks(source)
    if not len(tracks):
        raise DataError(f"{type(source).__name__} has no target to train on")
    return tracks


class ImageTracks:
    """Every object of every image as a target of one frame; crowds, and boxes below a pixel, are left out.

    Args:
        source: the images.
    """

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        images, objects, starts = [], [], [0]
        for number, record in enumerate(source):
            boxes = record.boxes_xywh
            usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= SMALLEST_SIDE).all(axis=1)
            if len(record.ignored):
                usable &= ~record.ignored
            places = np.flatnonzero(usable)
            if len(places):
                images.append(np.full(len(places), number, dtype=np.int32))
                objects.append(places.astype(np.int32))
                starts.append(starts[-1] + len(places))
        empty = np.zeros(0, dtype=np.int32)
        self._images, self._objects = np.concatenate([empty, *images]), np.concatenate([empty, *objects])
        self.video_starts = np.array(starts, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Track:
        record = self.source[int(self._images[index])]
        boxes = xywh_to_xyxy(record.boxes_xywh[self._objects[index]][None])
        return Track("/".join(record.path.with_suffix("").parts[-2:]), boxes, ImageFrame(record.path))


@dataclass(frozen=True)
class ImageFrame:
    """The only frame of an image that stands for a video."""

    path: Path

    def __call__(self, index: int) -> Image:
        """The image as HxWx3 uint8 RGB."""
        return read_image(self.path)


class SequenceTracks:
    """Every sequence as a target.

    Args:
        source: of sequences. Where several of them are targets of one video, its `video_starts` says which, and their
            `video_name` names it.
    """

    def __init__(self, source: Any) -> None:
        self.source = source
        self.video_starts = np.asarray(getattr(source, "video_starts", np.arange(len(source) + 1)), dtype=np.int64)
        # Annotations of the sequences used last, because sequences come again and parsing takes milliseconds.
        self._kept: OrderedDict[int, Track] = OrderedDict()

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Track:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        sequence: Sequence = self.source[index]
        large = np.nan_to_num(sequence.boxes_xywh[:, 2:]).min(axis=1) >= SMALLEST_SIDE
        boxes = np.where((sequence.present & large)[:, None], xywh_to_xyxy(sequence.boxes_xywh), np.nan)
        track = Track(sequence.video_name or sequence.name, boxes, sequence.read_frame)
        self._kept[index] = track
        if len(self._kept) > _SEQUENCES_KEPT:
            self._kept.popitem(last=False)
        return track

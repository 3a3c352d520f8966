"""One view of all datasets for Siamese training: a list of targets, each with its boxes in one or more frames."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.sequences import Image, Sequence
from dmtrack.data.sources.images import ImageSource
from dmtrack.errors import ConfigError, DataError

SMALLEST_SIDE = 1.0
"""Pixels; smaller boxes are no targets."""

_SEQUENCES_KEPT = 256


@dataclass(frozen=True)
class Target:
    """One target.

    Attributes:
        name: of the video; several targets of one video share it.
        boxes_xyxy: (frames, 4) float64, NaN where the target is absent.
        read_frame: gives frame i; equal for the targets of one video.
    """

    name: str
    boxes_xyxy: NDArray[np.float64]
    read_frame: Callable[[int], Image]

    @classmethod
    def of(cls, sequence: Sequence) -> Target:
        """The target of a sequence; where its box is too small it counts as absent."""
        large = np.nan_to_num(sequence.boxes_xywh[:, 2:]).min(axis=1) >= SMALLEST_SIDE
        boxes_xyxy = np.where((sequence.present & large)[:, None], xywh_to_xyxy(sequence.boxes_xywh), np.nan)
        return cls(sequence.video_name or sequence.name, boxes_xyxy, sequence.read_frame)

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    @cached_property
    def valid(self) -> NDArray[np.int64]:
        """Numbers of the frames that show the target."""
        return np.flatnonzero(np.isfinite(self.boxes_xyxy).all(axis=1))


class Targets(Protocol):
    """The targets of a dataset.

    Attributes:
        video_starts: (videos + 1,) int64, the first target of every video and the number of all targets.
    """

    video_starts: NDArray[np.int64]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Target: ...


def targets_of(source: Any) -> Targets:
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
    targets: Targets = ImageTargets(source) if isinstance(source, ImageSource) else SequenceTargets(source)
    if not len(targets):
        raise DataError(f"{type(source).__name__} has no target to train on")
    return targets


class ImageTargets:
    """Every object of every image as a target of one frame; crowds, and boxes below a pixel, are left out."""

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        images, objects, starts = [], [], [0]
        for number, record in enumerate(source):
            places = np.flatnonzero(record.usable(SMALLEST_SIDE))
            if len(places):
                images.append(np.full(len(places), number, dtype=np.int32))
                objects.append(places.astype(np.int32))
                starts.append(starts[-1] + len(places))
        empty = np.zeros(0, dtype=np.int32)
        self._images, self._objects = np.concatenate([empty, *images]), np.concatenate([empty, *objects])
        self.video_starts = np.array(starts, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Target:
        video = self.source[int(self._images[index])].video()
        return Target.of(video.sequence(int(self._objects[index])))


class SequenceTargets:
    """Every sequence as a target.

    Args:
        source: of sequences. Where several of them are targets of one video, its `video_starts` says which, and their
            `video_name` names it.
    """

    def __init__(self, source: Any) -> None:
        self.source = source
        self.video_starts = np.asarray(getattr(source, "video_starts", np.arange(len(source) + 1)), dtype=np.int64)
        # Annotations of the sequences used last, because sequences come again and parsing takes milliseconds.
        self._kept: OrderedDict[int, Target] = OrderedDict()

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Target:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        sequence: Sequence = self.source[index]
        target = Target.of(sequence)
        self._kept[index] = target
        if len(self._kept) > _SEQUENCES_KEPT:
            self._kept.popitem(last=False)
        return target

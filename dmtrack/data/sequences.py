"""Videos with the objects in them, and their one-target views, which are tracked and scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""HxWx3 RGB."""

Item = TypeVar("Item", covariant=True)

TrackId = int | str
"""Tells the objects of one video apart; means nothing in another video."""


@dataclass(frozen=True)
class Track:
    """One object of a video, frame by frame.

    Attributes:
        boxes_xywh: (frames, 4) float64 in continuous 0-based pixels; NaN rows where the object is absent.
        present: (frames,) bool, False where the object is absent.
        category: its class; empty where the dataset has none.
        visibility: (frames,) float64 visible share from 0 to 1, where the dataset has it.
        read_mask: gives the HxW bool mask of the object in frame i, where the dataset has masks.
    """

    boxes_xywh: NDArray[np.float64]
    present: NDArray[np.bool_]
    category: str = ""
    visibility: NDArray[np.float64] | None = None
    read_mask: Callable[[int], NDArray[np.bool_]] | None = None


@dataclass(frozen=True)
class Video:
    """Frames, and the tracks of all annotated objects in them.

    Attributes:
        name: unique within its dataset.
        length: number of frames.
        read_frame: gives frame i as an HxWx3 uint8 RGB array; frames are read or rendered only when asked for.
        tracks: by their ids; sources may read a track only when it is asked for.
        frame_size_wh: (width, height) where it is known without reading a frame.
    """

    name: str
    length: int
    read_frame: Callable[[int], Image]
    tracks: Mapping[TrackId, Track]
    frame_size_wh: tuple[int, int] | None = None

    def __len__(self) -> int:
        return self.length

    def size_wh(self) -> tuple[int, int]:
        """(width, height) of the frames, from the first one where it is not known without."""
        if self.frame_size_wh is not None:
            return self.frame_size_wh
        height, width = self.read_frame(0).shape[:2]
        return int(width), int(height)

    def sequence(self, track_id: TrackId, name: str | None = None) -> Sequence:
        """The view of one target.

        Args:
            track_id: which object; a KeyError where the video has no such track.
            name: of the sequence; None makes it `<video>/<track>`.
        """
        track = self.tracks[track_id]
        return Sequence(
            f"{self.name}/{track_id}" if name is None else name,
            track.boxes_xywh,
            track.present,
            self.read_frame,
            self.frame_size_wh,
            annotation=Annotation(category=track.category),
            video_name=self.name,
            track_id=track_id,
        )


@dataclass(frozen=True)
class Annotation:
    """What a dataset says of a sequence beyond the boxes and presence that trackers are trained and scored on.

    Attributes:
        boxes_xywh: (frames, 4) 0-based boxes as the file has them, also where labels call the target absent; None where
            they are those of the sequence.
        polygons: (frames, 8) corners x1,y1,...,x4,y4 in 0-based pixels, where the dataset annotates these.
        index_base: number of the first pixel in the dataset's files.
        absence_flagged: the dataset has labels of absence; False where frames merely have no box.
        labelled_absent: (frames,) bool, where those labels call the target absent; None where they are what `present`
            of the sequence repeats. A frame whose box is invalid, and which no label marks, is not present either.
        first_box_only: the ground truth is hidden but for the first box.
        relative: boxes are shares of the frame's sides, because the images are not there to tell their size.
        annotated_frames: (frames,) bool, for which frames the truth is known; None for all.
        frame_numbers: (frames,) number of each frame in the dataset's files, where it matters.
        frame_tags: (frames,) bool by attribute, where attributes are annotated by frame.
        tags: attributes of the whole sequence ("SV", "OCC", ...).
        category: class of the target; empty where the dataset has none.
        meta: whatever else stands in the dataset's files, as it stands there; nothing in this package reads it.
    """

    boxes_xywh: NDArray[np.float64] | None = None
    polygons: NDArray[np.float64] | None = None
    index_base: float = 0
    absence_flagged: bool = True
    labelled_absent: NDArray[np.bool_] | None = None
    first_box_only: bool = False
    relative: bool = False
    annotated_frames: NDArray[np.bool_] | None = None
    frame_numbers: NDArray[np.int64] | None = None
    frame_tags: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    category: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def take(self, frames: slice | NDArray[np.int64]) -> Annotation:
        """The annotation of some of the frames."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        cut: dict[str, Any] = {name: value[frames] for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **cut, frame_tags={tag: flags[frames] for tag, flags in self.frame_tags.items()})


@dataclass(frozen=True)
class Sequence:
    """One video with one annotated target: what trackers of a single object run on; `Video.sequence` makes one.

    Attributes:
        name: unique within its dataset.
        boxes_xywh: (frames, 4) float64 in continuous 0-based pixels; NaN rows where the target is absent.
        present: (frames,) bool, False where the target is absent.
        read_frame: gives frame i as an HxWx3 uint8 RGB array; frames are read or rendered only when asked for.
        frame_size_wh: (width, height) where it is known without reading a frame.
        cover: (frames,) visible share of the target in eighths (GOT-10k), where the dataset has it.
        annotation: what else the dataset says of the sequence.
        video_name: of the video, which other targets may share; None where it is the sequence's own.
        track_id: of the target in its video; None where the dataset has one target per video.
    """

    name: str
    boxes_xywh: NDArray[np.float64]
    present: NDArray[np.bool_]
    read_frame: Callable[[int], Image]
    frame_size_wh: tuple[int, int] | None = None
    cover: NDArray[np.int64] | None = None
    annotation: Annotation = field(default_factory=Annotation)
    video_name: str | None = None
    track_id: TrackId | None = None

    def __len__(self) -> int:
        return len(self.boxes_xywh)

    def frames(self) -> Iterator[Image]:
        """The frames in order, one at a time."""
        return (self.read_frame(index) for index in range(len(self)))

    @property
    def annotated_boxes_xywh(self) -> NDArray[np.float64]:
        """(frames, 4) boxes as the benchmark's file has them, also where labels call the target absent."""
        return self.boxes_xywh if self.annotation.boxes_xywh is None else self.annotation.boxes_xywh

    @property
    def labelled_present(self) -> NDArray[np.bool_]:
        """(frames,) False where the benchmark says that the target is absent, True where a box is merely invalid."""
        absent = self.annotation.labelled_absent
        return self.present if absent is None else ~absent

    @property
    def annotated(self) -> NDArray[np.bool_]:
        """(frames,) for which frames the truth is known; an array of its own, which may be changed."""
        known = self.annotation.annotated_frames
        return np.ones(len(self), dtype=bool) if known is None else known.copy()

    @property
    def regions(self) -> NDArray[np.float64]:
        """(frames, 8) polygons where the dataset annotates these, else the (frames, 4) boxes."""
        return self.boxes_xywh if self.annotation.polygons is None else self.annotation.polygons

    @property
    def video(self) -> Video:
        """The video with this target alone."""
        visibility = None if self.cover is None else self.cover / 8
        track = Track(self.boxes_xywh, self.present, self.annotation.category, visibility)
        name = self.name if self.video_name is None else self.video_name
        tracks = {0 if self.track_id is None else self.track_id: track}
        return Video(name, len(self), self.read_frame, tracks, self.frame_size_wh)

    def take(self, frames: slice | NDArray[np.int64]) -> Sequence:
        """The sequence of some of the frames: a part, every n-th, or those of the given numbers."""
        return replace(
            self,
            boxes_xywh=self.boxes_xywh[frames],
            present=self.present[frames],
            read_frame=_TakenFrames(self.read_frame, np.arange(len(self))[frames]),
            cover=None if self.cover is None else self.cover[frames],
            annotation=self.annotation.take(frames),
        )


@dataclass(frozen=True)
class MultiObjectSequence(Sequence):
    """A video in which everything is tracked: what multi-object trackers run on. No object of it is the target.

    `boxes_xywh` are NaN, and nothing is `present`: a tracker of one target has nothing to start from.

    Attributes:
        truth: (n, 9) all objects by frame and identity, rows of MOTChallenge (see `mot_rows`) with frames and pixels
            from 1; None where it is not published.
        length_known: False where the video may be longer than its last true box.
        detections: file of the detections that come with the video, where there are some.
    """

    truth: NDArray[np.float64] | None = None
    length_known: bool = True
    detections: Path | None = None

    def take(self, frames: slice | NDArray[np.int64]) -> MultiObjectSequence:
        """The sequence of some of the frames, which are numbered anew from 1."""
        taken = super().take(frames)
        assert isinstance(taken, MultiObjectSequence)
        if self.truth is None:
            return replace(taken, detections=None)
        places = np.full(len(self) + 1, -1)
        places[np.arange(len(self))[frames] + 1] = np.arange(len(taken)) + 1
        truth = self.truth.copy()
        truth[:, 0] = places[truth[:, 0].astype(int)]
        return replace(taken, truth=truth[truth[:, 0] > 0], detections=None)


@dataclass(frozen=True)
class _TakenFrames:
    """Reads frames of another sequence; a class because results of other processes cannot carry a closure."""

    read_frame: Callable[[int], Image]
    numbers: NDArray[np.int64]

    def __call__(self, index: int) -> Image:
        return self.read_frame(int(self.numbers[index]))


class ListOf(Protocol[Item]):
    """A list, or anything that reads or renders its items when they are asked for."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, index: int, /) -> Item:
        """One of them."""

    def __iter__(self) -> Iterator[Item]:
        """All in order."""


VideoList = ListOf[Video]
SequenceList = ListOf[Sequence]


class OnDemand(Generic[Item]):
    """Items that `make` makes, by their number, when they are asked for; negative numbers count from the end."""

    def __init__(self, length: int, make: Callable[[int], Item]) -> None:
        self.length, self.make = length, make

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int, /) -> Item:
        return self.make(range(self.length)[index])

    def __iter__(self) -> Iterator[Item]:
        return map(self.make, range(self.length))

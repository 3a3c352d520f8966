"""What data sets of many objects share: a video, or an image, with everything that is annotated in it, row by row.

Rows stay as their file has them, so that the data doctor can say what is wrong with them and where. What trains on
them, or converts them, refuses rows with faults (`LabelledVideo.sound`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import OnDemand, Track, TrackId, Video, VideoList
from dmtrack.data.sources.frames import FrameFiles
from dmtrack.errors import DataError

Rows = NDArray[np.float64]

LARGEST_IDENTITY, LARGEST_EXACT = 2**31 - 1, 2**24
"""Identities are 32-bit numbers in the losses; FairMOT's own reader takes them through float32."""


class Fault(NamedTuple):
    """Something that is wrong with rows of a file.

    Attributes:
        place: the file, with the line where there are lines.
        problem: what is wrong.
        fix: what helps.
        severe: True for what cannot be trained on; False for a note.
    """

    place: Path
    problem: str
    fix: str
    severe: bool


@dataclass(frozen=True)
class LabelledVideo:
    """One video, or one image, with its objects.

    Attributes:
        name: of the video; a folder below the images. Images may share one.
        images: of its frames.
        size_wh: of the frames; zeros where neither images nor annotations tell it.
        frames: (n,) 0-based frame of each object.
        identities: (n,) number of each object in the video, or in the data set where it says so; -1 where unknown.
        boxes_xywh: (n, 4) left, top, width, height as the files of the data set count them.
        classes: (n,) number of the class of each object, from 0.
        visibility: (n,) visible share from 0 to 1.
        ignored: (n,) bool, what nobody should learn from: crowds, reflections, people behind glass.
        first: number of its first image in the video, from 1; above 1 in a second half.
        file: that the rows come from.
        lines: (n,) their lines in the file, from 1; 0 where it has no lines.
    """

    name: str
    images: tuple[Path, ...]
    size_wh: tuple[int, int]
    frames: NDArray[np.int64]
    identities: NDArray[np.int64]
    boxes_xywh: Rows
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    visibility: Rows = field(default_factory=lambda: np.zeros(0))
    ignored: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    first: int = 1
    file: Path = Path()
    lines: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        """What the files of a data set do not say is of the first class, wholly visible and not ignored."""
        for name, value in {"classes": 0, "visibility": 1.0, "ignored": False, "lines": 0}.items():
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.frames), value))

    def select(self, rows: Any) -> LabelledVideo:
        """The same frames with some of the rows, by a mask or in an order."""
        names = ("frames", "identities", "boxes_xywh", "classes", "visibility", "ignored", "lines")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def take(self, chosen: range) -> LabelledVideo:
        """Some of the frames, which are numbered anew."""
        places = np.full(len(self.images), -1)
        places[chosen] = np.arange(len(chosen))
        kept = self.select(places[self.frames] >= 0)
        images = self.images[chosen.start : chosen.stop : chosen.step]
        return replace(kept, images=images, frames=places[kept.frames], first=self.first + chosen.start)

    def faults(self) -> list[Fault]:
        """What is wrong with the rows, one entry per kind with its first line."""
        frames, boxes, identities = self.frames, self.boxes_xywh, self.identities
        finite = np.asarray(np.isfinite(boxes).all(axis=1))
        sides = np.where(finite[:, None], boxes[:, 2:], 1.0)
        corners = np.where(finite[:, None], boxes[:, :2], 0.0)
        known = identities >= 0
        order = np.lexsort((np.arange(len(frames)), identities, frames))
        again = np.zeros(len(frames), bool)
        same = (np.diff(frames[order]) == 0) & (np.diff(identities[order]) == 0) & known[order][1:]
        again[order[1:]] = same
        size_wh = np.array(self.size_wh if any(self.size_wh) else (np.inf, np.inf))
        beyond = (corners >= size_wh).any(axis=1) | (corners + sides <= 0).any(axis=1)
        last = len(self.images)
        several = last > 1  # an image that shows somebody twice (a mirror, a mistake) does no harm
        found = []
        for wrong, problem, fix, severe in (
            ((frames < 0) | (frames >= last), f"are in frames outside of the video of {last}", "remove them", True),
            (~finite, "have a box that is not finite", "remove them", True),
            ((sides < 0).any(axis=1), "have a negative width or height", "mend or remove them", True),
            (identities > LARGEST_IDENTITY, f"have an identity above {LARGEST_IDENTITY}", "number them anew", True),
            (
                (identities > LARGEST_EXACT) & (identities <= LARGEST_IDENTITY),
                f"have an identity above {LARGEST_EXACT}, which float32 in FairMOT's own code cannot tell apart",
                "number them anew",
                False,
            ),
            (again, "repeat an identity in its frame", "every object has one box per frame: remove one", several),
            ((sides == 0).any(axis=1), "have a box without area", "they are left out in training", False),
            (beyond & (sides > 0).all(axis=1), "lie wholly outside the image", "they are left out in training", False),
        ):
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                line = f":{self.lines[row]}" if self.lines[row] else ""
                where = f"first frame {self.first + frames[row]}, identity {identities[row]}"
                count = int(wrong.sum())
                text = f"{count} of {len(frames)} rows {problem}, {where}"
                found.append(Fault(Path(f"{self.file}{line}"), text, fix, severe))
        return found

    def sound(self) -> LabelledVideo:
        """The video without boxes that have no area.

        Raises:
            DataError: a row has a severe fault; names its line.
        """
        for fault in self.faults():
            if fault.severe:
                raise DataError(f"{fault.place}: {fault.problem}; {fault.fix}")
        return self.select((self.boxes_xywh[:, 2:] > 0).all(axis=1))

    def video(self, class_names: tuple[str, ...] = (), first_pixel: float = 0.0) -> Video:
        """The video as trackers and training see it, with the objects that count.

        Args:
            class_names: by number.
            first_pixel: what the files of the data set call it.
        """
        rows = self.sound()
        rows = rows.select(~rows.ignored)
        tracks: dict[TrackId, Track] = {}
        unknown = np.flatnonzero(rows.identities < 0).tolist()
        groups: list[tuple[TrackId, NDArray[np.int64]]] = [
            (int(one), np.flatnonzero(rows.identities == one)) for one in np.unique(rows.identities) if one >= 0
        ]
        groups += [(f"unknown {place}", np.array([row])) for place, row in enumerate(unknown)]
        for name, own in groups:
            boxes_xywh, visibility = np.full((len(self.images), 4), np.nan), np.zeros(len(self.images))
            boxes_xywh[rows.frames[own]] = rows.boxes_xywh[own] - (first_pixel, first_pixel, 0, 0)
            visibility[rows.frames[own]] = rows.visibility[own]
            number = int(rows.classes[own[0]])
            category = class_names[number] if number < len(class_names) else ""
            tracks[name] = Track(boxes_xywh, np.isfinite(boxes_xywh).all(axis=1), category, visibility)
        frames = FrameFiles(Path(), tuple(map(str, self.images)))
        name = self.name if len(self.images) > 1 else "/".join(filter(None, (self.name, self.images[0].stem)))
        return Video(name, len(self.images), frames, tracks, self.size_wh)


class LabelledSource(ABC):
    """A data set of many objects, read video by video; data sets of images, image by image.

    A file that is missing or of another format is a `DataError`, which names the line or shows the expected layout.

    Attributes:
        layout: of its files, in words.
        splits: names of its parts, the usual one first; none where a folder is all of it.
        of_images: it has no videos, every image stands alone.
        class_names: by number.
        shared_identities: identities mean the same object in the whole data set, not only in a video.
        identity_span: where data sets were joined, their identities are so far apart.
        first_pixel: what its files call the left upper corner of the image.
        root: folder that the images lie in.
        items: what `read` makes its videos or images of.
    """

    layout: ClassVar[str]
    splits: ClassVar[tuple[str, ...]] = ()
    of_images: ClassVar[bool] = False
    class_names: tuple[str, ...] = ("pedestrian",)
    shared_identities: ClassVar[bool] = False
    identity_span: int = LARGEST_IDENTITY + 1
    first_pixel: ClassVar[float] = 0.0
    root: Path
    items: Sequence[Any]

    def __len__(self) -> int:
        return len(self.items)

    @abstractmethod
    def read(self, number: int) -> LabelledVideo:
        """The video or image of that number.

        Raises:
            DataError: a file is missing or of another format; names the line.
        """

    def __iter__(self) -> Iterator[LabelledVideo]:
        return map(self.read, range(len(self)))

    @property
    def videos(self) -> VideoList:
        """The videos with the objects that count."""
        return OnDemand(len(self), lambda number: self.read(number).video(self.class_names, self.first_pixel))

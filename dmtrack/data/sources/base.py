"""What all video datasets share: names, and sequences or videos made when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Annotation, OnDemand, Sequence, Track, TrackId, Video, VideoList
from dmtrack.data.sources.annotations import mask_absent
from dmtrack.data.sources.frames import FrameFiles, NoFrames, check_counts, image_size_wh
from dmtrack.errors import DataError
from dmtrack.files import at_home, read_text


class SequenceSource(ABC):
    """A dataset of sequences with one target each; annotations and frames are read when a sequence is asked for.

    Those that take `images` open the annotations alone where it is False. A folder or file that is missing, of another
    format or does not match another one is a `DataError`, which shows the expected layout.

    Attributes:
        root: folder of the dataset.
        names: of the sequences, in the dataset's order.
        missing: sequences of the published list that are not in the folder, where the dataset has such a list.
    """

    root: Path
    names: list[str]
    missing: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, key: int | str) -> Sequence:
        """A sequence by its place or its name.

        Raises:
            DataError: no such name, or the files of the sequence are missing or do not match.
        """
        if isinstance(key, str) and key not in self.places:
            raise DataError(f"{self.root} has no sequence {key!r}; it has {', '.join(self.names[:5])} ...")
        return self.read_sequence(key if isinstance(key, str) else self.names[key])

    @cached_property
    def places(self) -> dict[str, int]:
        """Place of every sequence by its name."""
        return {name: place for place, name in enumerate(self.names)}

    def __iter__(self) -> Iterator[Sequence]:
        return (self.read_sequence(name) for name in self.names)

    @abstractmethod
    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""


class VideoSource(SequenceSource):
    """A dataset of videos with several objects; its sequences are their one-target views, video by video.

    Attributes:
        video_starts: (videos + 1,) the first sequence of every video.
    """

    video_starts: NDArray[np.int64]

    @property
    def videos(self) -> VideoList:
        """The videos with all their objects."""
        return OnDemand(len(self.video_starts) - 1, self.read_video)

    @abstractmethod
    def read_video(self, number: int) -> Video:
        """The video of that number; its tracks come in the order of its sequences."""

    def read_sequence(self, name: str) -> Sequence:
        """The object of that name."""
        place = self.places[name]
        number = self.video_of(place)
        video = self.read_video(number)
        return video.sequence(list(video.tracks)[place - int(self.video_starts[number])], name)

    def video_of(self, place: int) -> int:
        """The number of the video that a sequence shows."""
        return int(np.searchsorted(self.video_starts, place, side="right")) - 1


class TracksOnDemand(Mapping[TrackId, Track]):
    """Tracks of a video by id, made when they are asked for."""

    def __init__(self, ids: Iterable[TrackId], make: Callable[[TrackId], Track]) -> None:
        self._ids, self._make = tuple(ids), make

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[TrackId]:
        return iter(self._ids)

    def __getitem__(self, track_id: TrackId) -> Track:
        if track_id not in self._ids:
            raise KeyError(track_id)
        return self._make(track_id)


def find_root(root: str | Path, dataset: str, layout: str) -> Path:
    """The dataset's folder.

    Raises:
        DataError: it is missing; the message shows the layout that was expected.
    """
    path = at_home(root)
    if not path.is_dir():
        raise DataError(f"{dataset}: no folder {path} (looked in {Path.cwd()}); expected {layout}")
    return path


def listed_names(path: Path) -> list[str] | None:
    """The names of sequences in a file, one per line; None where there is no such file."""
    return read_text(path, "one sequence name per line").split() if path.is_file() else None


def find_names(folder: Path, dataset: str, layout: str) -> list[str]:
    """The names in `list.txt`; without it, those of the folders that have a `groundtruth.txt`.

    Raises:
        DataError: there is none; the message shows the layout that was expected.
    """
    names = listed_names(folder / "list.txt")
    if names is None:
        names = sorted(path.parent.name for path in folder.glob("*/groundtruth.txt"))
    if not names:
        raise DataError(f"{dataset}: no sequences in {folder}; expected {layout}")
    return names


def check_split(dataset: str, split: str, known: tuple[str, ...]) -> None:
    """A `DataError` that lists the splits where `split` is none of them."""
    if split not in known:
        raise DataError(f"{dataset}: unknown split {split!r}; expected {', '.join(known)}")


def keep_official(found: Iterable[str], official: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
    """The found names that belong to a published list, and those of the list that were not found.

    A folder without a single name of the list (one's own videos in that layout) is taken as it is, nothing missing.
    """
    found, official = list(found), list(official)
    known = set(official)
    kept = [name for name in found if name in known]
    if not kept:
        return found, ()
    return kept, tuple(name for name in official if name not in set(kept))


def make_sequence(
    name: str,
    frames: FrameFiles | None,
    boxes_xywh: NDArray[np.float64],
    annotation_file: Path,
    *,
    present: NDArray[np.bool_] | None = None,
    cover: NDArray[np.int64] | None = None,
    frame_size_wh: tuple[int, int] | None = None,
    first_box_only: bool = False,
    **facts: Any,
) -> Sequence:
    """A sequence from what a reader found, after checking that the counts match.

    Args:
        name: of the sequence.
        frames: its files; None where only the annotations are opened, whose number of lines is then the length.
        boxes_xywh: (annotated frames, 4) in 0-based pixels.
        annotation_file: the file they come from, for errors.
        present: where the dataset says that the target is there.
        cover: visible share in eighths.
        frame_size_wh: if known; otherwise read from the header of the first frame.
        first_box_only: the split may hide its ground truth; where there is one box, the other rows become NaN and the
            annotation says so.
        facts: other fields of the `Annotation`.

    Raises:
        DataError: the counts differ.
    """
    flagged, labels = present is not None, present
    hidden = first_box_only and len(boxes_xywh) == 1
    if hidden:
        length = 1 if frames is None else len(frames)
        boxes_xywh = np.concatenate([boxes_xywh, np.full((length - 1, 4), np.nan)])
        present = labels = None
    if frames is not None:
        check_counts(name, annotation_file, len(boxes_xywh), frames)
        frame_size_wh = frame_size_wh or image_size_wh(frames.path(0))
    annotation = Annotation(
        boxes_xywh,
        absence_flagged=flagged,
        labelled_absent=None if labels is None else ~labels,
        first_box_only=hidden,
        **facts,
    )
    boxes_xywh, present = mask_absent(boxes_xywh, present)
    read_frame = NoFrames(name, annotation_file) if frames is None else frames
    return Sequence(name, boxes_xywh, present, read_frame, frame_size_wh, cover, annotation)

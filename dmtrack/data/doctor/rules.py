"""What the rules of a data set are made of; `datasets.py` declares one per data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmtrack.data.doctor.findings import Examination


@dataclass(frozen=True)
class SequencePlace:
    """Where the files of one sequence lie, or should.

    Attributes:
        name: of the sequence.
        annotation: its file of boxes.
        frames: folder of its frames; need not exist.
        folder: the folder that belongs to this sequence alone, or None where several share it.
        span: numbers in the names of the first and the last frame, where the benchmark uses only these.
        first_box_only: the ground truth is hidden, the file has the first box.
        boxes: how many boxes the annotation has, where it is not a file of lines.
        split: that it belongs to; empty where the data set has none.
    """

    name: str
    annotation: Path
    frames: Path
    folder: Path | None = None
    span: tuple[int, int] | None = None
    first_box_only: bool = False
    boxes: int | None = None
    split: str = ""


Locate = Callable[[Path, str | None], list[SequencePlace]]
"""Finds the sequences of a data set: `locate(root, split)`; raises `DataError` with the layout where there is none."""


@dataclass(frozen=True)
class FlagRule:
    """A file beside the boxes with a whole number per frame.

    Attributes:
        name: of the file, may be a glob.
        meaning: for the message.
        values: smallest and largest number allowed.
        required: it must be there.
        may_be_short: missing entries at the end count as 0, as in VOT.
        instead: a file that may stand in its place.
    """

    name: str
    meaning: str
    values: tuple[int, int] = (0, 1)
    required: bool = False
    may_be_short: bool = False
    instead: str | None = None


@dataclass(frozen=True)
class ListRule:
    """A file with one name of a sequence per line.

    Attributes:
        path: relative to the root.
        split: that it lists.
        required: it must be there.
        complete: sequences that are not in it are worth a note.
    """

    path: str
    split: str | None = None
    required: bool = False
    complete: bool = False


@dataclass(frozen=True)
class VideoRules:
    """The official layout of a video data set.

    Attributes:
        layout: in words, for messages.
        locate: finds the sequences.
        columns: how many numbers a line of boxes may have.
        box_start: index of the first of the four box numbers in a line.
        first_number: number of the first frame; None where sequences begin anywhere.
        gaps_allowed: frames need not be numbered without gaps.
        flags: files beside the boxes.
        lists: files of names.
        splits: known names of splits.
        counts: official number of sequences by split ("" where there are none).
        published: names of a split's sequences that everybody uses, where no list lies in the folder.
        depth: how many levels below the root, or below a split, sequence folders lie.
        bases: folders (globs) in which every folder should be a sequence.
        unlisted_severe: whether frames without annotation are a problem, or only worth a note.
        further: a check of what only this data set has: `further(root, split, places, examination)`.
    """

    layout: str
    locate: Locate
    columns: tuple[int, ...] = (4,)
    box_start: int = 0
    first_number: int | None = 1
    gaps_allowed: bool = False
    flags: tuple[FlagRule, ...] = ()
    lists: tuple[ListRule, ...] = ()
    splits: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    depth: int = 1
    bases: tuple[str, ...] = (".",)
    unlisted_severe: bool = True
    further: Callable[[Path, str | None, list[SequencePlace], Examination], None] | None = None


@dataclass(frozen=True)
class ImageRules:
    """A data set of images.

    Attributes:
        layout: in words, for messages.
        read: reads the annotations, adds findings to the examination, and gives the images with what is known of them.
        splits: whether it has splits.
    """

    layout: str
    read: Callable[[Path, str | None, Path | None, Path | None, Examination], list[ListedImage]]
    splits: bool = False


@dataclass(frozen=True)
class ListedImage:
    """An image that the annotations name.

    Attributes:
        path: of the file.
        size_wh: as the annotations say it, if they do.
    """

    path: Path
    size_wh: tuple[int, int] | None = None

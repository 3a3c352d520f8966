"""Where the files of a data set lie: each source says it once, for its reader, the data doctor and the docs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dmtrack.errors import DataError


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
"""Finds the sequences of a data set: `locate(root, split)`."""

FurtherCheck = Callable[[Path, str | None, list[SequencePlace]], tuple[int, list[tuple[Path, str, str]]]]
"""`check(root, split, places)`: number of boxes that were read, and place, problem and remedy of what is wrong."""


@dataclass(frozen=True)
class FlagFile:
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
class ListFile:
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
class VideoFiles:
    """Where the files of a video data set lie, and what they hold.

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
        further: a check of what only this data set has.
    """

    layout: str
    locate: Locate
    columns: tuple[int, ...] = (4,)
    box_start: int = 0
    first_number: int | None = 1
    gaps_allowed: bool = False
    flags: tuple[FlagFile, ...] = ()
    lists: tuple[ListFile, ...] = ()
    splits: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    depth: int = 1
    bases: tuple[str, ...] = (".",)
    unlisted_severe: bool = True
    further: FurtherCheck | None = None

    def find(self, root: Path, split: str | None = None) -> list[SequencePlace]:
        """The sequences below `root`, of one split or of all.

        Raises:
            DataError: there is none; the message shows the layout.
        """
        places = self.locate(root, split)
        if not places:
            raise DataError(f"{root}: no sequences there; expected {self.layout}")
        return places


def beside(*patterns: str, frames: tuple[str, ...] = (".",)) -> Locate:
    """Boxes and frames lie in the folder of the sequence.

    Args:
        patterns: globs of the annotation files.
        frames: folders of frames in the sequence's folder; the first that exists is taken.
    """

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        found: dict[Path, SequencePlace] = {}
        for pattern in patterns:
            for annotation in sorted(root.glob(pattern)):
                folder = annotation.parent
                places = [folder / name for name in frames]
                images = next((path for path in places if path.is_dir()), places[0])
                found[annotation] = SequencePlace(folder.name, annotation, images, folder)
        return list(found.values())

    return locate


def line_count(path: Path) -> int:
    """Lines of a text file, empty ones at its end left out."""
    return len(path.read_text(errors="replace").rstrip().split("\n"))

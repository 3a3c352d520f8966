"""What all video datasets share: names, and sequences made when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import mask_absent
from dmtrack.data.sources.frames import FrameFiles, NoFrames, check_counts, image_size_wh
from dmtrack.errors import DataError


class SequenceSource(ABC):
    """A dataset of videos with one target each; annotations and frames are read when a sequence is asked for.

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
        if isinstance(key, str):
            if key not in self.names:
                raise DataError(f"{self.root} has no sequence {key!r}; it has {', '.join(self.names[:5])} ...")
            return self.read_sequence(key)
        return self.read_sequence(self.names[key])

    def __iter__(self) -> Iterator[Sequence]:
        return (self.read_sequence(name) for name in self.names)

    @abstractmethod
    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""


def find_root(root: str | Path, dataset: str, layout: str) -> Path:
    """The dataset's folder.

    Raises:
        DataError: it is missing; the message shows the layout that was expected.
    """
    path = Path(root).expanduser()
    if not path.is_dir():
        raise DataError(f"{dataset}: no folder {path} (looked in {Path.cwd()}); expected {layout}")
    return path


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
    annotation: Path,
    *,
    present: NDArray[np.bool_] | None = None,
    cover: NDArray[np.int64] | None = None,
    frame_size_wh: tuple[int, int] | None = None,
    attributes: Mapping[str, Any] | None = None,
    first_box_only: bool = False,
    index_base: float = 0,
) -> Sequence:
    """A sequence from what a reader found, after checking that the counts match.

    Args:
        name: of the sequence.
        frames: its files; None where only the annotations are opened, whose number of lines is then the length.
        boxes_xywh: (annotated frames, 4) in 0-based pixels.
        annotation: the file they come from, for errors.
        present: where the dataset says that the target is there.
        cover: visible share in eighths.
        frame_size_wh: if known; otherwise read from the header of the first frame.
        attributes: of the sequence. To them are added `annotated_boxes_xywh`, the boxes as the file has them, also
            where labels call the target absent; `index_base`; and `absence`: "flagged" where the dataset has labels of
            absence, "unannotated" where frames merely have no box.
        first_box_only: splits with a hidden ground truth give one box; the other rows become NaN and
            `attributes["first_box_only"]` says so.
        index_base: number of the first pixel in the dataset's files.

    Raises:
        DataError: the counts differ.
    """
    attributes = {"index_base": index_base, "absence": "unannotated" if present is None else "flagged"} | dict(
        attributes or {}
    )
    if first_box_only and len(boxes_xywh) == 1:
        length = 1 if frames is None else len(frames)
        boxes_xywh = np.concatenate([boxes_xywh, np.full((length - 1, 4), np.nan)])
        attributes["first_box_only"] = True
        present = None
    if frames is not None:
        check_counts(name, annotation, len(boxes_xywh), frames)
    attributes.setdefault("annotated_boxes_xywh", boxes_xywh)
    boxes_xywh, present = mask_absent(boxes_xywh, present)
    if frames is None:
        return Sequence(name, boxes_xywh, present, NoFrames(name, annotation), frame_size_wh, cover, attributes)
    size = frame_size_wh or image_size_wh(frames.path(0))
    return Sequence(name, boxes_xywh, present, frames, size, cover, attributes)

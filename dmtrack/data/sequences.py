"""Sequences to track and score: frames, boxes, and whether the target is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""HxWx3 RGB."""


@dataclass(frozen=True)
class Sequence:
    """One video with one annotated target.

    Attributes:
        name: unique within its dataset.
        boxes_xywh: (frames, 4) float64 in continuous 0-based pixels; NaN rows where the target is absent.
        present: (frames,) bool, False where the target is absent.
        read_frame: gives frame i as an HxWx3 uint8 RGB array; frames are read or rendered only when asked for.
        frame_size_wh: (width, height) where it is known without reading a frame.
        cover: (frames,) visible share of the target in eighths (GOT-10k), where the dataset has it.
        attributes: whatever else the dataset says of the sequence.
    """

    name: str
    boxes_xywh: NDArray[np.float64]
    present: NDArray[np.bool_]
    read_frame: Callable[[int], Image]
    frame_size_wh: tuple[int, int] | None = None
    cover: NDArray[np.int64] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.boxes_xywh)

    def frames(self) -> Iterator[Image]:
        """The frames in order, one at a time."""
        return (self.read_frame(index) for index in range(len(self)))


class SequenceList(Protocol):
    """A list of sequences, or anything that reads or renders them when asked for one."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, index: int, /) -> Sequence:
        """One of them."""

    def __iter__(self) -> Iterator[Sequence]:
        """All in order."""

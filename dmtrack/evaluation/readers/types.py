"""What readers of foreign results give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import Boxes
from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.measures.trajectory import Trajectory
from dmtrack.evaluation.results import SequenceResult


@dataclass(frozen=True)
class RawResult:
    """A result as its file has it, before names, lengths and coordinates are made those of the benchmark.

    Attributes:
        where: the file, for errors and notes.
        boxes_xywh: (rows, 4) in the file's coordinates; NaN rows are misses.
        unit: what the file calls a row: "line" or "row".
        seconds: (rows,) per frame, where known.
        scores: (rows,), where known; NaN where a frame has none.
        present: (rows,) bool, where known.
        trajectories: of VOT results, one per repetition; empty for others.
        starts_with_truth: the first row says only that the tracker was given the target, not where it was.
        notes: sentences about this file.
    """

    where: str
    boxes_xywh: Boxes
    unit: str = "line"
    seconds: NDArray[np.float64] | None = None
    scores: NDArray[np.float64] | None = None
    present: NDArray[np.bool_] | None = None
    trajectories: tuple[Trajectory, ...] = ()
    starts_with_truth: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ForeignResults:
    """One tracker's results, in the terms of a benchmark.

    Attributes:
        name: label of the tracker: the name of the folder or archive.
        results: by name of the sequence, in the benchmark's order; boxes count pixels from 0. Scores are as the tool
            wrote them, whatever their range, NaN where a frame has none.
        missing: sequences without a result, in the benchmark's order.
        notes: one sentence for everything that was detected, matched, converted, aligned or left unread.
        layout: name of the layout that was read.
        frames: the frames of a sequence that its result covers, where that is not all of them (see `align`).
        trajectories: of VOT results, one per repetition, in 0-based pixels: polygons and codes as written.
    """

    name: str
    results: dict[str, SequenceResult]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    layout: str = ""
    frames: Mapping[str, range] = field(default_factory=dict)
    trajectories: Mapping[str, tuple[Trajectory, ...]] = field(default_factory=dict)

    def cut(self, sequence: Sequence) -> Sequence:
        """The sequence with the frames that its result covers; the very sequence where those are all."""
        frames = self.frames.get(sequence.name)
        return sequence if frames is None else sequence.take(slice(frames.start, frames.stop))

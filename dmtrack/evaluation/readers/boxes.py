"""From rows of numbers to boxes: what is a miss, what is refused, and where pixels are counted from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import Boxes, polygons_to_xywh
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.trajectory import Trajectory

BadBoxes = Literal["refuse", "keep"]
"""What happens to infinite numbers and negative sizes: an error, or left to the rules of the protocol."""


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


def check_boxes(boxes_xywh: Boxes, where: str, bad_boxes: BadBoxes, unit: str = "line") -> tuple[Boxes, list[str]]:
    """Boxes whose misses are whole NaN rows, and sentences about them.

    Args:
        boxes_xywh: (rows, 4) as read.
        where: the file, for errors and notes.
        bad_boxes: "refuse" infinite numbers and negative sizes, or "keep" them.
        unit: what a row is called.

    Raises:
        EvaluationError: a number is infinite, or a width or height negative.
    """
    notes = []
    missed: NDArray[np.bool_] = np.asarray(np.isnan(boxes_xywh).any(axis=1))
    if missed.any():
        boxes_xywh = np.where(missed[:, None], np.nan, boxes_xywh)
        notes.append(
            f"{where}: {_count(missed, 'box')} with NaN, first in {unit} {np.argmax(missed) + 1}; kept as misses"
        )
    infinite: NDArray[np.bool_] = np.asarray(np.isinf(boxes_xywh).any(axis=1))
    negative: NDArray[np.bool_] = np.asarray((boxes_xywh[:, 2:] < 0).any(axis=1)) & ~infinite
    for bad, what in ((infinite, "is infinite"), (negative, "has a negative size")):
        if not bad.any():
            continue
        row = int(np.argmax(bad))
        if bad_boxes == "refuse":
            box = ",".join(f"{value:g}" for value in boxes_xywh[row])
            raise EvaluationError(
                f"{where}, {unit} {row + 1}: the box {box} {what} ({_count(bad, 'such box')} in the file); expected "
                "left, top, width and height: correct the file, or read it with --keep-bad-boxes (in Python "
                "bad_boxes='keep'), which leaves such boxes to the rules of the protocol"
            )
        notes.append(f"{where}: {_count(bad, 'box')} {what}, first in {unit} {row + 1}; left to the protocol")
    return boxes_xywh, notes


def base_notes(
    bases: Mapping[str, int], first_xy: Mapping[str, NDArray[np.float64]], sequences: Mapping[str, Sequence]
) -> list[str]:
    """Which base was taken, and a warning where the first boxes speak for another one.

    Args:
        bases: by sequence.
        first_xy: left and top of the first box of a result as its file has it, by sequence.
        sequences: by name.
    """
    notes = [
        f"coordinates: {number} file{'s' * (number > 1)} of results count pixels from {base}"
        + (", converted to 0" if base else "")
        for base in sorted(set(bases.values()))
        if (number := sum(value == base for value in bases.values()))
    ]
    offsets = [
        first_xy[name] - sequences[name].boxes_xywh[0, :2]
        for name in first_xy
        if np.isfinite(sequences[name].boxes_xywh[0, :2]).all()
    ]
    declared = [bases[name] for name in first_xy if np.isfinite(sequences[name].boxes_xywh[0, :2]).all()]
    fits = {base: sum(bool((np.abs(offset - base) < 0.01).all()) for offset in offsets) for base in (0, 1)}
    as_declared = sum(
        bool((np.abs(offset - base) < 0.01).all()) for offset, base in zip(offsets, declared, strict=True)
    )
    best = max(fits, key=lambda base: fits[base])
    if offsets and fits[best] * 2 > len(offsets) and as_declared * 2 < len(offsets):
        notes.append(
            f"check the coordinates: {fits[best]} of {len(offsets)} results start exactly at the given box if their "
            f"pixels count from {best}; if so, read them with index_base={best}"
        )
    return notes


def upright_boxes(regions: NDArray[np.float64], counts: NDArray[np.int64]) -> Boxes:
    """(rows, 4) smallest upright boxes around regions of VOT; NaN for codes.

    Args:
        regions: (rows, columns) rectangles or polygons, padded with NaN at the right.
        counts: (rows,) how many numbers each row has.
    """
    boxes = np.full((len(regions), 4), np.nan)
    rectangles = counts == 4
    boxes[rectangles] = regions[rectangles, :4]
    for count in sorted(set(counts[counts > 4].tolist())):
        boxes[counts == count] = polygons_to_xywh(regions[counts == count, :count])
    return boxes


def _count(rows: NDArray[np.bool_], what: str) -> str:
    number = int(np.count_nonzero(rows))
    return f"{number} {what}" if number == 1 else f"{number} {what}es"

"""From rows of numbers to boxes: what is a miss, what is refused, and where pixels are counted from.

What the four numbers are is said by the user, or suspected where the first frames speak against x, y, w, h.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import Boxes, cxcywh_to_xywh, polygons_to_xywh, xyxy_to_xywh
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.one_pass import overlaps
from dmtrack.evaluation.measures.trajectory import Trajectory, number_of_values
from dmtrack.evaluation.readers.names import listed

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
    far = sum(
        bool((np.abs(first_xy[name] - bases[name] - sequences[name].boxes_xywh[0, :2]) > sides / 2).any())
        for name in first_xy
        if np.isfinite(sides := sequences[name].boxes_xywh[0, 2:]).all()
    )
    if far * 2 > len(offsets):
        notes.append(
            f"check the boxes: {far} of {len(offsets)} results start more than half a box away from the given box; are "
            "they of these sequences, and in pixels of the original frames?"
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


BOX_FORMATS: dict[str, str] = {
    "xywh": "left, top, width, height",
    "xyxy": "left, top, right, bottom",
    "inclusive-xyxy": "left, top, and the last pixel at the right and at the bottom: right = left + width - 1",
    "cxcywh": "centre, width, height",
    "yxyx": "top, left, bottom, right",
    "yxhw": "top, left, height, width",
    "xxyy": "left, right, top, bottom",
    "inclusive-xxyy": "left, last pixel at the right, top, last pixel at the bottom",
    "yyxx": "top, bottom, left, right",
    "given-first": "left, top, width, height, but for the first row, which the given box replaces",
    "detected": "each file as its first frames say",
}
"""Formats by name."""


def _in_order(boxes: ArrayLike, order: list[int]) -> Boxes:
    return np.asarray(boxes, dtype=np.float64)[..., order]


_TO_XYWH: dict[str, Callable[[ArrayLike], Boxes]] = {
    "xyxy": xyxy_to_xywh,
    "inclusive-xyxy": partial(xyxy_to_xywh, inclusive=True),
    "cxcywh": cxcywh_to_xywh,
    "yxyx": lambda boxes: xyxy_to_xywh(_in_order(boxes, [1, 0, 3, 2])),
    "yxhw": partial(_in_order, order=[1, 0, 3, 2]),
    "xxyy": lambda boxes: xyxy_to_xywh(_in_order(boxes, [0, 2, 1, 3])),
    "inclusive-xxyy": lambda boxes: xyxy_to_xywh(_in_order(boxes, [0, 2, 1, 3]), inclusive=True),
    "yyxx": lambda boxes: xyxy_to_xywh(_in_order(boxes, [2, 0, 3, 1])),
}

_TOLERANCE = 1.6
"""Pixels by which a first row may be off: half for rounding, and one for the number of the first pixel."""

_EARLY = 10
"""After so many frames trackers may have lost the target, so that boxes say little of their format."""

_SURE, _POOR = 0.5, 0.25
"""IoU above which early boxes are those of the target, and below which they are not."""


def converted(raw: RawResult, given_xywh: Boxes, box_format: str, bad_boxes: BadBoxes) -> RawResult:
    """A result with its boxes as left, top, width, height.

    Many tools write the box that they were given into the first row, whatever they write later: where it stands there,
    it stays.

    Args:
        raw: as its file has it.
        given_xywh: (4,) the box of the first frame, in the coordinates of the file.
        box_format: a key of `BOX_FORMATS`, not "detected".
        bad_boxes: what becomes of negative sizes.

    Raises:
        EvaluationError: a box has a negative size in this format.
    """
    if box_format == "xywh":
        return raw
    if box_format == "given-first":
        boxes, notes = raw.boxes_xywh.copy(), list[str]()
        boxes[0] = given_xywh
    else:
        to_xywh = _TO_XYWH[box_format]
        boxes = to_xywh(raw.boxes_xywh)
        if _distance(raw.boxes_xywh[0], given_xywh) <= _TOLERANCE < _distance(boxes[0], given_xywh):
            boxes[0] = raw.boxes_xywh[0]
        boxes, notes = check_boxes(boxes, f"{raw.where}, read as {box_format}", bad_boxes, raw.unit)
    trajectories = []
    for trajectory in raw.trajectories:
        regions = trajectory.regions.copy()
        upright = number_of_values(regions) == 4
        if box_format != "given-first" and upright.any():  # one of codes alone has no column for a box
            regions[upright, :4] = _TO_XYWH[box_format](regions[upright, :4])
        trajectories.append(Trajectory(regions))
    return replace(raw, boxes_xywh=boxes, trajectories=tuple(trajectories), notes=(*raw.notes, *notes))


def suspected_format(raw: RawResult, truth_xywh: Boxes) -> str:
    """The format that the first frames speak for, where they speak against left, top, width, height; else empty.

    The first row is compared with the given box in all four numbers, and the rows after it with the truth, where it is
    known.

    Args:
        raw: as its file has it.
        truth_xywh: (frames, 4) in the coordinates of the file.

    Raises:
        EvaluationError: the numbers are shares of the frame's sides.
    """
    largest = float(np.nanmax(np.abs(raw.boxes_xywh), initial=0.0))
    if 0 < largest <= 1 < np.nan_to_num(truth_xywh[0]).max() - _TOLERANCE:
        raise EvaluationError(
            f"{raw.where} has no number above 1, as if they were shares of the frame's sides: expected pixels; "
            "multiply them by its width and height"
        )
    rows = raw.boxes_xywh[: min(len(raw.boxes_xywh), len(truth_xywh), 1 + _EARLY)]
    truth = truth_xywh[: len(rows)]
    as_format = {"xywh": rows} | {name: to_xywh(rows) for name, to_xywh in _TO_XYWH.items()}
    off = {name: _distance(boxes[0], truth[0]) for name, boxes in as_format.items()}
    first = ""
    if not raw.starts_with_truth and not off["xywh"] <= 2 * _TOLERANCE:
        first = min((name for name in off if off[name] <= _TOLERANCE), key=lambda name: off[name], default="")
    if not np.isfinite(truth[1:]).all(axis=1).any():  # hidden: the target has hardly moved yet
        truth = np.broadcast_to(truth[0], truth.shape)
    known = np.isfinite(truth[1:]).all(axis=1) & np.isfinite(rows[1:]).all(axis=1)
    overlap = {
        name: float(overlaps(boxes[1:][known], truth[1:][known]).mean()) if known.any() else np.nan
        for name, boxes in as_format.items()
    }
    if first:
        return "given-first" if overlap["xywh"] > overlap[first] else first
    best = max(overlap, key=lambda name: np.nan_to_num(overlap[name]))
    clear = overlap["xywh"] < _POOR and overlap[best] > _SURE
    # Of tiny boxes, a pixel is much.
    return best if clear and np.abs(rows[1:] - truth[1:])[known].max(axis=1).min() > 2 * _TOLERANCE else ""


def format_refusal(where: str, suspicions: Mapping[str, str], results: int) -> EvaluationError:
    """The error for results in a folder or archive that seem to be in another format, given by name of the sequence."""
    return EvaluationError(
        f"{where} seems not to hold left, top, width, height: the first boxes of {len(suspicions)} of {results} "
        f"results are those of the benchmark if read {formats_in_words(suspicions)}; say --box-format detected (in "
        "Python box_format='detected') to read each file so, or --box-format xywh to take all as they stand"
    )


def formats_in_words(formats: Mapping[str, str]) -> str:
    """Formats, given by name of the sequence, what they mean, and of which sequences."""
    by_format: dict[str, list[str]] = {}
    for name, box_format in formats.items():
        by_format.setdefault(box_format, []).append(name)
    return "; ".join(f"as {one} ({BOX_FORMATS[one]}): {listed(names)}" for one, names in sorted(by_format.items()))


def _distance(first_xywh: Boxes, second_xywh: Boxes) -> float:
    """Largest difference of the four numbers in pixels; NaN where one is not known."""
    return float(np.abs(first_xywh - second_xywh).max())

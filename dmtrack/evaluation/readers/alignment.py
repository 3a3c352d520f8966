"""Results with another number of boxes than the sequence has frames: refused, or aligned by a rule that is named."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import Boxes
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.one_pass import overlaps
from dmtrack.evaluation.results import SequenceResult

ALIGNMENTS: dict[str, str] = {
    "common-prefix": "both start together; frames beyond the shorter one are left out of the scores",
    "drop-first": "both end together; the first frames of the longer one are left out of the scores",
    "add-first": "the result lacks only the first frame, which gets the given box",
    "repeat-last": "the result stops early; its last box stands for all later frames",
    "pad-misses": "the result stops early; all later frames are misses",
}
"""Rules by name. The first two score fewer frames, the others all of them."""


@dataclass(frozen=True)
class Alignment:
    """Which row of a result belongs to which frame.

    Attributes:
        rows: (frames covered,) index of the row; `FIRST_BOX` takes the given box, `MISS` none at all.
        frames: the frames of the sequence that are covered.
    """

    rows: NDArray[np.int64]
    frames: range


FIRST_BOX, MISS = -1, -2


def align(rows: int, frames: int, rule: str) -> Alignment | None:
    """Applies a rule; None where it cannot make the two fit.

    Args:
        rows: of the result, at least 1.
        frames: of the sequence, at least 1.
        rule: a key of `ALIGNMENTS`.
    """
    common, every = min(rows, frames), np.arange(rows)
    if rule == "common-prefix":
        return Alignment(every[:common], range(common))
    if rule == "drop-first":
        return Alignment(every[rows - common :], range(frames - common, frames))
    if rule == "add-first" and rows == frames - 1:
        return Alignment(np.concatenate([[FIRST_BOX], every]), range(frames))
    if rule in ("repeat-last", "pad-misses") and rows < frames:
        end = rows - 1 if rule == "repeat-last" else MISS
        return Alignment(np.concatenate([every, np.full(frames - rows, end)]), range(frames))
    return None


class Misfit(NamedTuple):
    """A result with another number of boxes than its sequence has frames.

    Attributes:
        where: the file.
        name: of the sequence.
        boxes_xywh: (rows, 4) in the coordinates of the truth.
        truth_xywh: (frames, 4).
        rule: the one that was tried in vain, None where there was none.
    """

    where: str
    name: str
    boxes_xywh: Boxes
    truth_xywh: Boxes
    rule: str | None


class LengthError(EvaluationError):
    """Results that do not fit, of one tracker or several: names all of them, and the rules their first boxes speak for.

    Args:
        misfits: at least one.
        results: how many results were read.
    """

    def __init__(self, misfits: list[Misfit], results: int) -> None:
        self.misfits, self.results = misfits, results
        super().__init__(_sentence(misfits, results))


def _sentence(misfits: list[Misfit], results: int) -> str:
    if len(misfits) == 1:
        where, name, boxes, truth, rule = misfits[0]
        says = f"{where} holds {len(boxes)} boxes for the {len(truth)} frames of sequence {name!r}"
        if rule is not None:
            says += f", which the rule {rule!r} ({ALIGNMENTS[rule]}) cannot make fit"
        return f"{says}; {_advice(boxes, truth)[1]}: give it as --align {name}=RULE, or run the tracker again"
    folder = os.path.commonpath([one.where for one in misfits])
    each = []
    advised: dict[str, set[str]] = {}
    for where, name, boxes, truth, rule in misfits:
        vain = f", which {rule!r} cannot make fit" if rule else ""
        each.append(f"{os.path.relpath(where, folder)} ({len(boxes)} boxes for {len(truth)} frames{vain})")
        advised.setdefault(name, set()).add(_advice(boxes, truth)[0])
    # A rule is for all trackers; where these need different ones, none helps.
    agreed = " ".join(f"--align {name}={min(rules)}" for name, rules in advised.items() if len(rules) == 1)
    differ = [name for name, rules in advised.items() if len(rules) > 1]
    advice = [f"their first boxes speak for {agreed} (in Python align={{sequence: rule}})"] if agreed else []
    if differ:
        advice.append(f"of {', '.join(differ)} the trackers need different rules, so give one tracker at a time")
    return (
        f"{folder} holds {len(misfits)} of {results} results whose length does not fit: {', '.join(each)}; "
        f"{'; '.join(advice)}: give these or other rules ({', '.join(ALIGNMENTS)}), or run the tracker again"
    )


def _advice(results_xywh: Boxes, truth_xywh: Boxes) -> tuple[str, str]:
    """The first of the rules that the first box speaks for, and why."""
    rows, frames = len(results_xywh), len(truth_xywh)
    late = abs(frames - rows)
    if rows < frames:
        first, later = np.nan_to_num(overlaps(results_xywh[[0, 0]], truth_xywh[[0, late]]))
        starts_late = later > first
        if starts_late and late == 1:
            return "add-first", (
                "its first box is nearest to frame 2, so the rule needed is align='add-first' (the first frame gets "
                "the given box) or align='drop-first' (it is not scored)"
            )
        if starts_late:
            return "drop-first", (
                f"its first box is nearest to frame {late + 1}, so the rule needed is align='drop-first' (the first "
                f"{late} frames are not scored)"
            )
        return "common-prefix", (
            f"its first box is nearest to frame 1, so it stops {late} early and the rule needed is "
            "align='common-prefix' (the last frames are not scored), 'repeat-last' or 'pad-misses'"
        )
    first, later = np.nan_to_num(overlaps(results_xywh[[0, late]], truth_xywh[[0, 0]]))
    if later > first:
        return "drop-first", f"its box {late + 1} is nearest to frame 1, so the rule needed is align='drop-first'"
    return "common-prefix", (
        "its first box is nearest to frame 1, so the rule needed is align='common-prefix' (what is too much is cut)"
    )


def aligned_result(result: SequenceResult, aligned: Alignment, given_xywh: Boxes) -> SequenceResult:
    """The result with one row per covered frame; frames that it does not have get no time and no score."""
    rows, known = np.maximum(aligned.rows, 0), aligned.rows >= 0
    seconds, scores = (
        None if values is None else np.where(known, values[rows], np.nan) for values in (result.seconds, result.scores)
    )
    boxes = result.boxes_xywh[rows].copy()
    boxes[aligned.rows == MISS] = np.nan
    boxes[aligned.rows == FIRST_BOX] = given_xywh
    present = None if result.present is None else np.where(known, result.present[rows], aligned.rows == FIRST_BOX)
    return SequenceResult(boxes, seconds, scores, present)

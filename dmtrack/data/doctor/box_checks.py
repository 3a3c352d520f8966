"""Do the annotations of a sequence say what they should, and are there as many as frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import polygons_to_xywh
from dmtrack.data.doctor.findings import Examination, finding_of
from dmtrack.data.doctor.frame_checks import Frames
from dmtrack.data.sources.annotations import read_flags, read_rows
from dmtrack.data.sources.places import FlagFile, SequencePlace, VideoFiles
from dmtrack.errors import DMTrackError
from dmtrack.files import read_text

_AGAIN = "download the annotations again"


def check_boxes(place: SequencePlace, rules: VideoFiles, frames: Frames | None, found: Examination) -> None:
    """Adds what is wrong with the boxes and the files beside them.

    Args:
        place: of the sequence.
        rules: of the data set.
        frames: what lies there; None where frames are not looked at.
        found: takes the findings and counts.
    """
    if place.boxes is not None:
        found.boxes += place.boxes
        return
    try:
        rows = read_rows(place.annotation, "a line of numbers per frame", rules.columns)
    except DMTrackError as error:
        found.findings.append(finding_of(error, place.annotation, "mend the line, or download the annotations again"))
        return
    boxes_xywh = polygons_to_xywh(rows) if rows.shape[1] == 8 else rows[:, rules.box_start : rules.box_start + 4]
    _check_count(place, len(boxes_xywh), frames, found)
    _check_values(place, boxes_xywh, frames, found)
    if not (place.first_box_only and len(boxes_xywh) == 1):
        for flag in rules.flags:
            _check_flags(place.annotation.parent, flag, len(boxes_xywh), found)


def _check_count(place: SequencePlace, boxes: int, frames: Frames | None, found: Examination) -> None:
    if place.first_box_only and boxes == 1:
        return
    if place.span is not None and boxes != place.span[1] - place.span[0] + 1:
        first, last = place.span
        found.add(
            place.annotation,
            f"has {boxes} boxes but the benchmark uses frames {first} to {last}, that is {last - first + 1}",
            _AGAIN,
        )
    elif place.span is None and frames is not None and frames.names and boxes != len(frames.names):
        more = "frames" if len(frames.names) > boxes else "boxes"
        fix = "remove the frames that are extra, or " + _AGAIN if more == "frames" else "complete the frames"
        found.add(place.annotation, f"has {boxes} boxes but {place.frames} has {len(frames.names)} frames", fix)


def _check_values(
    place: SequencePlace, boxes_xywh: NDArray[np.float64], frames: Frames | None, found: Examination
) -> None:
    finite = np.asarray(np.isfinite(boxes_xywh).all(axis=1))
    partly = np.asarray(~finite & np.isfinite(boxes_xywh).any(axis=1))
    sides = np.where(finite[:, None], boxes_xywh[:, 2:], 1.0)
    negative = np.asarray((sides < 0).any(axis=1))
    valid = np.asarray(finite & (sides > 0).all(axis=1))
    found.boxes += int(valid.sum())
    _note(place, partly, "mix numbers with NaN or infinity", "write all four as nan where the target is absent", found)
    # Published annotations have a few (LaSOT's lion-5 and tiger-6), which every reader takes for frames without target.
    fix = "they count as absent; lines are left,top,width,height"
    _note(place, negative, "have a negative width or height", fix, found, severe=False)
    if not valid[0]:
        found.add(
            place.annotation,
            "the first box is absent or has no area, and trackers start from it",
            "cut the sequence to begin with a visible target",
        )
    if frames is not None and frames.size_wh is not None:
        corner = np.where(valid[:, None], boxes_xywh[:, :2], 0.0)
        end = np.where(valid[:, None], boxes_xywh[:, :2] + boxes_xywh[:, 2:], 1.0)
        size = np.asarray(frames.size_wh, dtype=np.float64)
        outside = np.asarray(valid & ((corner > size).any(axis=1) | (end < 0).any(axis=1)))
        fix = "compare with the frames: `dmtrack data show` draws them"
        _note(place, outside, "lie wholly outside the frame", fix, found, severe=False)


def _note(
    place: SequencePlace, wrong: NDArray[np.bool_], what: str, fix: str, found: Examination, severe: bool = True
) -> None:
    if wrong.any():
        lines = np.flatnonzero(wrong) + 1
        where = Path(f"{place.annotation}:{lines[0]}")
        found.add(where, f"{len(lines)} boxes {what}, first in this line", fix, severe)


def _check_flags(folder: Path, rule: FlagFile, boxes: int, found: Examination) -> None:
    paths = sorted(folder.glob(rule.name)) if "*" in rule.name else [folder / rule.name]
    for path in paths:
        if not path.is_file():
            if rule.required and not (rule.instead and (folder / rule.instead).is_file()):
                found.add(path, f"is missing: expected {rule.meaning}", _AGAIN)
            continue
        try:
            length = boxes
            if rule.may_be_short:
                words = read_text(path, rule.meaning).translate(str.maketrans(",\t;", "   ")).split()
                length = min(len(words), boxes)
            flags = read_flags(path, rule.meaning, length)
        except DMTrackError as error:
            found.findings.append(finding_of(error, path, _AGAIN))
            continue
        low, high = rule.values
        wrong = flags[(flags < low) | (flags > high)]
        if len(wrong):
            found.add(path, f"has the value {wrong[0]}: expected {rule.meaning}, from {low} to {high}", _AGAIN)

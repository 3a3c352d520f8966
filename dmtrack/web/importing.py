"""Boxes that other programs, or this one, have written, as targets of a project."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sources.mot_challenge import FIRST_PIXEL
from dmtrack.errors import DataError
from dmtrack.evaluation.readers.mot import read_mot_rows
from dmtrack.evaluation.readers.text import parse_table
from dmtrack.files import read_text
from dmtrack.web import packed
from dmtrack.web.project import Project
from dmtrack.web.targets import How

EXPECTED = (
    "boxes.csv or JSON of dmtrack, MOTChallenge text, COCO-VID JSON, CVAT for video XML, lines x,y,w,h of one target, "
    f"or a zip of {packed.EXPECTED}"
)
OTB_NAME = "groundtruth_rect"
"""Begins the names of OTB's files, which count pixels from 1; other lines x,y,w,h count from 0."""


@dataclass
class ImportedTrack:
    """One object of a file.

    Attributes:
        name: what it is called.
        boxes_xywh: by 0-based frame.
        drawn: how a person made the boxes of some frames; the first frame is taken for imported where none is said.
    """

    name: str
    boxes_xywh: dict[int, tuple[float, ...]] = field(default_factory=dict)
    drawn: dict[int, How] = field(default_factory=dict)


def import_tracks(project: Project, path: Path) -> int:
    """Adds the objects of a file to a project; frames that the file does not know stay for the tracker.

    Args:
        project: to add them to.
        path: of the file; its content tells its format.

    Returns:
        How many were added.

    Raises:
        DataError: the file is of no known format, or not of this video.
    """
    try:
        if is_zipfile(path):
            found = packed.read_packed(path, project.size_wh)
            tracks = [ImportedTrack(name, boxes) for name, boxes in found.items()]
        else:
            tracks = _read(read_text(path, EXPECTED), path)
    except (ValueError, KeyError, TypeError, AttributeError, ElementTree.ParseError) as error:
        raise DataError(f"{path.name} cannot be read ({error!r}); expected {EXPECTED}") from error
    tracks = [track for track in tracks if track.boxes_xywh]
    if not tracks:
        raise DataError(f"{path.name} has no boxes; expected {EXPECTED}")
    last = max(max(track.boxes_xywh) for track in tracks)
    if last >= project.count:
        raise DataError(
            f"{path.name} has boxes up to frame {last}, counted from 0, but the video has {project.count} frames; give "
            "the file of this video"
        )
    for track in tracks:
        numbers = np.array(sorted(track.boxes_xywh))
        boxes = np.array([track.boxes_xywh[number] for number in numbers.tolist()])
        drawn = track.drawn or {int(numbers[0]): "imported"}
        project.import_target(track.name, numbers, boxes, drawn)
    return len(tracks)


def _read(text: str, path: Path) -> list[ImportedTrack]:
    start = text.lstrip()[:1]
    if start == "<":
        return _cvat(text)
    if start == "{":
        content = json.loads(text)
        return _own_json(content) if "rows" in content else _coco(content)
    if text.startswith("frame,target,"):
        return _own_csv(text)
    rows = parse_table(text, path.name, columns=(4, 6, 7, 8, 9, 10)).rows
    if rows.shape[1] == 4:
        rows[:, :2] -= path.name.startswith(OTB_NAME)
        boxes = {
            number: tuple(box) for number, box in enumerate(rows.tolist()) if np.isfinite(box).all() and box[2] > 0
        }
        return [ImportedTrack(path.stem, boxes)]
    return _mot(read_mot_rows(path))


def _mot(rows: NDArray[np.float64]) -> list[ImportedTrack]:
    found: dict[int, ImportedTrack] = {}
    for frame, identity, x, y, w, h in rows[:, :6].tolist():
        track = found.setdefault(int(identity), ImportedTrack(f"target {identity:.0f}"))
        track.boxes_xywh[int(frame) - 1] = (x - FIRST_PIXEL, y - FIRST_PIXEL, w, h)
    return list(found.values())


def _coco(content: dict[str, list[dict[str, object]]]) -> list[ImportedTrack]:
    numbers = {image["id"]: int(str(image.get("mot_frame_id", image["frame_id"]))) for image in content["images"]}
    first = min([1, *numbers.values()])  # some tools count frames from 0, others from 1
    frames = {image: number - first for image, number in numbers.items()}
    found: dict[object, ImportedTrack] = {}
    for one in content["annotations"]:
        said = one.get("attributes")
        attributes = said if isinstance(said, dict) else {}
        identity = one.get("track_id", one.get("instance_id"))
        track = found.setdefault(identity, ImportedTrack(str(attributes.get("name", f"target {identity}"))))
        _add(track, frames[one["image_id"]], one["bbox"], attributes.get("how", "tracked"))
    return list(found.values())


def _own_json(content: dict[str, object]) -> list[ImportedTrack]:
    names = {str(one["number"]): str(one["name"]) for one in content["targets"]}  # type: ignore[attr-defined]
    found = []
    for number, rows in content["rows"].items():  # type: ignore[attr-defined]
        found.append(track := ImportedTrack(names[number]))
        for frame, x, y, w, h, _, present, _, how in rows:
            if present:
                _add(track, frame, (x, y, w, h), how)
    return found


def _own_csv(text: str) -> list[ImportedTrack]:
    found: dict[str, ImportedTrack] = {}
    for row in csv.DictReader(io.StringIO(text)):
        if row["present"] == "1":
            track = found.setdefault(row["target"], ImportedTrack(row.get("name") or f"target {row['target']}"))
            _add(track, int(row["frame"]), [row[side] for side in "xywh"], row.get("how", "tracked"))
    return list(found.values())


def _cvat(text: str) -> list[ImportedTrack]:
    found = []
    for node in ElementTree.fromstring(text).iter("track"):
        found.append(track := ImportedTrack(node.get("label") or f"track {node.get('id')}"))
        for box in node.iter("box"):
            if box.get("outside") != "1":
                left, top, right, bottom = (float(box.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
                how = "imported" if box.get("keyframe") == "1" else "tracked"
                _add(track, int(box.attrib["frame"]), (left, top, right - left, bottom - top), how)
    return found


def _add(track: ImportedTrack, frame: int, box_xywh: object, how: object) -> None:
    numbers = tuple(float(value) for value in box_xywh)  # type: ignore[attr-defined]
    if len(numbers) != 4 or not np.isfinite(numbers).all() or frame < 0:
        raise ValueError(f"box {numbers} in frame {frame}")
    track.boxes_xywh[frame] = numbers
    for known in get_args(How):
        if how == known:
            track.drawn[frame] = known

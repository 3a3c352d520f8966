"""OxUvA in its official layout (https://oxuva.github.io/long-term-tracking-benchmark)."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.base import SequenceSource, check_split, find_root, make_sequence
from dmtrack.data.sources.frames import FrameFiles, image_size_wh, list_frames
from dmtrack.data.sources.places import SequencePlace, VideoFiles
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/{tasks/{dev,test}.csv, annotations/dev.csv, images/{dev,test}/<video>/000000.jpeg}; tasks have lines "
    "'video,object,first frame,last frame,xmin,xmax,ymin,ymax', annotations 'video,object,class number,class,"
    "contains cuts,always visible,frame,present or absent,xmin,xmax,ymin,ymax', coordinates from 0 to 1"
)


@dataclass
class _Task:
    """One target of one video."""

    video: str
    first: int
    last: int
    box_xxyy: tuple[float, ...]
    labels: dict[int, tuple[float, ...] | None] = field(default_factory=dict)
    category: str = ""
    meta: dict[str, str] = field(default_factory=dict)


@DATASETS.register
class OxUvA(SequenceSource):
    """OxUvA: long videos in which one frame per second is annotated as present, with a box, or absent.

    Sequences are called `<video>_<object>` and consist of the frames between the task's first and last one that lie in
    the folder. `annotation.annotated_frames` says for which of them the truth is known, `annotation.frame_numbers` what
    they are called. The test split publishes the first box only.

    Without images the size of the frames is unknown: boxes then are shares of width and height (which IoU does not
    mind), the sequence has its annotated frames alone, and `annotation.relative` is True.

    Args:
        root: folder with `tasks`, `annotations` and `images`.
        split: "dev" or "test".
    """

    def __init__(self, root: str | Path, split: str = "dev", images: bool = True) -> None:
        check_split("OxUvA", split, ("dev", "test"))
        self.root = find_root(root, "OxUvA", LAYOUT)
        self.split = split
        self.images = images
        self._tasks_file = self.root / "tasks" / f"{split}.csv"
        self._tasks = _read_tasks(self._tasks_file)
        self._labels_file = self.root / "annotations" / f"{split}.csv"
        if split == "dev" or self._labels_file.is_file():
            _read_labels(self._labels_file, self._tasks)
        self.names = list(self._tasks)
        if not self.names:
            raise DataError(f"OxUvA: {self._tasks_file} has no tasks; expected {LAYOUT}")

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        task = self._tasks[name]
        frames, numbers = None, np.array(sorted({task.first, *task.labels}), dtype=np.int64)
        numbers = numbers[(numbers >= task.first) & (numbers <= task.last)]
        scale = np.ones(2)
        if self.images:
            found = list_frames(self.root / "images" / self.split / task.video, LAYOUT)
            inside = {_number(found, frame): frame for frame in found.names}
            lacking = [number for number in numbers.tolist() if number not in inside]
            if lacking:
                raise DataError(f"sequence {name}: {found.folder} has no frame {lacking[0]:06d}; complete the download")
            numbers = np.array([number for number in inside if task.first <= number <= task.last], dtype=np.int64)
            frames = FrameFiles(found.folder, tuple(inside[number] for number in numbers.tolist()))
            scale = np.array(image_size_wh(frames.path(0)), dtype=np.float64)
        labels = task.labels or {task.first: task.box_xxyy}
        boxes = np.full((len(numbers), 4), np.nan)
        for row, number in enumerate(numbers.tolist()):
            box = labels.get(number)
            if box is not None:
                left, right, top, bottom = box
                boxes[row] = (left, top, right - left, bottom - top)
        boxes *= np.tile(scale, 2)
        sequence = make_sequence(
            name,
            frames,
            boxes,
            self._labels_file if task.labels else self._tasks_file,
            present=np.isfinite(boxes).all(axis=1),
            frame_size_wh=None if frames is None else (int(scale[0]), int(scale[1])),
            relative=frames is None,
            annotated_frames=np.isin(numbers, list(labels)),
            frame_numbers=numbers,
            category=task.category,
            meta=task.meta,
        )
        if not task.labels:
            sequence = replace(sequence, annotation=replace(sequence.annotation, first_box_only=True))
        return replace(sequence, video_name=task.video, track_id=name.removeprefix(f"{task.video}_"))


def _number(frames: FrameFiles, name: str) -> int:
    stem = name.split(".", 1)[0]
    if not stem.isdecimal():
        raise DataError(f"{frames.folder / name}: expected the number of the frame as its name, such as 000030.jpeg")
    return int(stem)


def _read_tasks(path: Path) -> dict[str, _Task]:
    tasks: dict[str, _Task] = {}
    for place, row in _rows(path, "init_frame"):
        try:
            video, target, first, last, *sides = row
            left, right, top, bottom = map(float, sides)
            tasks[f"{video}_{target}"] = _Task(video, int(first), int(last), (left, right, top, bottom))
        except ValueError as error:
            raise DataError(f"{place}: {error}; expected a task as in {LAYOUT}") from error
    return tasks


def _read_labels(path: Path, tasks: dict[str, _Task]) -> None:
    """Adds the annotations of frames to the tasks that they belong to; others are of no task."""
    for place, row in _rows(path, "frame_num"):
        try:
            frame, sides = _frame_and_sides(row)
        except ValueError as error:
            raise DataError(f"{place}: {error}; {_AGAIN}") from error
        task = tasks.get(f"{row[0]}_{row[1]}")
        if task is not None:
            task.labels[frame] = sides
            task.category, task.meta = row[3], {"contains_cuts": row[4], "always_visible": row[5]}


def _rows(path: Path, title: str) -> list[tuple[str, list[str]]]:
    """Place and cells of each line, without a line of titles."""
    lines = enumerate(csv.reader(read_text(path, LAYOUT).splitlines()), start=1)
    return [(f"{path}:{number}", row) for number, row in lines if row and title not in row]


_COLUMNS = (
    "video,object,class,class name,cuts,always visible,frame,present or absent,xmin,xmax,ymin,ymax with sides as "
    "shares of the frame"
)
_AGAIN = "download the annotations again"


def _frame_and_sides(row: list[str]) -> tuple[int, tuple[float, ...] | None]:
    """What a line of annotations says: xmin, xmax, ymin, ymax, or None where the target is absent.

    Raises:
        ValueError: it is no such line.
    """
    if len(row) != 12 or not row[6].isdecimal() or row[7] not in ("present", "absent"):
        raise ValueError(f"expected {_COLUMNS}, got {','.join(row)!r}")
    return int(row[6]), tuple(map(float, row[8:])) if row[7] == "present" else None


def _locate(root: Path, split: str | None) -> list[SequencePlace]:
    """`tasks/<split>.csv` names video, object, first and last frame; `images/<split>/<video>` has the frames."""
    places = []
    for name in (split,) if split else ("dev", "test"):
        table = root / "tasks" / f"{name}.csv"
        if not table.is_file() and split is None:
            continue
        for sequence, task in _read_tasks(table).items():
            frames, boxes = root / "images" / name / task.video, int(name == "test")
            span = (task.first, task.last)
            places.append(SequencePlace(sequence, table, frames, None, span, boxes=boxes, split=name))
    return places


def _check_annotations(
    root: Path, split: str | None, places: list[SequencePlace]
) -> tuple[int, list[tuple[Path, str, str]]]:
    """What is wrong with `annotations/dev.csv`; those of the test split are not published."""
    wanted = {place.name for place in places if place.split == "dev"}
    if split == "test" or not wanted:
        return 0, []
    path = root / "annotations" / "dev.csv"
    boxes, annotated, problems = 0, set(), []
    try:
        rows = _rows(path, "frame_num")
    except DataError as error:
        problem, _, remedy = str(error).removeprefix(str(path)).lstrip(": ").partition("; ")
        return 0, [(path, problem, remedy or _AGAIN)]
    for place, row in rows:
        try:
            _, sides = _frame_and_sides(row)
            if sides is not None:
                left, right, top, bottom = sides
                boxes += 1
                if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                    raise ValueError(f"the sides {sides} are not xmin < xmax and ymin < ymax within 0 and 1")
            annotated.add(f"{row[0]}_{row[1]}")
        except ValueError as error:
            problems.append((Path(place), str(error), _AGAIN))
    missing = sorted(wanted - annotated)
    if missing:
        text = f"has no annotation of {len(missing)} sequences of tasks/dev.csv, first {missing[0]}"
        problems.append((path, text, _AGAIN))
    return boxes, problems


FILES = VideoFiles(
    layout=LAYOUT,
    locate=_locate,
    first_number=None,
    splits=("dev", "test"),
    counts={"dev": 200, "test": 166},
    bases=(),
    further=_check_annotations,
)

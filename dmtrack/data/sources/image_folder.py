"""Plain images with boxes in a csv or json file."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from dmtrack.data.sources.base import find_root
from dmtrack.data.sources.coco import Coco
from dmtrack.data.sources.images import AnnotatedImage, ImageSource
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/*.jpg and annotations as csv with lines file,x,y,w,h[,label], or as json: "
    '{"file.jpg": [[x, y, w, h], ...], ...} or COCO\'s format'
)

Objects = dict[str, list[tuple[list[float], str]]]


@DATASETS.register
class ImageFolder(ImageSource):
    """A folder of images with boxes.

    Args:
        root: folder of the images.
        annotations: csv or json file; without it `annotations.csv` or `annotations.json` in `root`.

    Raises:
        DataError: a folder, file or image is missing, or a line is wrong; the message names file and line.
    """

    def __init__(self, root: str | Path, annotations: str | Path | None = None) -> None:
        folder = find_root(root, "ImageFolder", LAYOUT)
        path = Path(annotations).expanduser() if annotations else default_annotations(folder)
        if path.suffix.lower() == ".csv":
            objects = read_csv_annotations(path)
        else:
            content = load_json_annotations(path)
            if {"images", "annotations"} <= set(content):
                self.records = Coco(folder, annotations=path, images=folder).records
                return
            objects = objects_of_mapping(content, path)
        missing = [name for name in objects if not (folder / name).is_file()]
        if missing:
            raise DataError(
                f"ImageFolder: {len(missing)} of {len(objects)} images of {path} are not in {folder}, "
                f"first {missing[0]!r}"
            )
        self.records = [
            AnnotatedImage(
                path=folder / name,
                boxes_xywh=np.array([box for box, _ in rows], dtype=np.float64).reshape(-1, 4),
                labels=tuple(label for _, label in rows),
                ignored=np.zeros(len(rows), dtype=bool),
            )
            for name, rows in objects.items()
        ]


def default_annotations(folder: Path) -> Path:
    """The file of annotations in a folder of images.

    Raises:
        DataError: there is none.
    """
    for name in ("annotations.csv", "annotations.json"):
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"ImageFolder: no annotations.csv or annotations.json in {folder}; expected {LAYOUT}")


def read_csv_annotations(path: Path) -> Objects:
    """Boxes and labels of a table `file,x,y,w,h[,label]`, with or without a heading.

    Raises:
        DataError: it cannot be read, or a line is something else.
    """
    objects: Objects = defaultdict(list)
    lines = read_text(path, "lines file,x,y,w,h[,label]").splitlines()
    for number, row in enumerate(csv.reader(lines), start=1):
        if not row or (number == 1 and len(row) > 1 and not _is_number(row[1])):
            continue  # an empty line, or the heading
        numbers = [cell.strip() for cell in row[1:5]]
        # A name alone is an image without objects.
        if len(row) == 1:
            objects[row[0].strip()] += []
            continue
        if len(row) not in (5, 6) or not all(_is_number(cell) for cell in numbers):
            raise DataError(f"{path}:{number}: expected file,x,y,w,h[,label], got {lines[number - 1]!r}")
        label = row[5].strip() if len(row) == 6 else ""
        objects[row[0].strip()].append(([float(cell) for cell in numbers], label))
    return objects


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def load_json_annotations(path: Path) -> dict[str, object]:
    """A JSON object, in the format of COCO or of `objects_of_mapping`.

    Raises:
        DataError: the file cannot be read or is no JSON object.
    """
    try:
        content = json.loads(read_text(path, "JSON"))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: no valid JSON ({error.msg})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object; {LAYOUT}")
    return content


def objects_of_mapping(content: dict[str, object], path: Path) -> Objects:
    """Boxes of `{file: [[x, y, w, h], ...]}`.

    Args:
        content: the mapping.
        path: its file, for errors.

    Raises:
        DataError: a value is no list of boxes.
    """
    objects: Objects = {}
    for name, rows in content.items():
        try:
            boxes = np.array(rows, dtype=np.float64).reshape(-1, 4)
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}: {name!r} has {rows!r}; expected a list of [x, y, w, h]") from error
        objects[name] = [([float(value) for value in box], "") for box in boxes]
    return objects

"""Plain images with boxes in a csv or json file."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from dmtrack.data.headings import EXPECTED, BoxColumns, find_box_columns, is_heading, plain_name
from dmtrack.data.sources.base import find_root
from dmtrack.data.sources.coco import Coco
from dmtrack.data.sources.images import AnnotatedImage, ImageSource
from dmtrack.errors import DataError
from dmtrack.files import at_home, read_json, read_text
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/*.jpg and annotations as csv with lines file,x,y,w,h[,label] or a heading that names its columns (also "
    "xmin,ymin,xmax,ymax or cx,cy,w,h), or as json: "
    '{"file.jpg": [[x, y, w, h], ...], ...} or COCO\'s format'
)

_FILE_NAMES = ("file", "filename", "filepath", "path", "image", "imagename", "imagepath", "imageid", "img", "imgname")
_LABEL_NAMES = ("label", "class", "classname", "category", "categoryname", "labelname")

Objects = dict[str, list[tuple[list[float], str]]]


@DATASETS.register
class ImageFolder(ImageSource):
    """A folder of images with boxes.

    Args:
        root: folder of the images.
        annotations: csv or json file; without it `annotations.csv` or `annotations.json` in `root`.
    """

    def __init__(self, root: str | Path, annotations: str | Path | None = None) -> None:
        folder = find_root(root, "ImageFolder", LAYOUT)
        path = at_home(annotations) if annotations else default_annotations(folder)
        if path.suffix.lower() == ".csv":
            objects = read_csv_annotations(path)
        else:
            content = read_json(path, LAYOUT)
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
    """Boxes and labels of a table `file,x,y,w,h[,label]`, or of one whose heading names its columns in any order.

    A row without a box is an image without objects.

    Raises:
        DataError: it cannot be read, its heading names no box, or a line is something else.
    """
    objects: Objects = defaultdict(list)
    lines = read_text(path, "lines file,x,y,w,h[,label]").splitlines()
    first = next((line for line in lines if line.strip()), "")
    separator = max(",;\t", key=first.count)
    columns, file, label, expected = BoxColumns((1, 2, 3, 4), np.array), 0, 5, "file,x,y,w,h[,label]"
    heading: list[str] = []
    for number, row in enumerate(csv.reader(lines, delimiter=separator), start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if not objects and not heading and len(cells) > 1 and is_heading(cells) and any(cells[1:5]):
            heading, expected = cells, separator.join(cells)
            columns, file, label = _named_columns(path, number, heading)
            continue
        boxed = [cells[place] for place in columns.places if place < len(cells)]
        if file < len(cells) and cells[file] and not any(boxed):
            objects[cells[file]] += []
            continue
        try:
            if len(cells) > (len(heading) or 6) or not cells[file]:
                raise ValueError("another number of columns")
            box = columns.boxes_xywh([cells])[0].tolist()
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}:{number}: expected {expected}, got {separator.join(row)!r}") from error
        objects[cells[file]].append((box, cells[label] if 0 <= label < len(cells) else ""))
    numbers = [value for rows in objects.values() for box, _ in rows for value in box]
    if numbers and 0 < max(map(abs, numbers)) <= 1:
        raise DataError(f"{path}: all numbers are between -1 and 1, as shares of the image are: expected pixels")
    return objects


def _named_columns(path: Path, number: int, heading: list[str]) -> tuple[BoxColumns, int, int]:
    """Columns of the box, the file and the label (-1 where there is none)."""
    found = find_box_columns(heading)
    if found is None:
        raise DataError(f"{path}:{number}: the heading {','.join(heading)!r} names no box: expected {EXPECTED}")
    names = [plain_name(cell) for cell in heading]
    file = next((names.index(name) for name in _FILE_NAMES if name in names), 0)
    return found, file, next((names.index(name) for name in _LABEL_NAMES if name in names), -1)


def objects_of_mapping(content: dict[str, object], path: Path) -> Objects:
    """Boxes of `{file: [[x, y, w, h], ...]}`, the content of a file that errors name.

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

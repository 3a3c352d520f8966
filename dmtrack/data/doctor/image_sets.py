"""Data sets of images: COCO's format, and folders with a csv or json file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.doctor.findings import Examination, finding_of
from dmtrack.data.sources import coco, image_folder
from dmtrack.errors import DataError, DMTrackError
from dmtrack.files import read_json
from dmtrack.media.images import IMAGE_SUFFIXES

_AGAIN = "download it again"
_IDS = ("id", "image_id", "category_id")


@dataclass(frozen=True)
class ListedImage:
    """An image that the annotations name.

    Attributes:
        path: of the file.
        size_wh: as the annotations say it, if they do.
        boxes_xywh: (objects, 4) that are still to be compared with the size of the image.
    """

    path: Path
    size_wh: tuple[int, int] | None = None
    boxes_xywh: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))


ReadImages = Callable[[Path, str | None, Path | None, Path | None, Examination], list[ListedImage]]
"""`read(root, split, annotations, images, examination)`: adds findings and gives the images."""


@dataclass(frozen=True)
class ImageFiles:
    """A data set of images.

    Attributes:
        layout: in words, for messages.
        read: reads the annotations, adds findings to the examination, and gives the images with what is known of them.
        splits: whether it has splits.
    """

    layout: str
    read: ReadImages
    splits: bool = False


def read_coco(
    root: Path, split: str | None, annotations: Path | None, images: Path | None, found: Examination
) -> list[ListedImage]:
    """Checks one json file in COCO's format, or all `annotations/instances_*.json` of the official layout.

    Raises:
        DataError: there is none.
    """
    if annotations is not None:
        beside = annotations.parent / "images"
        return _read_json(annotations, images or (beside if beside.is_dir() else annotations.parent), found)
    paths = sorted((root / "annotations").glob(f"instances_{split or '*'}.json"))
    if not paths:
        raise DataError(f"{root}: no annotations/instances_{split or '*'}.json; expected {coco.LAYOUT}")
    listed = []
    for path in paths:
        listed += _read_json(path, images or root / path.stem.removeprefix("instances_"), found)
    return listed


def _read_json(path: Path, folder: Path, found: Examination) -> list[ListedImage]:
    try:
        content = coco.read_lists(path, "annotations in COCO's format")
    except DMTrackError as error:
        found.findings.append(finding_of(error, path, _AGAIN))
        return []
    for entry in [*content["images"], *content["annotations"], *content["categories"]]:
        if isinstance(entry, dict):  # damaged files have lists where ids should be
            entry.update({key: str(entry[key]) for key in _IDS if isinstance(entry.get(key), (list, dict))})
    listed = [image for entry in content["images"] if (image := _listed(entry, path, folder, found)) is not None]
    _check_ids(content, path, found)
    _check_objects(content, path, found)
    if not folder.is_dir():
        found.add(folder, f"is missing: expected the {len(listed)} images of {path.name}", "download the images")
        return []
    _check_unlisted(folder, {image.path for image in listed}, path, found)
    return listed


def _listed(entry: Any, path: Path, folder: Path, found: Examination) -> ListedImage | None:
    if not isinstance(entry, Mapping) or "id" not in entry or not isinstance(entry.get("file_name"), str):
        found.add(path, f'has an image without "id" or "file_name": {str(entry)[:80]}', _AGAIN)
        return None
    width, height = entry.get("width"), entry.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return ListedImage(folder / entry["file_name"], size)


def _check_ids(content: Mapping[str, Any], path: Path, found: Examination) -> None:
    for key in ("images", "annotations", "categories"):
        counts = Counter(entry.get("id") for entry in content[key] if isinstance(entry, Mapping))
        double = [name for name, count in counts.items() if count > 1 and name is not None]
        if double:
            found.add(
                path, f'"{key}" has {len(double)} ids twice, first {double[0]}', "give every entry an id of its own"
            )


def _check_objects(content: Mapping[str, Any], path: Path, found: Examination) -> None:
    sizes = {
        entry.get("id"): (entry.get("width"), entry.get("height"))
        for entry in content["images"]
        if isinstance(entry, Mapping)
    }
    categories = {entry.get("id") for entry in content["categories"] if isinstance(entry, Mapping)}
    wrong: dict[str, list[int]] = {}
    for place, entry in enumerate(content["annotations"]):
        problem = _object_problem(entry, sizes, categories)
        if problem:
            wrong.setdefault(problem, []).append(place)
        else:
            found.boxes += 1
    for problem, indices in wrong.items():
        severe = problem not in _HARMLESS
        fix = "they are left out in training" if not severe else "mend or remove them, or download the file again"
        found.add(path, f"{len(indices)} annotations {problem}, first annotations[{indices[0]}]", fix, severe)


_NO_AREA, _OUTSIDE = "have a box without area", "have a box that lies wholly outside the image"
_HARMLESS = (_NO_AREA, _OUTSIDE)


def _object_problem(entry: Any, sizes: Mapping[Any, Any], categories: set[Any]) -> str | None:
    box = entry.get("bbox") if isinstance(entry, Mapping) else None
    if not (isinstance(box, list) and len(box) == 4 and all(isinstance(side, (int, float)) for side in box)):
        return 'have no "bbox" of four numbers'
    if entry.get("image_id") not in sizes:
        return "belong to no image of the file"
    if categories and entry.get("category_id") not in categories:
        return "have a category that the file does not name"
    x, y, width, height = box
    if not np.isfinite(box).all() or width < 0 or height < 0:
        return "have a box that is not finite or has a negative side"
    if width == 0 or height == 0:
        return _NO_AREA
    frame_width, frame_height = sizes[entry["image_id"]]
    known = isinstance(frame_width, (int, float)) and isinstance(frame_height, (int, float))
    if x + width <= 0 or y + height <= 0 or (known and (x >= frame_width or y >= frame_height)):
        return _OUTSIDE
    return None


def read_image_folder(
    root: Path, split: str | None, annotations: Path | None, images: Path | None, found: Examination
) -> list[ListedImage]:
    """Checks a folder of images with `annotations.csv` or `annotations.json`.

    Raises:
        DataError: there is no such file.
    """
    path = annotations or image_folder.default_annotations(root)
    folder = images or root
    try:
        if path.suffix.lower() == ".csv":
            objects = image_folder.read_csv_annotations(path)
        else:
            content = read_json(path, image_folder.LAYOUT)
            if {"images", "annotations"} <= set(content):
                return _read_json(path, folder, found)
            objects = image_folder.objects_of_mapping(content, path)
    except DMTrackError as error:
        found.findings.append(finding_of(error, path, "mend it"))
        return []
    listed = []
    for name, rows in objects.items():
        boxes = np.array([box for box, _ in rows], dtype=np.float64).reshape(-1, 4)
        _check_folder_boxes(path, name, boxes, found)
        listed.append(ListedImage(folder / name, boxes_xywh=boxes))
    _check_unlisted(folder, {image.path for image in listed}, path, found)
    return listed


def _check_folder_boxes(path: Path, name: str, boxes_xywh: NDArray[np.float64], found: Examination) -> None:
    good = np.isfinite(boxes_xywh).all(axis=1) & (boxes_xywh[:, 2:] > 0).all(axis=1)
    found.boxes += int(good.sum())
    if not good.all():
        box = ",".join(f"{value:g}" for value in boxes_xywh[~good][0])
        found.add(path, f"the image {name} has the box {box} without area", "mend it: boxes are x,y,width,height")


def check_reach(images: list[ListedImage], sizes: Mapping[Path, tuple[int, int]], found: Examination) -> None:
    """Adds that boxes reach beyond their images, and that they would not if their numbers were corners.

    Args:
        images: with boxes.
        sizes: (width, height) by path.
        found: takes the finding.
    """
    seen = [image for image in images if len(image.boxes_xywh) and image.path in sizes]
    if not seen:
        return
    boxes = np.concatenate([image.boxes_xywh for image in seen])
    counts = [len(image.boxes_xywh) for image in seen]
    limit = np.repeat(np.array([sizes[image.path] for image in seen], dtype=np.float64), counts, axis=0) + 1.0
    beyond = (boxes[:, :2] + boxes[:, 2:] > limit).any(axis=1)
    as_corners = (boxes[:, 2:] <= limit).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if not beyond.any():
        return
    first = seen[int(np.searchsorted(np.cumsum(counts), np.argmax(beyond), side="right"))].path
    likely = bool(as_corners.all())
    found.add(
        first,
        f"{np.count_nonzero(beyond)} of {len(boxes)} boxes reach beyond their images, first here"
        + ("; all lie inside if they are left,top,right,bottom" if likely else ""),
        "name the columns in a heading such as file,xmin,ymin,xmax,ymax" if likely else "boxes are x,y,width,height",
        severe=likely,
    )


def _check_unlisted(folder: Path, listed: set[Path], annotation: Path, found: Examination) -> None:
    if not folder.is_dir():
        return
    there = {path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES}
    extra = sorted(there - listed)
    if extra:
        found.add(
            folder,
            f"{len(extra)} images are not named by {annotation.name}, first {extra[0].name}",
            "they will not be used: annotate or remove them",
            severe=False,
        )


IMAGE_SETS = {
    "coco": ImageFiles(coco.LAYOUT, read_coco, splits=True),
    "image-folder": ImageFiles(image_folder.LAYOUT, read_image_folder),
}
"""Data sets of images, by the names of `dmtrack data check`."""

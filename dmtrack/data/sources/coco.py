"""COCO, and everything in its annotation format (https://cocodataset.org/#format-data)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.data.sources.base import find_root
from dmtrack.data.sources.images import AnnotatedImage, ImageSource
from dmtrack.errors import DataError
from dmtrack.files import at_home, read_json
from dmtrack.registry import DATASETS

LAYOUT = "<root>/annotations/instances_<split>.json and <root>/<split>/*.jpg"


@DATASETS.register
class Coco(ImageSource):
    """Images with boxes, and masks where there are any, from a COCO json file.

    Args:
        root: folder of the official layout; not needed where `annotations` and `images` are given.
        split: "train2017", "val2017" ...
        annotations: json file instead of the official place.
        images: folder of the images instead of the official place.
    """

    def __init__(
        self,
        root: str | Path = ".",
        split: str = "train2017",
        annotations: str | Path | None = None,
        images: str | Path | None = None,
    ) -> None:
        folder = find_root(root, "COCO", LAYOUT)
        path = at_home(annotations) if annotations else folder / "annotations" / f"instances_{split}.json"
        self.images = at_home(images) if images else folder / split
        if annotations and not images and not self.images.is_dir():
            self.images = path.parent / "images"
        if not self.images.is_dir():
            raise DataError(f"COCO: no folder {self.images} with the images; expected {LAYOUT}, or give `images`")
        self.records = _records(read_lists(path, f"{LAYOUT}, or give `annotations`"), path, self.images)


def read_lists(path: Path, expected: str) -> dict[str, Any]:
    """The JSON object of a file with images and annotations.

    Raises:
        DataError: it is no such file; the message tells what is expected.
    """
    content = {"categories": [], **read_json(path, expected)}
    if not all(isinstance(content.get(key), list) for key in ("images", "annotations", "categories")):
        raise DataError(f'{path}: expected a JSON object with the lists "images" and "annotations": {expected}')
    return content


def _records(content: dict[str, Any], path: Path, folder: Path) -> list[AnnotatedImage]:
    objects: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    try:
        categories = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
        numbers = {category: number for number, category in enumerate(categories)}
        for place, entry in enumerate(content["annotations"]):
            if len(entry["bbox"]) != 4:
                raise DataError(f'{path}: annotations[{place}] has the "bbox" {entry["bbox"]}; expected [x, y, w, h]')
            objects[entry["image_id"]].append(entry)
        return [
            AnnotatedImage(
                path=folder / image["file_name"],
                boxes_xywh=np.array([entry["bbox"] for entry in objects[image["id"]]], dtype=np.float64).reshape(-1, 4),
                labels=tuple(categories.get(entry.get("category_id"), "") for entry in objects[image["id"]]),
                ignored=np.array(
                    [bool(entry.get("iscrowd") or entry.get("ignore")) for entry in objects[image["id"]]], dtype=bool
                ),
                size_wh=(image["width"], image["height"]) if "width" in image and "height" in image else None,
                classes=np.array(
                    [numbers.get(entry.get("category_id"), 0) for entry in objects[image["id"]]], np.int64
                ),
                segmentations=tuple(entry.get("segmentation") for entry in objects[image["id"]]),
            )
            for image in content["images"]
        ]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: an image or annotation lacks {error}; expected COCO's instances format") from error
    except ValueError as error:
        raise DataError(f'{path}: a "bbox" is no list of four numbers ({error})') from error

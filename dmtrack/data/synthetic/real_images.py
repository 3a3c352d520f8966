"""Annotated photographs for the generator, in memory at the size that it needs."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image
from dmtrack.errors import ConfigError, DataError
from dmtrack.media.images import read_image

LONGEST_SIDE = 720
"""Photographs are kept at most this large; views are smaller."""


@dataclass(frozen=True)
class Photo:
    """An annotated photograph.

    Attributes:
        image: HxWx3 uint8 RGB.
        boxes_xyxy: (objects, 4) float64 pixels of `image`.
    """

    image: Image
    boxes_xyxy: NDArray[np.float64]


_Entry = tuple[Path, NDArray[np.float64]]
"""An image file and the boxes in it, in pixels of the file."""


class RealImages:
    """Draws annotated photographs from COCO-json folders.

    Args:
        folders: dicts with `annotations` (path of a COCO json), `images` (folder) and optionally `weight` (how often
            the folder is drawn, relative to the others; 1 by default).
        cache_megabytes: how much memory the decoded photographs may take; the oldest are dropped.

    Raises:
        ConfigError: a folder's dict has other keys or a weight that is not positive.
        DataError: an annotation file that is missing or is no COCO json, or in which nothing is annotated.
    """

    def __init__(self, folders: Collection[Mapping[str, Any]], cache_megabytes: float = 512.0) -> None:
        if not folders:
            raise ConfigError("real_images is empty: give at least one dict(annotations=..., images=...), or None")
        weights = [self._checked_weight(number, folder) for number, folder in enumerate(folders)]
        self._entries = [_read_entries(Path(folder["annotations"]), Path(folder["images"])) for folder in folders]
        self._shares = np.cumsum(np.array(weights) / sum(weights))
        self._limit = int(cache_megabytes * 2**20)
        self._cached: OrderedDict[Path, Photo] = OrderedDict()
        self._bytes = 0

    @staticmethod
    def _checked_weight(number: int, folder: Mapping[str, Any]) -> float:
        where = f"real_images.{number}"
        unknown = sorted(set(folder) - {"annotations", "images", "weight"})
        if unknown:
            raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known: annotations, images, weight")
        for key in ("annotations", "images"):
            if key not in folder:
                raise ConfigError(f"{where}: the key {key!r} is missing; expected annotations=FILE, images=FOLDER")
        weight = folder.get("weight", 1.0)
        if not isinstance(weight, (int, float)) or not weight > 0:
            raise ConfigError(f"{where}.weight is {weight!r}: expected a number above 0")
        return float(weight)

    def sample(self, rng: np.random.Generator) -> Photo:
        """Draws one photograph.

        Raises:
            MediaError: the image file is missing or damaged.
        """
        folder = int(np.searchsorted(self._shares, rng.random(), side="right"))
        entries = self._entries[min(folder, len(self._entries) - 1)]
        path, boxes_xyxy = entries[int(rng.integers(len(entries)))]
        photo = self._cached.get(path)
        if photo is not None:
            self._cached.move_to_end(path)
            return photo
        image = read_image(path)
        height, width = image.shape[:2]
        factor = min(1.0, LONGEST_SIDE / max(height, width))
        if factor < 1:
            size_wh = (round(width * factor), round(height * factor))
            image = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA))
        limits = np.array([image.shape[1], image.shape[0]] * 2, np.float64)
        photo = Photo(image, np.clip(boxes_xyxy * factor, 0, limits))
        self._cached[path] = photo
        self._bytes += image.nbytes
        while self._bytes > self._limit and len(self._cached) > 1:
            self._bytes -= self._cached.popitem(last=False)[1].image.nbytes
        return photo


def _read_entries(annotations: Path, images: Path) -> list[_Entry]:
    layout = "expected a COCO json with the lists 'images' and 'annotations'"
    try:
        content = json.loads(annotations.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{annotations} does not exist: {layout}; check real_images in the config") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{annotations} cannot be read ({error}): {layout}") from error
    if not images.is_dir():
        raise DataError(f"the image folder {images} does not exist; check real_images in the config")
    try:
        files = {image["id"]: images / image["file_name"] for image in content["images"]}
        boxes: dict[Any, list[tuple[float, ...]]] = {}
        for annotation in content["annotations"]:
            left, top, width, height = (float(value) for value in annotation["bbox"])
            if annotation.get("iscrowd", 0) or not (width > 0 and height > 0):
                continue
            boxes.setdefault(annotation["image_id"], []).append((left, top, left + width, top + height))
        entries = [(files[key], np.array(rows)) for key, rows in boxes.items()]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{annotations}: {type(error).__name__} at {error}; {layout}") from error
    if not entries:
        raise DataError(f"{annotations} annotates no box; {layout}")
    return entries

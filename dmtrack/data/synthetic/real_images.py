"""Annotated photographs for the generator, in memory at the size that it needs."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.sequences import Image
from dmtrack.data.sources.coco import Coco
from dmtrack.data.sources.images import AnnotatedImage
from dmtrack.errors import ConfigError, DataError

LONGEST_SIDE = 720
"""Photographs are kept at most this large; views are smaller."""

SMALLEST_RELATIVE = 24.0
"""Shorter side of an object that is cut out to stand beside others of its class, in pixels of the photograph."""


@dataclass(frozen=True)
class Photo:
    """An annotated photograph.

    Attributes:
        image: HxWx3 uint8 RGB.
        boxes_xyxy: (objects, 4) float64 pixels of `image`.
        masks: (objects,) HxW uint8 outline of each, 0 to 255; None of objects whose outline is not known.
    """

    image: Image
    boxes_xyxy: NDArray[np.float64]
    masks: tuple[NDArray[np.uint8] | None, ...]


class RealImages:
    """Draws annotated photographs from COCO-json folders.

    Args:
        folders: dicts with `annotations` (path of a COCO json), `images` (folder) and optionally `weight` (how often
            the folder is drawn, relative to the others; 1 by default) and `optional` (True: where it is not there,
            training goes on without it, and a warning says so).
        cache_megabytes: how much memory the decoded photographs may take; the oldest are dropped.

    Raises:
        ConfigError: a folder's dict has other keys or a weight that is not positive.
        DataError: an annotation file that is missing or is no COCO json, or in which nothing is annotated, or a mask
            that does not fit the first photograph.
        MediaError: the first photograph is missing or damaged.
    """

    def __init__(self, folders: Collection[Mapping[str, Any]], cache_megabytes: float = 512.0) -> None:
        if not folders:
            raise ConfigError("real_images is empty: give at least one dict(annotations=..., images=...), or None")
        weights = np.array([self._checked_weight(number, folder) for number, folder in enumerate(folders)])
        present = [_is_there(folder) for folder in folders]
        self.records: list[list[AnnotatedImage]] = []
        for folder in itertools.compress(folders, present):
            annotations = Path(folder["annotations"])
            annotated = Coco(annotations=annotations, images=Path(folder["images"]))
            self.records.append([record for record in annotated if record.usable().any()])
            if not self.records[-1]:
                raise DataError(
                    f"{annotations} annotates no box; expected a COCO json with some, in real_images of the config"
                )
        self._shares = np.cumsum(weights[present] / weights[present].sum())
        self._limit = int(cache_megabytes * 2**20)
        self._cached: OrderedDict[Path, tuple[Photo, int]] = OrderedDict()
        self._bytes = 0
        for records in self.records:
            # Photographs of another size than their masks are told now, not after an hour of training.
            self._read(records[0])

    @staticmethod
    def _checked_weight(number: int, folder: Mapping[str, Any]) -> float:
        where = f"real_images.{number}"
        unknown = sorted(set(folder) - {"annotations", "images", "weight", "optional"})
        if unknown:
            raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known: annotations, images, weight, optional")
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
        records = self.records[self._folder(rng)]
        return self._read(records[int(rng.integers(len(records)))])

    @functools.cached_property
    def _kinds(self) -> list[list[list[tuple[AnnotatedImage, int]]]]:
        """`_kinds` of every folder; a large data set takes seconds, which only those pay who ask for relatives."""
        return [_kinds(records) for records in self.records]

    def relatives(self, rng: np.random.Generator, count: int) -> list[tuple[Photo, int]]:
        """Draws `count` objects of one class, each as a photograph and its row there; none where no class has two.

        Raises:
            MediaError: an image file is missing or damaged.
        """
        kinds = self._kinds[self._folder(rng)]
        if not kinds:
            return []
        places = kinds[int(rng.integers(len(kinds)))]
        chosen = rng.choice(len(places), min(count, len(places)), replace=False)
        return [(self._read(places[number][0]), places[number][1]) for number in chosen]

    def _folder(self, rng: np.random.Generator) -> int:
        return min(int(np.searchsorted(self._shares, rng.random(), side="right")), len(self.records) - 1)

    def _read(self, record: AnnotatedImage) -> Photo:
        if record.path in self._cached:
            self._cached.move_to_end(record.path)
            return self._cached[record.path][0]
        photo = _photo(record)
        size = photo.image.nbytes + sum(0 if mask is None else mask.nbytes for mask in photo.masks)
        self._cached[record.path] = photo, size
        self._bytes += size
        while self._bytes > self._limit and len(self._cached) > 1:
            self._bytes -= self._cached.popitem(last=False)[1][1]
        return photo


def _is_there(folder: Mapping[str, Any]) -> bool:
    """False for an optional folder that is missing."""
    missing = [path for path in (Path(folder["annotations"]), Path(folder["images"])) if not path.exists()]
    if missing and folder.get("optional"):
        warnings.warn(
            f"{missing[0]} is not there: going on without these photographs, as the config allows", stacklevel=2
        )
        return False
    return True


def _kinds(records: Collection[AnnotatedImage]) -> list[list[tuple[AnnotatedImage, int]]]:
    """The objects of every class that has two or more: their records, and their rows in the photograph."""
    kinds: defaultdict[str, list[tuple[AnnotatedImage, int]]] = defaultdict(list)
    for record in records:
        for row, number in enumerate(np.flatnonzero(record.usable()).tolist()):
            label = record.labels[number] if record.labels else ""
            if label and record.boxes_xywh[number, 2:].min() >= SMALLEST_RELATIVE:
                kinds[label].append((record, row))
    return [places for places in kinds.values() if len(places) > 1]


def _photo(record: AnnotatedImage) -> Photo:
    """The photograph with its usable objects, no larger than it need be."""
    image = record.read()
    height, width = image.shape[:2]
    numbers = np.flatnonzero(record.usable())
    masks = [record.read_mask(int(number), (width, height)) for number in numbers]
    factor = min(1.0, LONGEST_SIDE / max(height, width))
    size_wh = (round(width * factor), round(height * factor))

    def shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return picture if factor == 1 else np.asarray(cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA))

    boxes_xyxy = np.clip(xywh_to_xyxy(record.boxes_xywh[numbers]) * factor, 0, np.array(size_wh * 2, np.float64))
    outlines = tuple(None if mask is None else shrunk(mask.astype(np.uint8) * 255) for mask in masks)
    return Photo(shrunk(image), boxes_xyxy, outlines)

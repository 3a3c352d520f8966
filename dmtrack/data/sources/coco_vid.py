"""CocoVID: videos with tracks in one JSON file, as OpenMMLab's trackers and ByteTrack read them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dmtrack.data.sources.coco import read_lists
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.errors import DataError
from dmtrack.files import at_home
from dmtrack.registry import DATASETS

IDENTITY_KEYS = ("instance_id", "track_id", "ped_id")
"""How MMTracking, ByteTrack and MOTSynth call the identity."""


def label_video(
    name: str, images: list[dict[str, Any]], objects: list[dict[str, Any]], folder: Path, path: Path, **facts: Any
) -> LabelledVideo:
    """A video of its images, in their order, and their annotations.

    Args:
        name: of the video.
        images: entries of the file.
        objects: annotations of these images.
        folder: that names of images are relative to.
        path: of the file, for errors.
        facts: other fields of the video, one value per object.

    Raises:
        DataError: an entry lacks something.
    """
    try:
        places = {image["id"]: place for place, image in enumerate(images)}
        return LabelledVideo(
            name,
            tuple(folder / str(image["file_name"]) for image in images),
            (int(images[0]["width"]), int(images[0]["height"])),
            np.array([places[entry["image_id"]] for entry in objects], np.int64),
            np.array(
                [next((int(entry[key]) for key in IDENTITY_KEYS if key in entry), -1) for entry in objects], np.int64
            ),
            np.array([entry["bbox"] for entry in objects], np.float64).reshape(-1, 4),
            ignored=np.array([bool(entry.get("iscrowd") or entry.get("ignore")) for entry in objects], bool),
            file=path,
            **facts,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{path}: an image or annotation of {name or 'the file'} is not as expected ({error!r})"
        ) from error


@DATASETS.register
class CocoVID(LabelledSource):
    """Videos of a CocoVID file; images that belong to no video stand alone.

    Args:
        root: the JSON file, or a folder that holds a single one.
        split: which of the files of a folder, by its name without `.json`.
        images: folder that names of images are relative to; without it, `<file>_images` beside the file, as
            `dmtrack data convert` links it, or the file's own folder.
    """

    layout: ClassVar[str] = (
        "{videos: [{id, name}], images: [{id, file_name, width, height, video_id, frame_id}], annotations: [{id, "
        "image_id, category_id, bbox: [x, y, w, h], instance_id or track_id}], categories: [{id, name}]} of CocoVID"
    )
    shared_identities: ClassVar[bool] = True

    def __init__(self, root: str | Path, split: str | None = None, images: str | Path | None = None) -> None:
        path = at_home(root)
        if path.is_dir():
            files = sorted(path.glob(f"{split or '*'}.json"))
            if len(files) != 1:
                found = ", ".join(file.stem for file in files) or "none"
                raise DataError(f"{path}: expected one JSON file of CocoVID, found {found}; give the file or --split")
            path = files[0]
        content = read_lists(path, self.layout)
        beside = path.with_name(f"{path.stem}_images")
        self.path, self.root = path, at_home(images) if images else beside if beside.is_dir() else path.parent
        categories = content.get("categories") or [{"id": 1, "name": "object"}]
        try:
            self.class_names = tuple(str(category["name"]) for category in categories)
            self._numbers = {category["id"]: number for number, category in enumerate(categories)}
            names = {video["id"]: str(video.get("name") or video["file_name"]) for video in content.get("videos") or ()}
            groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
            for place, image in enumerate(content["images"]):
                groups[image.get("video_id", f"image {place}")].append(image)
            self._objects: dict[Any, list[dict[str, Any]]] = defaultdict(list)
            for entry in content["annotations"]:
                self._objects[entry["image_id"]].append(entry)
            self.items = [
                (names.get(video, ""), sorted(own, key=lambda image: image.get("frame_id", 0)))
                for video, own in groups.items()
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: an entry lacks {error}; expected {self.layout}") from error

    def read(self, number: int) -> LabelledVideo:
        """The video of that number."""
        name, images = self.items[number]
        objects = [entry for image in images for entry in self._objects.get(image.get("id"), ())]
        classes = np.array([self._numbers.get(entry.get("category_id"), 0) for entry in objects], np.int64)
        visibility = np.array([float(entry.get("visibility", 1.0)) for entry in objects])
        return label_video(name, images, objects, self.root, self.path, classes=classes, visibility=visibility)

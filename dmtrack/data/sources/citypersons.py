"""CityPersons: people in the images of Cityscapes (https://www.cityscapes-dataset.com)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np

from dmtrack.data.sources.base import check_split, find_root
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS

COUNTED = ("pedestrian", "rider", "sitting person", "person (other)")
"""Labels of single people; the others are groups and regions to be ignored."""
FOLDER, ENDING, IMAGE_ENDING = "gtBboxCityPersons", "_gtBboxCityPersons.json", "_leftImg8bit.png"


@DATASETS.register
class CityPersons(LabelledSource):
    """Images of CityPersons with whole bodies, whose identities are unknown.

    Args:
        root: with `gtBboxCityPersons` and `leftImg8bit`.
        split: "train" or "val".
    """

    layout: ClassVar[str] = (
        "<root>/gtBboxCityPersons/<split>/<city>/<image>_gtBboxCityPersons.json with {imgWidth, imgHeight, objects: "
        "[{label, bbox: [x, y, w, h], bboxVis}]}, and <root>/leftImg8bit/<split>/<city>/<image>_leftImg8bit.png"
    )
    splits: ClassVar[tuple[str, ...]] = ("train", "val")
    of_images: ClassVar[bool] = True

    def __init__(self, root: str | Path, split: str | None = None) -> None:
        self.root = find_root(root, "CityPersons", self.layout)
        check_split("CityPersons", split or "train", self.splits)
        self.items = sorted((self.root / FOLDER / (split or "train")).glob(f"*/*{ENDING}"))
        if not self.items:
            raise DataError(f"{self.root / FOLDER / (split or 'train')} has no annotations; expected {self.layout}")

    def read(self, number: int) -> LabelledVideo:
        """The image of that number."""
        path: Path = self.items[number]
        image = Path(path.parent.name, path.name.removesuffix(ENDING) + IMAGE_ENDING)
        try:
            content = json.loads(read_text(path, self.layout))
            objects = content["objects"]
            boxes = np.array([one["bbox"] for one in objects], np.float64).reshape(-1, 4)
            visible = np.array([one.get("bboxVis", one["bbox"]) for one in objects], np.float64).reshape(-1, 4)
            ignored = np.array([one["label"] not in COUNTED for one in objects], bool)
            size_wh = (int(content["imgWidth"]), int(content["imgHeight"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: {error!r}; expected {self.layout}") from error
        areas = boxes[:, 2:].prod(axis=1)
        return LabelledVideo(
            path.parent.name,
            (self.root / "leftImg8bit" / path.parent.parent.name / image,),
            size_wh,
            np.zeros(len(boxes), np.int64),
            np.full(len(boxes), -1),
            boxes,
            visibility=np.clip(visible[:, 2:].prod(axis=1) / np.where(areas > 0, areas, 1.0), 0.0, 1.0),
            ignored=ignored,
            file=path,
        )

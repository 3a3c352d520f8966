"""CrowdHuman (https://www.crowdhuman.org): images of crowds with visible and whole bodies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np

from dmtrack.data.sources.base import check_split, find_root
from dmtrack.data.sources.frames import image_size_wh
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS


@DATASETS.register
class CrowdHuman(LabelledSource):
    """The images of CrowdHuman with the whole bodies of their people, who are all different.

    People marked as ignored, and masks that look like people, do not count.

    Args:
        root: with `annotation_<split>.odgt` and `Images/*.jpg`.
        split: "train" or "val".
    """

    layout: ClassVar[str] = (
        "<root>/{annotation_train.odgt, annotation_val.odgt} with a line {ID, gtboxes: [{tag, fbox: [x, y, w, h]}]} "
        "per image, and <root>/Images/<ID>.jpg"
    )
    splits: ClassVar[tuple[str, ...]] = ("train", "val")
    of_images: ClassVar[bool] = True

    def __init__(self, root: str | Path, split: str | None = None) -> None:
        self.root = find_root(root, "CrowdHuman", self.layout)
        check_split("CrowdHuman", split or "train", self.splits)
        self._path = self.root / f"annotation_{split or 'train'}.odgt"
        self.items = read_text(self._path, self.layout).strip().split("\n")

    def read(self, number: int) -> LabelledVideo:
        """The image of that line."""
        try:
            entry = json.loads(self.items[number])
            image = self.root / "Images" / f"{entry['ID']}.jpg"
            boxes = np.array([one["fbox"] for one in entry["gtboxes"]], np.float64).reshape(-1, 4)
            visible = np.array([one.get("vbox", one["fbox"]) for one in entry["gtboxes"]], np.float64).reshape(-1, 4)
            ignored = [
                one["tag"] != "person" or (one.get("extra") or {}).get("ignore") == 1 for one in entry["gtboxes"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{self._path}:{number + 1}: {error!r}; expected {self.layout}") from error
        areas = boxes[:, 2:].prod(axis=1)
        return LabelledVideo(
            "",
            (image,),
            image_size_wh(image),
            np.zeros(len(boxes), np.int64),
            np.arange(len(boxes)),
            boxes,
            visibility=np.clip(visible[:, 2:].prod(axis=1) / np.where(areas > 0, areas, 1.0), 0.0, 1.0),
            ignored=np.array(ignored, bool),
            file=self._path,
            lines=np.full(len(boxes), number + 1),
        )

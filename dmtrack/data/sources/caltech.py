"""Caltech Pedestrians (https://data.caltech.edu/records/f6rph-90m20): people seen from a car, with identities."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dmtrack.data.sources.base import check_split, find_root
from dmtrack.data.sources.frames import image_size_wh, list_frames
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

LAST_TRAINING_SET = 5
"""set00 to set05 train, set06 to set10 test."""


@DATASETS.register
class Caltech(LabelledSource):
    """Videos of Caltech Pedestrians whose frames have been extracted from their .seq files.

    "person" counts; "people" (groups), "person?" and "person-fa" do not. Frames that were not extracted are left out.

    Args:
        root: with `annotations` and `images`.
        split: "train", "test", or None for all sets.
    """

    layout: ClassVar[str] = (
        "<root>/annotations/set00/V000.vbb, and the extracted frames, numbered from 0: "
        "<root>/images/set00/V000/I00000.jpg or <root>/images/set00_V000_0.png"
    )
    splits: ClassVar[tuple[str, ...]] = ("train", "test")
    first_pixel: ClassVar[float] = 1.0

    def __init__(self, root: str | Path, split: str | None = None) -> None:
        self.root = find_root(root, "Caltech", self.layout)
        check_split("Caltech", split or "train", self.splits)
        files = sorted((self.root / "annotations").glob("set*/V*.vbb"))
        number = {file: int(re.sub(r"\D", "", file.parent.name) or 0) for file in files}
        self.items = [
            file for file in files if split is None or (number[file] <= LAST_TRAINING_SET) == (split == "train")
        ]
        if not self.items:
            raise DataError(f"{self.root} has no annotations/set*/V*.vbb of these sets; expected {self.layout}")

    def read(self, number: int) -> LabelledVideo:
        """The video of that number."""
        from dmtrack.data.sources.matlab import read_mat

        path: Path = self.items[number]
        images = self._images(path)
        places = {frame: place for place, (frame, _) in enumerate(images)}
        try:
            content = read_mat(path, self.layout)["A"]
            labels = np.atleast_1d(content.objLbl)
            rows = [
                (places[frame], int(one.id), one.pos, one.posv, int(one.occl))
                for frame, objects in enumerate(np.atleast_1d(content.objLists))
                for one in np.atleast_1d(objects)
                if frame in places and hasattr(one, "id")
            ]
            counted = [str(labels[identity - 1]) == "person" for _, identity, *_ in rows]
            boxes = np.array([pos for _, _, pos, _, _ in rows], np.float64).reshape(-1, 4)
            seen = np.array([np.resize(posv, 4) for _, _, _, posv, _ in rows], np.float64).reshape(-1, 4)
        except (KeyError, AttributeError, ValueError, TypeError, IndexError) as error:
            raise DataError(f"{path}: {error!r}; expected Caltech's annotation of a video (vbb)") from error
        areas, hidden = boxes[:, 2:].prod(axis=1), np.array([row[4] for row in rows], bool)
        visible = np.clip(seen[:, 2:].prod(axis=1) / np.where(areas > 0, areas, 1.0), 0.0, 1.0)
        return LabelledVideo(
            f"{path.parent.name}_{path.stem}",
            tuple(image for _, image in images),
            image_size_wh(images[0][1]),
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            boxes,
            visibility=np.where(hidden & (seen[:, 2:] > 0).all(axis=1), visible, 1.0),
            ignored=~np.array(counted, bool),
            file=path,
        )

    def _images(self, path: Path) -> list[tuple[int, Path]]:
        """Numbers and files of the frames of a video that were extracted."""
        folder, prefix = self.root / "images", f"{path.parent.name}_{path.stem}_"
        own = folder / path.parent.name / path.stem
        found: list[Any] = [own / name for name in list_frames(own, self.layout).names] if own.is_dir() else []
        found = found or [file for file in folder.glob(f"{prefix}*") if file.suffix.lower() in (".png", ".jpg")]
        numbered = sorted((int(digits[-1]), file) for file in found if (digits := re.findall(r"\d+", file.stem)))
        if not numbered:
            raise DataError(f"{path}: none of its frames is there; expected {self.layout}")
        return numbered

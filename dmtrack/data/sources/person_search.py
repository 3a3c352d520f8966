"""Data sets of person search, whose people have identities across images: CUHK-SYSU and PRW."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dmtrack.data.sources.base import check_split, find_root
from dmtrack.data.sources.frames import image_size_wh
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.data.sources.matlab import read_mat
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

PRW_VARIABLES = ("box_new", "anno_file", "anno_previous")
"""Names that PRW's annotation has in different files."""


@DATASETS.register
class CUHKSYSU(LabelledSource):
    """Street snaps and film stills of CUHK-SYSU (http://www.ee.cuhk.edu.hk/~xgwang/PS/dataset.html).

    Args:
        root: with `Image/SSM` and `annotation`.
        split: "train" are the images that are not in the gallery of the test, "test" those that are.
    """

    layout: ClassVar[str] = "<root>/{Image/SSM/s1.jpg ..., annotation/{Images.mat, Person.mat, pool.mat}}"
    splits: ClassVar[tuple[str, ...]] = ("train", "test")
    of_images: ClassVar[bool] = True
    shared_identities: ClassVar[bool] = True

    def __init__(self, root: str | Path, split: str | None = None) -> None:
        self.root = find_root(root, "CUHK-SYSU", self.layout)
        check_split("CUHK-SYSU", split or "train", self.splits)
        folder = self.root / "annotation"
        self._path = folder / "Images.mat"
        files = [read_mat(folder / name, self.layout) for name in ("Images.mat", "Person.mat", "pool.mat")]
        try:
            gallery = {str(name) for name in np.atleast_1d(files[2]["pool"])}
            people: dict[str, dict[tuple[int, ...], int]] = defaultdict(dict)
            for identity, person in enumerate(np.atleast_1d(files[1]["Person"]), start=1):
                for scene in np.atleast_1d(_values(person)[2]):
                    name, place, _ = _values(scene)
                    people[str(name)][tuple(np.asarray(place, int).tolist())] = identity
            self.items: list[Any] = []
            for image in np.atleast_1d(files[0]["Img"]):
                name, _, places = _values(image)
                if (name in gallery) == (split == "test"):
                    boxes = [np.asarray(_values(box)[0], int).tolist() for box in np.atleast_1d(places)]
                    self.items.append((name, boxes, [people[name].get(tuple(box), -1) for box in boxes]))
        except (KeyError, AttributeError, ValueError, TypeError, IndexError) as error:
            raise DataError(f"{folder}: {error!r}; expected the annotation of CUHK-SYSU: {self.layout}") from error

    def read(self, number: int) -> LabelledVideo:
        """The image of that number."""
        name, boxes, identities = self.items[number]
        image = self.root / "Image" / "SSM" / name
        return LabelledVideo(
            "",
            (image,),
            image_size_wh(image),
            np.zeros(len(boxes), np.int64),
            np.array(identities, np.int64),
            np.array(boxes, np.float64).reshape(-1, 4),
            file=self._path,
        )


def _values(struct: Any) -> list[Any]:
    """The fields of a struct in their order; their names are not the same in all copies."""
    return [getattr(struct, name) for name in struct._fieldnames]


@DATASETS.register
class PRW(LabelledSource):
    """Images of six cameras on a campus (https://github.com/liangzheng06/PRW-baseline), every 25th frame.

    Args:
        root: with `frames`, `annotations`, `frame_train.mat` and `frame_test.mat`.
        split: "train" or "test".
    """

    layout: ClassVar[str] = (
        "<root>/{frames/c1s1_000151.jpg, annotations/c1s1_000151.jpg.mat with rows identity, x, y, w, h (-2 unknown), "
        "frame_train.mat, frame_test.mat}"
    )
    splits: ClassVar[tuple[str, ...]] = ("train", "test")
    of_images: ClassVar[bool] = True
    shared_identities: ClassVar[bool] = True

    def __init__(self, root: str | Path, split: str | None = None) -> None:
        self.root = find_root(root, "PRW", self.layout)
        check_split("PRW", split or "train", self.splits)
        path = self.root / f"frame_{split or 'train'}.mat"
        names = read_mat(path, self.layout).get(f"img_index_{split or 'train'}")
        if names is None:
            raise DataError(f"{path} has no img_index_{split or 'train'}; expected the list of PRW's images")
        self.items = [f"{str(name).removesuffix('.jpg')}.jpg" for name in np.atleast_1d(names)]

    def read(self, number: int) -> LabelledVideo:
        """The image of that number."""
        image = self.root / "frames" / self.items[number]
        path = self.root / "annotations" / f"{self.items[number]}.mat"
        content = read_mat(path, self.layout)
        found = next((content[name] for name in PRW_VARIABLES if name in content), None)
        rows = np.zeros((0, 5)) if found is None or not np.size(found) else np.atleast_2d(np.asarray(found, np.float64))
        if found is None or rows.shape[1] != 5 or not np.isfinite(rows[:, 0]).all():
            raise DataError(f"{path}: expected one of {', '.join(PRW_VARIABLES)} with rows identity, x, y, w, h")
        return LabelledVideo(
            "",
            (image,),
            image_size_wh(image),
            np.zeros(len(rows), np.int64),
            np.maximum(rows[:, 0], -1).astype(np.int64),
            rows[:, 1:],
            file=path,
        )

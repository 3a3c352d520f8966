"""Labels of JDE and FairMOT: one text file per image, lists of images per data set, and a JSON file that names them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import OnDemand
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.frames import image_size_wh
from dmtrack.data.sources.images import AnnotatedImage, ImageSource
from dmtrack.data.sources.labelled import LARGEST_IDENTITY, LabelledSource, LabelledVideo
from dmtrack.errors import DataError
from dmtrack.files import at_home, read_json, read_text
from dmtrack.media.images import IMAGE_SUFFIXES
from dmtrack.registry import DATASETS

LAYOUT = (
    '{"root": FOLDER, "train": {NAME: LIST, ...}}, where LIST has the paths of images below FOLDER; the labels of '
    "a/images/b.jpg stand in a/labels_with_ids/b.txt with lines class id x-centre y-centre width height"
)


@DATASETS.register
class JDELabels(ImageSource):
    """Images of several data sets in the format of FairMOT's `src/lib/cfg/*.json`.

    Identities of the data sets are counted through in the order of the file; -1 stays unknown. Files name classes and
    identities from 0, and centres and sizes as shares of the image.

    Args:
        data: the JSON file.
        split: which of its entries: "train", "test" or "test_emb".
        root: folder of the images and lists instead of the `root` in the file.
    """

    def __init__(self, data: str | Path, split: str = "train", root: str | Path | None = None) -> None:
        path = at_home(data)
        named_root, lists = _read_lists(path, split)
        folder = at_home(root) if root is not None else path.parent / named_root
        labelled: list[tuple[Path, NDArray[np.float64]]] = []
        for list_file in lists:
            own = []
            for image in _read_list(folder, list_file):
                label, rows = _read_labels(folder / image)
                wrong = ~np.isfinite(rows).all(axis=1) | (rows[:, 4:] < 0).any(axis=1)
                _refuse(label, rows, np.asarray(wrong))
                own.append((folder / image, rows))
            identities = max((int(rows[:, 1].max(initial=-1)) for _, rows in own), default=-1) + 1
            for _, rows in own:
                rows[rows[:, 1] >= 0, 1] += self.identity_count
            self.identity_count += identities
            labelled += own
        if not labelled:
            raise DataError(f"{path}: the lists of {split!r} name no image; expected {LAYOUT}")
        self.records = OnDemand(len(labelled), partial(_image, labelled))


def _image(labelled: list[tuple[Path, NDArray[np.float64]]], index: int) -> AnnotatedImage:
    """An image, whose size is read when it is asked for: labels are shares of it."""
    path, rows = labelled[index]
    width, height = image_size_wh(path)
    centres, sizes = rows[:, 2:4] * (width, height), rows[:, 4:6] * (width, height)
    boxes_xywh = np.concatenate([centres - sizes / 2, sizes], axis=1)
    classes, identities = rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64)
    labels = tuple(map(str, classes.tolist()))
    return AnnotatedImage(path, boxes_xywh, labels, size_wh=(width, height), identities=identities, classes=classes)


def _read_lists(path: Path, split: str) -> tuple[str, list[str]]:
    """Folder of the images, and the list files of a split."""
    content = read_json(path, LAYOUT)
    root, lists = content.get("root"), content.get(split)
    if not isinstance(root, str):
        raise DataError(f"{path} has no 'root' that is a folder; expected {LAYOUT}")
    if not isinstance(lists, dict):
        raise DataError(
            f"{path} has no {split!r} that names lists (its keys are {', '.join(content)}); expected {LAYOUT}"
        )
    return root, [str(one) for one in lists.values()]


def _read_list(folder: Path, name: str) -> list[str]:
    """The images that a list file names; it stands below the folder, below ./data, or where its path says."""
    candidates = list(dict.fromkeys((Path(name), folder / name, folder / Path(name).name)))
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise DataError(f"list {name} is missing: looked for {', '.join(map(str, candidates))}; expected {LAYOUT}")
    lines = map(str.strip, read_text(found, "one path of an image per line").split("\n"))
    return [line for line in lines if line]


def _read_labels(image: Path) -> tuple[Path, NDArray[np.float64]]:
    """The label file of an image, and its (objects, 6) rows: class, identity, centre and size as shares.

    There is no row where there is no file.

    Raises:
        DataError: a row has no class or identity; names the line.
    """
    before, found, behind = image.as_posix().rpartition("/images/")
    if not found:
        raise DataError(f"{image}: expected a folder called images in the path, beside which labels_with_ids stands")
    path = Path(before, "labels_with_ids", behind).with_suffix(".txt")
    if not path.is_file() or not path.stat().st_size:
        return path, np.zeros((0, 6))
    rows = read_rows(path, "lines class id x-centre y-centre width height", (6,))
    whole = np.isfinite(rows[:, :2]).all(axis=1) & (rows[:, :2] % 1 == 0).all(axis=1)
    wrong = ~whole | (rows[:, 0] < 0) | (rows[:, 1] < -1) | (rows[:, 1] > LARGEST_IDENTITY)
    _refuse(path, rows, wrong)
    return path, rows


def _refuse(path: Path, rows: NDArray[np.float64], wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        line = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{path}:{line + 1}: {' '.join(f'{value:g}' for value in rows[line])}; expected class (from 0), identity "
            f"(from -1 to {LARGEST_IDENTITY}), and centre and size as shares of the image"
        )


@DATASETS.register
class FairMOTLabels(LabelledSource):
    """The images and labels of `JDELabels` one by one, as the data doctor and conversion take them.

    Args:
        root: a data file, a folder with a single one, or a folder with `images` and `labels_with_ids`, as the data zoo
            of JDE packs CityPersons, Caltech, CUHK-SYSU, PRW and ETHZ.
        split: which entry of the data file: "train", "test" or "test_emb".
    """

    layout: ClassVar[str] = LAYOUT
    of_images: ClassVar[bool] = True
    shared_identities: ClassVar[bool] = True
    class_names: tuple[str, ...] = ()

    def __init__(self, root: str | Path, split: str | None = None) -> None:
        path = at_home(root)
        found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if (path / "images").is_dir() and not found:
            self.root = path
            files = sorted(file for file in (path / "images").rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
            self.items = [(0, file) for file in files]
            return
        if len(found) != 1:
            raise DataError(f"{path}: expected one data file, found {len(found)}; expected {LAYOUT}")
        named_root, lists = _read_lists(found[0], split or "train")
        self.root = found[0].parent / named_root
        self.items = [
            (number, self.root / image) for number, name in enumerate(lists) for image in _read_list(self.root, name)
        ]
        # Identities of the data sets must not be mixed up; how many there are is not known before all labels are read.
        self.identity_span = LARGEST_IDENTITY // max(len(lists), 1)

    def read(self, number: int) -> LabelledVideo:
        """The image of that number."""
        place, image = self.items[number]
        path, rows = _read_labels(image)
        _refuse(path, rows, rows[:, 1] >= self.identity_span)
        size_wh = image_size_wh(image)
        centres, sizes = rows[:, 2:4] * size_wh, rows[:, 4:6] * size_wh
        known = rows[:, 1] >= 0
        below = image.parent.as_posix().rpartition("/images")[2].strip("/")
        return LabelledVideo(
            below,
            (image,),
            size_wh,
            np.zeros(len(rows), np.int64),
            np.where(known, rows[:, 1] + place * self.identity_span, -1).astype(np.int64),
            np.concatenate([centres - sizes / 2, sizes], axis=1),
            rows[:, 0].astype(np.int64),
            file=path,
            lines=np.arange(1, len(rows) + 1),
        )

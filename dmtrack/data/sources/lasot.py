"""LaSOT in its official layout (http://vision.cs.stonybrook.edu/~lasot)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import read_flags, read_rows, read_tags
from dmtrack.data.sources.base import SequenceSource, check_split, find_root, listed_names, make_sequence
from dmtrack.data.sources.frames import FrameFiles, list_frames
from dmtrack.data.sources.places import FlagFile, ListFile, SequencePlace, VideoFiles, line_count
from dmtrack.data.sources.published_lists import published_lasot_test_names
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/<class>/<class>-<number>/{img/00000001.jpg, groundtruth.txt, full_occlusion.txt, out_of_view.txt} "
    "(or the sequence folders directly in <root>) and, if wanted, <root>/{training_set,testing_set}.txt"
)
ANNOTATIONS = (
    "<sequence>/{groundtruth.txt, absent.txt, attributes.txt}, or the evaluation toolkit's annos/{<sequence>.txt, "
    "absent/<sequence>.txt, att/<sequence>.txt}"
)
"""Where the annotations lie when there are no images; the official layout will do as well."""

ATTRIBUTES = ("IV", "POC", "DEF", "MB", "CM", "ROT", "BC", "VC", "SV", "FOC", "FM", "OV", "LR", "ARC")
"""Of sequences, in the order of the toolkit's files."""

_MORE_FRAMES_THAN_BOXES = ("monkey-17",)
"""The toolkit cuts the frames of these to their boxes."""


@DATASETS.register
class LaSOT(SequenceSource):
    """LaSOT: 1120 training and 280 test sequences.

    The files count pixels from 1, as MATLAB does; here they count from 0. Frames flagged as fully occluded or out of
    view have no target, although the files hold a box for some of them.

    Args:
        root: folder of the classes or of the sequences.
        split: "train", "test" or "all". Lists in `root` decide; without them "test" is the published list of 280
            sequences and "train" is everything else that lies there.
        index_base: number of the first pixel in the files.
        images: False opens the annotations alone, which may also lie as in `ANNOTATIONS`.
    """

    def __init__(self, root: str | Path, split: str = "train", index_base: int = 1, images: bool = True) -> None:
        check_split("LaSOT", split, ("train", "test", "all"))
        self.root = find_root(root, "LaSOT", LAYOUT)
        self.split = split
        self.index_base = index_base
        self.images = images
        self._annotations = {
            path.parent.name: path
            for pattern in ("*/groundtruth.txt", "*/*/groundtruth.txt")
            for path in sorted(self.root.glob(pattern))
        }
        if not self._annotations and not images:
            self._annotations = {
                path.stem: path for path in sorted(self.root.glob("*.txt")) if re.fullmatch(r".+-\d+", path.stem)
            }
        if not self._annotations:
            expected = LAYOUT if images else f"{LAYOUT}; or, without images, {ANNOTATIONS}"
            raise DataError(f"LaSOT: no sequences in {self.root}; expected {expected}")
        self.names = self._names_of_split()
        if not self.names:
            raise DataError(f"LaSOT: {self.root} has no sequence of the split {split!r}; expected {LAYOUT}")

    def _names_of_split(self) -> list[str]:
        path = self.root / {"train": "training_set.txt", "test": "testing_set.txt"}.get(self.split, "-")
        names, listed = listed_names(path), str(path)
        if names is None and self.split == "test":
            names, listed = published_lasot_test_names(), "the published test list"
        if names is None:
            test = _test_names(self.root) if self.split == "train" else set()
            return [name for name in sorted(self._annotations) if name not in test]
        missing = [name for name in names if name not in self._annotations]
        if missing:
            raise DataError(
                f"LaSOT: {len(missing)} of {len(names)} sequences of {listed} are missing in {self.root}, first "
                f"{missing[0]!r}; complete the download, or list what you have in {self.root}/testing_set.txt"
            )
        return names

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        annotation = self._annotations[name]
        boxes = read_rows(annotation, "a line 'left,top,width,height' per frame, counted from 1")
        boxes[:, :2] -= self.index_base
        frames = list_frames(annotation.parent / "img", LAYOUT) if self.images else None
        if frames is not None and name in _MORE_FRAMES_THAN_BOXES and len(frames) > len(boxes):
            frames = FrameFiles(frames.folder, frames.names[: len(boxes)])
        return make_sequence(
            name,
            frames,
            boxes,
            annotation,
            present=_read_presence(annotation, len(boxes)),
            index_base=self.index_base,
            tags=read_tags(_beside(annotation, "attributes.txt", "att"), ATTRIBUTES),
            category=name.rsplit("-", 1)[0],
        )


def _test_names(root: Path) -> set[str]:
    """Those in `testing_set.txt`, or in the published list."""
    return set(listed_names(root / "testing_set.txt") or published_lasot_test_names())


def _read_presence(annotation: Path, frames: int) -> NDArray[np.bool_] | None:
    """Where none of the flags is set; None where there are no flags at all."""
    files = [annotation.parent / "full_occlusion.txt", annotation.parent / "out_of_view.txt"]
    absent = [read_flags(path, "0 or 1 per frame", frames) != 0 for path in files if path.is_file()]
    toolkit = _beside(annotation, "absent.txt", "absent")
    if not absent and toolkit.is_file():
        absent = [read_flags(toolkit, "0 or 1 (absent) per frame", frames) != 0]
    return ~np.logical_or.reduce(absent) if absent else None


def _beside(annotation: Path, name: str, folder: str) -> Path:
    """`<sequence>/<name>`, or the evaluation toolkit's `<folder>/<sequence>.txt`."""
    if annotation.name == "groundtruth.txt":
        return annotation.parent / name
    return annotation.parent / folder / annotation.name


def _locate(root: Path, split: str | None) -> list[SequencePlace]:
    """`img` beside `groundtruth.txt`; what is in `testing_set.txt`, or in the published list, is the split "test"."""
    test, places = _test_names(root), []
    for annotation in (*sorted(root.glob("*/groundtruth.txt")), *sorted(root.glob("*/*/groundtruth.txt"))):
        folder = annotation.parent
        own = "test" if folder.name in test else "train"
        if split in (None, own):
            span = (1, line_count(annotation)) if folder.name in _MORE_FRAMES_THAN_BOXES else None
            places.append(SequencePlace(folder.name, annotation, folder / "img", folder, span, split=own))
    return places


FILES = VideoFiles(
    layout=LAYOUT,
    locate=_locate,
    flags=(
        FlagFile("full_occlusion.txt", "1 where the target is fully occluded", required=True, instead="absent.txt"),
        FlagFile("out_of_view.txt", "1 where the target is out of view", required=True, instead="absent.txt"),
        FlagFile("absent.txt", "1 where the target is absent (the evaluation toolkit's form)"),
    ),
    lists=(ListFile("training_set.txt", "train"), ListFile("testing_set.txt", "test")),
    splits=("train", "test"),
    counts={"train": 1120, "test": 280},
    published={"test": tuple(published_lasot_test_names())},
    depth=2,
)

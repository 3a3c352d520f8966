"""GOT-10k in its official layout (http://got-10k.aitestunion.com)."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import read_flags, read_rows
from dmtrack.data.sources.base import SequenceSource, check_split, find_names, find_root, make_sequence
from dmtrack.data.sources.frames import list_frames
from dmtrack.data.sources.places import FlagFile, ListFile, SequencePlace, VideoFiles
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/{train,val,test}/list.txt and <root>/<split>/<sequence>/{00000001.jpg, groundtruth.txt, absence.label, "
    "cover.label, meta_info.ini}"
)


@DATASETS.register
class GOT10k(SequenceSource):
    """GOT-10k: 9335 training, 180 validation and 180 test sequences; boxes are 0-based left, top, width, height.

    Frames whose absence label is 1 have no target. The test split publishes the first box only.

    Args:
        root: folder with `train`, `val` and `test`, or the folder of one split.
        split: "train", "val" or "test".
    """

    def __init__(self, root: str | Path, split: str = "train", images: bool = True) -> None:
        check_split("GOT-10k", split, ("train", "val", "test"))
        self.root = find_root(root, "GOT-10k", LAYOUT)
        self.split = split
        self.images = images
        self.folder = self.root / split if (self.root / split).is_dir() else self.root
        self.names = find_names(self.folder, f"GOT-10k, split {split!r}", LAYOUT)

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        folder = self.folder / name
        expected = f"{LAYOUT}; {name!r} is named in {self.folder / 'list.txt'}"
        frames = list_frames(folder, expected) if self.images else None
        annotation = folder / "groundtruth.txt"
        boxes = read_rows(annotation, "a line 'left,top,width,height' per frame")
        hidden = self.split == "test" and len(boxes) == 1
        absence, cover = folder / "absence.label", folder / "cover.label"
        present = None
        if absence.is_file() and not hidden:
            present = read_flags(absence, "0 or 1 (absent) per frame", len(boxes)) == 0
        covers = None
        if cover.is_file() and not hidden:
            covers = read_flags(cover, "the visible share in eighths per frame", len(boxes))
        meta, size = _read_meta(folder / "meta_info.ini")
        return make_sequence(
            name,
            frames,
            boxes,
            annotation,
            present=present,
            cover=covers,
            frame_size_wh=size,
            first_box_only=hidden,
            category=meta.get("object_class", ""),
            meta=meta,
        )


def _read_meta(path: Path) -> tuple[dict[str, str], tuple[int, int] | None]:
    if not path.is_file():
        return {}, None
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path, "the section [METAINFO]"))
        meta = dict(parser["METAINFO"])
    except (configparser.Error, KeyError) as error:
        raise DataError(f"{path}: expected an ini file with the section [METAINFO]: {error}") from error
    numbers = re.findall(r"\d+", meta.get("resolution", ""))
    return meta, (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else None


def _locate(root: Path, split: str | None) -> list[SequencePlace]:
    """`<split>/<sequence>`, or the folder of one split; the test split has first boxes only."""
    wanted = (split,) if split else ("train", "val", "test")
    folders = [root / name for name in wanted if (root / name).is_dir()] or [root]
    return [
        SequencePlace(
            annotation.parent.name,
            annotation,
            annotation.parent,
            annotation.parent,
            first_box_only="test" in (folder.name, split),
            split=folder.name if folder != root else split or root.name,
        )
        for folder in folders
        for annotation in sorted(folder.glob("*/groundtruth.txt"))
    ]


FILES = VideoFiles(
    layout=LAYOUT,
    locate=_locate,
    flags=(
        FlagFile("absence.label", "1 where the target is absent"),
        FlagFile("cover.label", "the visible share in eighths", values=(0, 8)),
        FlagFile("cut_by_image.label", "1 where the image cuts the target"),
    ),
    lists=tuple(ListFile(f"{split}/list.txt", split, complete=True) for split in ("train", "val", "test")),
    splits=("train", "val", "test"),
    counts={"train": 9335, "val": 180, "test": 180},
    bases=("train", "val", "test"),
)

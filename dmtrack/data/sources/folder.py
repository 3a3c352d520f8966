"""Anybody's sequences: one folder each, with frames and boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import read_flags, read_rows
from dmtrack.data.sources.base import SequenceSource, find_root, make_sequence
from dmtrack.data.sources.frames import list_frames
from dmtrack.data.sources.places import FlagFile, VideoFiles, beside
from dmtrack.errors import DataError
from dmtrack.files import read_json
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/<sequence>/{00000001.jpg ..., groundtruth.txt with a line x,y,w,h per frame (nan,nan,nan,nan where the "
    'target is absent)}, optionally absence.label and meta.json with "index_base"'
)


@DATASETS.register
class SequenceFolder(SequenceSource):
    """A folder of sequences much like GOT-10k's.

    Args:
        root: folder of the sequences, or one sequence.
        index_base: number of the first pixel (0 or 1) where a sequence's `meta.json` does not say it.
        names: which sequences, in this order; None takes all, sorted.
    """

    def __init__(
        self, root: str | Path, index_base: int = 0, names: tuple[str, ...] | None = None, images: bool = True
    ) -> None:
        self.root = find_root(root, "SequenceFolder", LAYOUT)
        self.index_base = index_base
        self.images = images
        if (self.root / "groundtruth.txt").is_file():
            self.root, found = self.root.parent, [self.root.name]
        else:
            found = sorted(path.parent.name for path in self.root.glob("*/groundtruth.txt"))
        if not found and (split := next(self.root.glob("*/list.txt"), None)) is not None:
            raise DataError(f"{root} has the layout of GOT-10k; add --layout got10k, or give {split.parent}")
        if not found:
            raise DataError(f"SequenceFolder: no */groundtruth.txt in {self.root}; expected {LAYOUT}")
        missing = [name for name in names or () if name not in found]
        if missing:
            raise DataError(f"SequenceFolder: {self.root} has no sequence {missing[0]!r}; it has {', '.join(found)}")
        self.names = list(names) if names is not None else found

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        folder = self.root / name
        annotation = folder / "groundtruth.txt"
        boxes = read_rows(annotation, "a line x,y,w,h per frame")
        meta = _read_meta(folder / "meta.json")
        index_base = float(meta.get("index_base", self.index_base))
        attributes = meta.get("attributes", ())  # a name, a list of names, or an object from name to true or false
        if isinstance(attributes, dict):
            attributes = [name for name, present in attributes.items() if present]
        boxes[:, :2] -= index_base
        absence = folder / "absence.label"
        present = np.atleast_1d(~np.isnan(boxes).any(axis=1))  # NaN means absent here, too
        if absence.is_file():
            present &= read_flags(absence, "0 or 1 (absent) per frame", len(boxes)) == 0
        frames = list_frames(folder, LAYOUT) if self.images else None
        return make_sequence(
            name,
            frames,
            boxes,
            annotation,
            present=present,
            index_base=index_base,
            tags=tuple(map(str, [attributes] if isinstance(attributes, str) else attributes)),
            category=str(meta.get("class", "")),
            meta=meta,
        )


def _read_meta(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    meta = read_json(path, 'an object, optionally with "index_base"')
    if meta.get("index_base", 0) not in (0, 1):
        raise DataError(f'{path}: expected a JSON object whose "index_base", if it has one, is 0 or 1')
    if not isinstance(meta.get("attributes", []), (str, list, dict)):
        raise DataError(f'{path}: expected a name, a list of names or an object in "attributes"')
    return meta


FILES = VideoFiles(
    layout=LAYOUT,
    locate=beside("*/groundtruth.txt", "groundtruth.txt"),
    first_number=None,
    gaps_allowed=True,
    flags=(FlagFile("absence.label", "1 where the target is absent"),),
)

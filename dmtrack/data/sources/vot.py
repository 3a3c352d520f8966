"""VOT short-term challenges up to 2019: polygons that are turned into upright boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sources.annotations import read_rows, read_text
from dmtrack.data.sources.base import SequenceSource, find_root, make_sequence
from dmtrack.data.sources.frames import list_frames
from dmtrack.data.types import Sequence
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/list.txt and <root>/<sequence>/{groundtruth.txt, color/00000001.jpg} (or the frames beside groundtruth.txt)"
)


@DATASETS.register
class VOT(SequenceSource):
    """VOT2013 to VOT2019 as the toolkits download them; regions count pixels from 0.

    Lines have 4 numbers (left, top, width, height) or 8 (the corners of a polygon). `attributes["polygons"]` keeps the
    (frames, 8) polygons; the boxes are the smallest upright boxes around them.

    Args:
        root: folder of the sequences.

    Raises:
        DataError: the folder or a file is missing, or files do not match; the message shows the expected layout.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = find_root(root, "VOT", LAYOUT)
        listed = self.root / "list.txt"
        if listed.is_file():
            self.names = read_text(listed, "one sequence name per line").split()
        else:
            self.names = sorted(path.parent.name for path in self.root.glob("*/groundtruth.txt"))
        if not self.names:
            raise DataError(f"VOT: no sequences in {self.root}; expected {LAYOUT}")

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        folder = self.root / name
        annotation = folder / "groundtruth.txt"
        rows = read_rows(annotation, "a rectangle (4 numbers) or polygon (8 numbers) per frame", columns=(4, 8))
        frames = list_frames(folder / "color" if (folder / "color").is_dir() else folder, LAYOUT)
        attributes = {"polygons": rows} if rows.shape[1] == 8 else {}
        return make_sequence(name, frames, upright_boxes_xywh(rows), annotation, attributes=attributes)


def upright_boxes_xywh(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames, 4) rectangles as they are, or the boxes around (frames, 8) polygons x1,y1,...,x4,y4."""
    if rows.shape[1] == 4:
        return rows
    across, down = rows[:, 0::2], rows[:, 1::2]
    top_left = np.stack([across.min(axis=1), down.min(axis=1)], axis=1)
    bottom_right = np.stack([across.max(axis=1), down.max(axis=1)], axis=1)
    return np.concatenate([top_left, bottom_right - top_left], axis=1)

"""OTB-100 and UAV123, whose boxes count pixels from 1."""

from __future__ import annotations

import re
from pathlib import Path

from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.base import SequenceSource, find_root, make_sequence
from dmtrack.data.sources.frames import FrameFiles, list_frames
from dmtrack.data.types import Sequence
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

OTB_LAYOUT = (
    "<root>/<sequence>/{img/0001.jpg, groundtruth_rect.txt} (or groundtruth_rect.1.txt, .2.txt: one per target)"
)
UAV_LAYOUT = "<root>/data_seq/UAV123/<video>/000001.jpg and <root>/anno/UAV123/<sequence>.txt"

_ANNOTATED_FRAMES = {
    "David": (300, 770),
    "Diving": (1, 215),
    "Football1": (1, 74),
    "Freeman3": (1, 460),
    "Freeman4": (1, 283),
}
"""First and last number of the annotated frames where the official folder holds more (the benchmark's own table)."""


@DATASETS.register
class OTB(SequenceSource):
    """OTB-100 in its official layout; videos with two targets (Jogging, Skating2) give `Name-1` and `Name-2`.

    Args:
        root: folder of the sequences.

    Raises:
        DataError: the folder or a file is missing, or files do not match; the message shows the expected layout.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = find_root(root, "OTB", OTB_LAYOUT)
        self._annotations: dict[str, Path] = {}
        for path in sorted(self.root.glob("*/groundtruth_rect*.txt")):
            target = path.name.removeprefix("groundtruth_rect").removesuffix(".txt").strip(".")
            self._annotations[path.parent.name + (f"-{target}" if target else "")] = path
        self.names = list(self._annotations)
        if not self.names:
            raise DataError(f"OTB: no */groundtruth_rect.txt in {self.root}; expected {OTB_LAYOUT}")

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        annotation = self._annotations[name]
        boxes = read_rows(annotation, "a line 'left,top,width,height' per frame, counted from 1")
        boxes[:, :2] -= 1
        frames = list_frames(annotation.parent / "img", OTB_LAYOUT)
        if len(frames) != len(boxes) and name in _ANNOTATED_FRAMES:
            first, last = _ANNOTATED_FRAMES[name]
            inside = (frame for frame in frames.names if first <= int(Path(frame).stem) <= last)
            frames = FrameFiles(frames.folder, tuple(inside))
        return make_sequence(name, frames, boxes, annotation)


@DATASETS.register
class UAV123(SequenceSource):
    """UAV123 in its official layout.

    Several sequences are parts of one video (`group1_2` of `group1`); which frames they cover stands in the
    benchmark's MATLAB file `configSeqs.m`, which lies in `<root>` in official downloads.

    Args:
        root: folder with `anno` and `data_seq`.

    Raises:
        DataError: the folder or a file is missing, or files do not match; the message shows the expected layout.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = find_root(root, "UAV123", UAV_LAYOUT)
        self._parts = read_uav_parts(self.root / "configSeqs.m")
        self.names = sorted(path.stem for path in (self.root / "anno" / "UAV123").glob("*.txt"))
        if not self.names:
            raise DataError(f"UAV123: no annotations in {self.root / 'anno' / 'UAV123'}; expected {UAV_LAYOUT}")

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        annotation = self.root / "anno" / "UAV123" / f"{name}.txt"
        boxes = read_rows(annotation, "a line 'left,top,width,height' per frame (NaN: absent), counted from 1")
        boxes[:, :2] -= 1
        video, first, last = self._parts.get(name, (name, 1, 0))
        frames = list_frames(self.root / "data_seq" / "UAV123" / video, UAV_LAYOUT)
        if last:
            frames = FrameFiles(frames.folder, frames.names[first - 1 : last])
        return make_sequence(name, frames, boxes, annotation)


def read_uav_parts(path: Path) -> dict[str, tuple[str, int, int]]:
    """Sequence -> (video, first frame, last frame) from the benchmark's `configSeqs.m`; empty where it is missing."""
    if not path.is_file():
        return {}
    pattern = r"'name','([^']+)','path','([^']*)','startFrame',(\d+),'endFrame',(\d+)"
    return {
        name: (folder.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1], int(first), int(last))
        for name, folder, first, last in re.findall(pattern, path.read_text(errors="replace"))
    }

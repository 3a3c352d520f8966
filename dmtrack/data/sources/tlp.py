"""TLP (Track Long and Prosper) in its official layout (https://amoudgl.github.io/tlp)."""

from __future__ import annotations

from pathlib import Path

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.base import SequenceSource, find_root, make_sequence
from dmtrack.data.sources.frames import list_frames
from dmtrack.data.sources.places import VideoFiles, beside
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

LAYOUT = "<root>/<sequence>/{img/00001.jpg, groundtruth_rect.txt with a line 'frame,left,top,width,height,lost' each}"


@DATASETS.register
class TLP(SequenceSource):
    """TLP: 50 videos of 8 minutes on average; boxes count pixels from 0, "lost" marks frames without the target."""

    def __init__(self, root: str | Path, images: bool = True) -> None:
        self.root = find_root(root, "TLP", LAYOUT)
        self.images = images
        self.names = sorted(path.parent.name for path in self.root.glob("*/groundtruth_rect.txt"))
        if not self.names:
            raise DataError(f"TLP: no */groundtruth_rect.txt in {self.root}; expected {LAYOUT}")

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        folder = self.root / name
        annotation = folder / "groundtruth_rect.txt"
        rows = read_rows(annotation, "a line 'frame,left,top,width,height,lost' per frame", columns=(6,))
        frames = list_frames(folder / "img", LAYOUT) if self.images else None
        return make_sequence(name, frames, rows[:, 1:5].copy(), annotation, present=rows[:, 5] == 0)


FILES = VideoFiles(
    layout=LAYOUT,
    locate=beside("*/groundtruth_rect.txt", frames=("img",)),
    columns=(6,),
    box_start=1,
    counts={"": 50},
)

"""TrackingNet in its official layout (https://tracking-net.org)."""

from __future__ import annotations

import re
from pathlib import Path

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.base import SequenceSource, find_root, make_sequence
from dmtrack.data.sources.frames import list_frames
from dmtrack.data.sources.places import SequencePlace, VideoFiles
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

LAYOUT = "<root>/{TRAIN_0 ... TRAIN_11, TEST}/{anno/<sequence>.txt, frames/<sequence>/0.jpg}"


@DATASETS.register
class TrackingNet(SequenceSource):
    """TrackingNet: 30132 training sequences in 12 chunks and 511 test sequences, 0-based boxes.

    The test split publishes the first box only.

    Args:
        root: folder of the chunks.
        split: "train" (all chunks that lie there), "test", or the name of one chunk such as "TRAIN_3".
        chunks: numbers of the training chunks to use; None takes all.
    """

    def __init__(
        self, root: str | Path, split: str = "train", chunks: tuple[int, ...] | None = None, images: bool = True
    ) -> None:
        self.root = find_root(root, "TrackingNet", LAYOUT)
        self.split = split
        self.images = images
        self._chunk_of = {
            path.stem: folder for folder in self._folders(chunks) for path in sorted((folder / "anno").glob("*.txt"))
        }
        self.names = list(self._chunk_of)
        if not self.names:
            raise DataError(f"TrackingNet: no annotations of split {split!r} in {self.root}; expected {LAYOUT}")

    def _folders(self, chunks: tuple[int, ...] | None) -> list[Path]:
        if self.split == "test":
            wanted = [self.root / "TEST"]
        elif self.split != "train":
            wanted = [self.root / self.split]
        elif chunks is not None:
            wanted = [self.root / f"TRAIN_{number}" for number in chunks]
        else:
            found = [path for path in self.root.glob("TRAIN_*") if re.fullmatch(r"TRAIN_\d+", path.name)]
            wanted = sorted(found, key=lambda path: int(path.name.split("_")[1]))
        missing = [folder for folder in wanted if not (folder / "anno").is_dir()]
        if missing:
            raise DataError(f"TrackingNet: no folder {missing[0] / 'anno'}; expected {LAYOUT}")
        return wanted

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        chunk = self._chunk_of[name]
        annotation = chunk / "anno" / f"{name}.txt"
        return make_sequence(
            name,
            list_frames(chunk / "frames" / name, LAYOUT) if self.images else None,
            read_rows(annotation, "a line 'left,top,width,height' per frame"),
            annotation,
            first_box_only=chunk.name == "TEST",
            meta={"chunk": chunk.name},
        )


def _locate(root: Path, split: str | None) -> list[SequencePlace]:
    """`<chunk>/anno/<sequence>.txt` and `<chunk>/frames/<sequence>`."""
    pattern = {None: r"TRAIN_\d+|TEST", "train": r"TRAIN_\d+", "test": "TEST"}.get(split, re.escape(split or ""))
    return [
        SequencePlace(
            annotation.stem,
            annotation,
            chunk / "frames" / annotation.stem,
            chunk / "frames" / annotation.stem,
            first_box_only=chunk.name == "TEST",
            split=chunk.name,
        )
        for chunk in sorted(root.glob("*"))
        if re.fullmatch(pattern, chunk.name)
        for annotation in sorted((chunk / "anno").glob("*.txt"))
    ]


CHUNKS = tuple(f"TRAIN_{number}" for number in range(12))

FILES = VideoFiles(
    layout=LAYOUT,
    locate=_locate,
    first_number=0,
    splits=("train", "test", "TEST", *CHUNKS),
    counts={"TEST": 511, **dict.fromkeys(CHUNKS, 2511)},
    bases=("TRAIN_*/frames", "TEST/frames"),
)

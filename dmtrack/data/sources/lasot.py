"""LaSOT in its official layout (http://vision.cs.stonybrook.edu/~lasot)."""

from __future__ import annotations

from pathlib import Path

from dmtrack.data.sources.annotations import read_flags, read_rows, read_text
from dmtrack.data.sources.base import SequenceSource, check_split, find_root, make_sequence
from dmtrack.data.sources.frames import list_frames
from dmtrack.data.sources.lasot_testing import published_test_names
from dmtrack.data.types import Sequence
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/<class>/<class>-<number>/{img/00000001.jpg, groundtruth.txt, full_occlusion.txt, out_of_view.txt} "
    "(or the sequence folders directly in <root>) and, if wanted, <root>/{training_set,testing_set}.txt"
)


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

    Raises:
        DataError: the folder or a file is missing, or files do not match; the message shows the expected layout.
    """

    def __init__(self, root: str | Path, split: str = "train", index_base: int = 1) -> None:
        check_split("LaSOT", split, ("train", "test", "all"))
        self.root = find_root(root, "LaSOT", LAYOUT)
        self.split = split
        self.index_base = index_base
        self._folders = {
            path.parent.name: path.parent
            for pattern in ("*/groundtruth.txt", "*/*/groundtruth.txt")
            for path in sorted(self.root.glob(pattern))
        }
        if not self._folders:
            raise DataError(f"LaSOT: no sequences in {self.root}; expected {LAYOUT}")
        self.names = self._names_of_split()
        if not self.names:
            raise DataError(f"LaSOT: {self.root} has no sequence of the split {split!r}; expected {LAYOUT}")

    def _names_of_split(self) -> list[str]:
        listed = self.root / {"train": "training_set.txt", "test": "testing_set.txt"}.get(self.split, "-")
        if listed.is_file():
            names = read_text(listed, "one sequence name per line").split()
            self._check_complete(names, str(listed))
            return names
        if self.split == "test":
            names = published_test_names()
            self._check_complete(names, "the published test list")
            return names
        names = sorted(self._folders)
        if self.split == "train":
            other = self.root / "testing_set.txt"
            test = read_text(other, "one sequence name per line").split() if other.is_file() else published_test_names()
            names = [name for name in names if name not in set(test)]
        return names

    def _check_complete(self, names: list[str], listed: str) -> None:
        missing = [name for name in names if name not in self._folders]
        if missing:
            raise DataError(
                f"LaSOT: {len(missing)} of {len(names)} sequences of {listed} are missing in {self.root}, first "
                f"{missing[0]!r}; complete the download, or list what you have in {self.root}/testing_set.txt"
            )

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        folder = self._folders[name]
        frames = list_frames(folder / "img", LAYOUT)
        annotation = folder / "groundtruth.txt"
        boxes = read_rows(annotation, "a line 'left,top,width,height' per frame, counted from 1")
        boxes[:, :2] -= self.index_base
        absent = [
            read_flags(path, "0 or 1 per frame", len(boxes)) != 0
            for path in (folder / "full_occlusion.txt", folder / "out_of_view.txt")
            if path.is_file()
        ]
        present = ~(absent[0] | absent[-1]) if absent else None
        return make_sequence(
            name, frames, boxes, annotation, present=present, attributes={"class": name.rsplit("-", 1)[0]}
        )

"""Boxes in zip archives, as labelling tools and benchmarks pack them: YOLO labels, and folders of sequences."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from dmtrack.config.yaml_reader import read_foreign_yaml
from dmtrack.data.sources import OTB, GOT10k, LaSOT, SequenceFolder
from dmtrack.data.sources.base import SequenceSource
from dmtrack.errors import ConfigError, DataError

Boxes = dict[int, tuple[float, ...]]
"""Left, top, width and height in pixels by frame, counted from 0."""

EXPECTED = "YOLO labels, or sequences in the layout of GOT-10k, LaSOT or OTB"

_TEXTS = (".txt", ".label", ".ini", ".yaml", ".yml", ".json", ".names")

MOST_UNPACKED_BYTES = 256 << 20
"""Of all texts of one archive; a small archive may hold endless ones."""


def read_packed(path: Path, size_wh: tuple[int, int]) -> dict[str, Boxes]:
    """The boxes of each object of an archive, by its name; pictures in it are not looked at.

    Args:
        path: of the archive.
        size_wh: of the frames, which YOLO's labels are shares of.

    Raises:
        DataError: it is damaged, too large, or has no such labels.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            texts = [one for one in archive.infolist() if one.filename.lower().endswith(_TEXTS) and not one.is_dir()]
            if sum(one.file_size for one in texts) > MOST_UNPACKED_BYTES:
                raise DataError(f"{path.name} holds texts of more than {MOST_UNPACKED_BYTES} bytes; split it")
            labels = {name: archive.read(name) for name in (one.filename for one in texts) if _frame_of(name) >= 0}
            if labels:
                names = [one.filename for one in texts if one.filename.lower().endswith((".yaml", ".yml"))]
                return _yolo(labels, archive.read(names[0]) if names else b"", size_wh)
            with tempfile.TemporaryDirectory(prefix="dmtrack-unpacked-") as folder:
                archive.extractall(folder, texts)  # which leaves out "..", roots and drives
                return _sequences(Path(folder), path.name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise DataError(f"{path.name} is no readable zip archive ({error}); expected {EXPECTED}") from error


def _frame_of(name: str) -> int:
    """The number of the frame that a file of YOLO's labels is named after; -1 for other files."""
    place = PurePosixPath(name.replace("\\", "/"))
    number = re.search(r"(\d+)$", place.stem)
    labels = any(part == "labels" or part.startswith("obj_") for part in place.parts[:-1])
    return int(number[1]) if number and labels and place.suffix == ".txt" else -1


def _yolo(labels: dict[str, bytes], names: bytes, size_wh: tuple[int, int]) -> dict[str, Boxes]:
    """One object per class, since these labels know no identities."""
    try:
        said = (read_foreign_yaml(names.decode(), "the YAML file of the labels") or {}).get("names", {})
    except (ConfigError, UnicodeDecodeError, AttributeError) as error:
        raise DataError(f"the YAML file of the labels cannot be read ({error})") from error
    called = dict(enumerate(said)) if isinstance(said, list) else dict(said)
    first = min(1, *map(_frame_of, labels))  # some tools count frames from 0, others from 1
    found: dict[int, Boxes] = {}
    for name, content in labels.items():
        for line in content.decode().splitlines():
            kind, *shares = line.split()
            if len(shares) not in (4, 5):
                raise DataError(f"{name}: expected lines of class, centre x, centre y, width, height; found {line!r}")
            x, y, w, h = np.array(shares[:4], np.float64) * (*size_wh, *size_wh)
            boxes = found.setdefault(int(kind), {})
            frame = _frame_of(name) - first
            if frame in boxes:
                raise DataError(f"{name} has two boxes of class {kind}; give each target a class of its own")
            boxes[frame] = (x - w / 2, y - h / 2, w, h)
    return {f"{called.get(kind, f'class {kind}')}": found[kind] for kind in sorted(found)}


def _sequences(folder: Path, name: str) -> dict[str, Boxes]:
    source = _source(folder, name)
    found = {}
    for sequence_name in source.names:
        sequence = source.read_sequence(sequence_name)
        boxes = sequence.boxes_xywh
        known = np.flatnonzero(sequence.present & np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1))
        found[sequence_name] = {number: tuple(boxes[number].tolist()) for number in known.tolist()}
    return found


def _source(folder: Path, name: str) -> SequenceSource:
    """The reader whose files are there, which may lie in one folder of their own."""
    if any(folder.rglob("groundtruth_rect*.txt")):
        return OTB(next(folder.rglob("groundtruth_rect*.txt")).parent.parent, images=False)
    truth = sorted(folder.rglob("groundtruth.txt"))
    if not truth:
        raise DataError(f"{name} has neither labels/*.txt nor groundtruth.txt; expected {EXPECTED}")
    if any(folder.rglob("out_of_view.txt")):
        return LaSOT(truth[0].parent.parent.parent, split="all", images=False)
    inside = truth[0].parent.parent
    if inside.name in ("train", "val", "test"):
        return GOT10k(inside.parent, split=inside.name, images=False)
    return SequenceFolder(inside, images=False)

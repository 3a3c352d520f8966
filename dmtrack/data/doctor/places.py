"""Where the sequences of each official layout lie."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from dmtrack.data.doctor.rules import Locate, SequencePlace
from dmtrack.data.sources import lasot as lasot_source
from dmtrack.data.sources import otb as otb_source
from dmtrack.data.sources.annotations import read_text
from dmtrack.data.sources.base import keep_official
from dmtrack.data.sources.lasot_testing import published_test_names
from dmtrack.data.sources.otb_published import published_otb_names
from dmtrack.data.sources.uav_published import published_uav_parts
from dmtrack.errors import DataError


def beside(layout: str, patterns: tuple[str, ...], frames: tuple[str, ...]) -> Locate:
    """Boxes and frames lie in the folder of the sequence.

    Args:
        layout: for the error.
        patterns: globs of the annotation files.
        frames: folders of frames in the sequence's folder; the first that exists is taken.
    """

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        found: dict[Path, SequencePlace] = {}
        for pattern in patterns:
            for annotation in sorted(root.glob(pattern)):
                folder = annotation.parent
                places = [folder / name for name in frames]
                images = next((path for path in places if path.is_dir()), places[0])
                found[annotation] = SequencePlace(folder.name, annotation, images, folder)
        return _not_empty(list(found.values()), root, layout)

    return locate


def lasot(layout: str) -> Locate:
    """`img` beside `groundtruth.txt`; what is in `testing_set.txt`, or in the published list, is the split "test"."""

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        listed = root / "testing_set.txt"
        test = set(read_text(listed, "one name per line").split() if listed.is_file() else published_test_names())
        places = []
        for annotation in (*sorted(root.glob("*/groundtruth.txt")), *sorted(root.glob("*/*/groundtruth.txt"))):
            folder = annotation.parent
            own = "test" if folder.name in test else "train"
            if split in (None, own):
                cut = folder.name in lasot_source._MORE_FRAMES_THAN_BOXES
                span = (1, _lines(annotation)) if cut else None
                places.append(SequencePlace(folder.name, annotation, folder / "img", folder, span, split=own))
        return _not_empty(places, root, layout)

    return locate


def otb(layout: str, version: str) -> Locate:
    """`img` beside one or several `groundtruth_rect*.txt`; a few sequences use a part of their frames."""

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        places: dict[str, SequencePlace] = {}
        for annotation in sorted(root.glob("*/groundtruth_rect*.txt")):
            folder = annotation.parent
            target = annotation.name.removeprefix("groundtruth_rect").removesuffix(".txt").strip(".")
            if folder.name == "Human4" and not annotation.stat().st_size:
                continue  # the official folder has no boxes for the first of its targets
            name = otb_source.target_name(folder.name, target)
            span = otb_source.ANNOTATED_FRAMES.get(name)
            if span and _lines(annotation) != span[1] - span[0] + 1:
                span = None  # annotations of all the frames, as some copies have them
            places[name] = SequencePlace(name, annotation, folder / "img", folder, span)
        kept, _ = keep_official(places, published_otb_names(version))
        return _not_empty([places[name] for name in kept], root, layout)

    return locate


def got10k(layout: str) -> Locate:
    """`<split>/<sequence>`, or the folder of one split; the test split has first boxes only."""

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        wanted = (split,) if split else ("train", "val", "test")
        folders = [root / name for name in wanted if (root / name).is_dir()] or [root]
        places = [
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
        return _not_empty(places, root, layout)

    return locate


def trackingnet(layout: str) -> Locate:
    """`<chunk>/anno/<sequence>.txt` and `<chunk>/frames/<sequence>`."""

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        pattern = {None: r"TRAIN_\d+|TEST", "train": r"TRAIN_\d+", "test": "TEST"}.get(split, re.escape(split or ""))
        chunks = [path for path in sorted(root.glob("*")) if re.fullmatch(pattern, path.name)]
        places = [
            SequencePlace(
                annotation.stem,
                annotation,
                chunk / "frames" / annotation.stem,
                chunk / "frames" / annotation.stem,
                first_box_only=chunk.name == "TEST",
                split=chunk.name,
            )
            for chunk in chunks
            for annotation in sorted((chunk / "anno").glob("*.txt"))
        ]
        return _not_empty(places, root, layout)

    return locate


def uav(layout: str, version: str) -> Locate:
    """`anno/<version>/<sequence>.txt`; several sequences may be parts of one video."""

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        videos = root / "data_seq" / "UAV123"
        parts = published_uav_parts(version)
        if version == "UAV123":
            parts |= otb_source.read_uav_parts(root / "configSeqs.m")
        places = []
        for annotation in sorted((root / "anno" / version).glob("*.txt")):
            name = annotation.stem
            video, first, last = parts.get(name, (name, 0, 0))
            # A folder of the sequence's own name may hold its frames alone.
            alone = video != name and (videos / name).is_dir()
            span = (first, last) if last and not alone and _lines(annotation) == last - first + 1 else None
            places.append(SequencePlace(name, annotation, videos / (name if alone else video), None, span))
        return _not_empty(places, root, layout)

    return locate


def oxuva(layout: str) -> Locate:
    """`tasks/<split>.csv` names video, object, first and last frame; `images/<split>/<video>` has the frames."""

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        places = []
        for name in (split,) if split else ("dev", "test"):
            table = root / "tasks" / f"{name}.csv"
            if not table.is_file() and split is None:
                continue
            lines = read_text(table, "the tasks: video,object,first frame,last frame,xmin,xmax,ymin,ymax").splitlines()
            for number, row in enumerate(csv.reader(lines), start=1):
                try:
                    video, target, first, last = row[0], row[1], int(row[2]), int(row[3])
                    [float(value) for value in row[4:8]]
                except (IndexError, ValueError) as error:
                    raise DataError(
                        f"{table}:{number}: expected video,object,first frame,last frame,xmin,xmax,ymin,ymax, got "
                        f"{lines[number - 1]!r}; download the tasks again"
                    ) from error
                frames = root / "images" / name / video
                places.append(
                    SequencePlace(
                        f"{video}_{target}", table, frames, None, (first, last), boxes=int(name == "test"), split=name
                    )
                )
        return _not_empty(places, root, layout)

    return locate


def _lines(path: Path) -> int:
    return len(path.read_text(errors="replace").rstrip().split("\n"))


def _not_empty(places: list[SequencePlace], root: Path, layout: str) -> list[SequencePlace]:
    if not places:
        raise DataError(f"{root}: no sequences there; expected {layout}")
    return places

"""OTB-100 and UAV123, whose boxes count pixels from 1."""

from __future__ import annotations

import re
from pathlib import Path

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import read_rows, read_tags
from dmtrack.data.sources.base import SequenceSource, check_split, find_root, keep_official, make_sequence
from dmtrack.data.sources.frames import FrameFiles, list_frames
from dmtrack.data.sources.places import SequencePlace, VideoFiles, line_count
from dmtrack.data.sources.published_lists import OTB_VERSIONS, UAV_VERSIONS, published_otb_names, published_uav_parts
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

OTB_LAYOUT = (
    "<root>/<sequence>/{img/0001.jpg, groundtruth_rect.txt} (or groundtruth_rect.1.txt, .2.txt: one per target)"
)
OTB_ANNOTATIONS = "<root>/<sequence>.txt (or <sequence>.1.txt, .2.txt: one per target)"
UAV_LAYOUT = "<root>/data_seq/UAV123/<video>/000001.jpg and <root>/anno/UAV123/<sequence>.txt"

ANNOTATED_FRAMES = {
    "David": (300, 770),
    "Diving": (1, 215),
    "Football1": (1, 74),
    "Freeman3": (1, 460),
    "Freeman4": (1, 283),
}
"""First and last number of the annotated frames where the official folder holds more (the benchmark's own table)."""

_OTHER_VERSIONS = {"Tiger1": (6, 354)}
"""The same where an annotation in circulation has fewer boxes: Tiger1 has 354, but 349 in the lists of 2013."""

UAV_ATTRIBUTES = ("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB")
"""Of sequences, in the order of the toolkit's files `anno/UAV123/att/<sequence>.txt`."""


@DATASETS.register
class OTB(SequenceSource):
    """OTB-100 in its official layout; videos with two targets (Jogging, Skating2) give `Name-1` and `Name-2`.

    Args:
        root: folder of the sequences.
        version: "otb100" or "otb2013" takes the targets of that published list alone, and names in `missing` those that
            are not there; a folder without any of them is taken as it is. None takes all that is there.
        images: False opens the annotations alone, which may also lie as in `OTB_ANNOTATIONS`.
    """

    def __init__(self, root: str | Path, version: str | None = None, images: bool = True) -> None:
        if version is not None:
            check_split("OTB", version, OTB_VERSIONS)
        self.root = find_root(root, "OTB", OTB_LAYOUT)
        self.images = images
        self._annotations = _targets(self.root)
        if not self._annotations and not images:
            for path in sorted(self.root.glob("*.txt")):
                video, _, target = re.sub(r"[-.](?=\d$)", "\n", path.stem).partition("\n")
                self._annotations[target_name(video, target)] = path
        if not self._annotations:
            expected = OTB_LAYOUT if images else f"{OTB_LAYOUT}; or, without images, {OTB_ANNOTATIONS}"
            raise DataError(f"OTB: no */groundtruth_rect.txt in {self.root}; expected {expected}")
        self.names = list(self._annotations)
        if version is not None:
            self.names, self.missing = keep_official(self.names, published_otb_names(version))

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        annotation = self._annotations[name]
        boxes = read_rows(annotation, "a line 'left,top,width,height' per frame, counted from 1")
        boxes[:, :2] -= 1
        frames = list_frames(annotation.parent / "img", OTB_LAYOUT) if self.images else None
        spans = ANNOTATED_FRAMES | _OTHER_VERSIONS
        if frames is not None and len(frames) != len(boxes) and name in spans:
            first, last = spans[name]
            inside = (frame for frame in frames.names if first <= int(Path(frame).stem) <= last)
            frames = FrameFiles(frames.folder, tuple(inside))
        return make_sequence(name, frames, boxes, annotation, index_base=1)


def _targets(root: Path) -> dict[str, Path]:
    """The annotation of each target in the official layout."""
    targets = {}
    for path in sorted(root.glob("*/groundtruth_rect*.txt")):
        target = path.name.removeprefix("groundtruth_rect").removesuffix(".txt").strip(".")
        # The official folder of Human4 has a file without boxes for the first of its targets.
        if path.stat().st_size or path.parent.name != "Human4":
            targets[target_name(path.parent.name, target)] = path
    return targets


def target_name(video: str, target: str) -> str:
    """Name of one target of a video: `Jogging-1`; the video's own name where it has one target."""
    if video == "Human4":
        target = target or "2"
    return f"{video}-{target}" if target else video


@DATASETS.register
class UAV123(SequenceSource):
    """UAV123 and UAV20L in their official layout.

    Several sequences are parts of one video (`group1_2` of `group1`). Which frames they cover stands in the benchmark's
    MATLAB file `configSeqs.m`, which lies in `<root>` in official downloads; without it the published table decides.

    Args:
        root: folder with `anno` and `data_seq`.
        version: "UAV123" or "UAV20L": the folder of the annotations. Sequences of its published list that are not there
            are named in `missing`; a folder without any of them is taken as it is.
    """

    def __init__(self, root: str | Path, version: str = "UAV123", images: bool = True) -> None:
        check_split("UAV123", version, UAV_VERSIONS)
        self.root = find_root(root, "UAV123", UAV_LAYOUT)
        self.version = version
        self.images = images
        self._parts = _uav_parts(self.root, version)
        self._folder = self.root / "anno" / version
        found = sorted(path.stem for path in self._folder.glob("*.txt"))
        self.names, self.missing = keep_official(found, published_uav_parts(version))
        if not self.names:
            expected = UAV_LAYOUT.replace("anno/UAV123", f"anno/{version}")
            raise DataError(f"{version}: no annotations in {self._folder}; expected {expected}")

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        annotation = self._folder / f"{name}.txt"
        boxes = read_rows(annotation, "a line 'left,top,width,height' per frame (NaN: absent), counted from 1")
        boxes[:, :2] -= 1
        tags = read_tags(self._folder / "att" / f"{name}.txt", UAV_ATTRIBUTES)
        frames = self._frames(name, len(boxes)) if self.images else None
        return make_sequence(name, frames, boxes, annotation, tags=tags, index_base=1)

    def _frames(self, name: str, boxes: int) -> FrameFiles:
        videos = self.root / "data_seq" / "UAV123"
        video, first, last = self._parts.get(name, (name, 1, 0))
        if (videos / name).is_dir():
            # A folder of the sequence's own name may hold its frames alone.
            own = list_frames(videos / name, UAV_LAYOUT)
            if len(own) == boxes or (video == name and len(own) < last):
                return own
        frames = list_frames(videos / video, UAV_LAYOUT)
        return FrameFiles(frames.folder, frames.names[first - 1 : last]) if last else frames


def _uav_parts(root: Path, version: str) -> dict[str, tuple[str, int, int]]:
    """Sequence -> (video, first frame, last frame): the published table and the benchmark's `configSeqs.m`."""
    parts, path = published_uav_parts(version), root / "configSeqs.m"
    if version != "UAV123" or not path.is_file():
        return parts
    pattern = r"'name','([^']+)','path','([^']*)','startFrame',(\d+),'endFrame',(\d+)"
    return parts | {
        name: (folder.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1], int(first), int(last))
        for name, folder, first, last in re.findall(pattern, path.read_text(errors="replace"))
    }


def _otb_files(version: str) -> VideoFiles:
    names = published_otb_names(version)

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        """`img` beside one or several `groundtruth_rect*.txt`; a few sequences use a part of their frames."""
        places: dict[str, SequencePlace] = {}
        for name, annotation in _targets(root).items():
            folder, span = annotation.parent, ANNOTATED_FRAMES.get(name)
            if span and line_count(annotation) != span[1] - span[0] + 1:
                span = None  # annotations of all the frames, as some copies have them
            places[name] = SequencePlace(name, annotation, folder / "img", folder, span)
        return [places[name] for name in keep_official(places, names)[0]]

    return VideoFiles(
        layout=OTB_LAYOUT,
        locate=locate,
        first_number=None,
        counts={"": len(names)},
        published={"": names},
        bases=(".",) if version == "otb100" else (),
    )


def _uav_files(version: str) -> VideoFiles:
    names = tuple(published_uav_parts(version))

    def locate(root: Path, split: str | None) -> list[SequencePlace]:
        """`anno/<version>/<sequence>.txt`; several sequences may be parts of one video."""
        videos, parts, places = root / "data_seq" / "UAV123", _uav_parts(root, version), []
        for annotation in sorted((root / "anno" / version).glob("*.txt")):
            name = annotation.stem
            video, first, last = parts.get(name, (name, 0, 0))
            # A folder of the sequence's own name may hold its frames alone.
            alone = video != name and (videos / name).is_dir()
            span = (first, last) if last and not alone and line_count(annotation) == last - first + 1 else None
            places.append(SequencePlace(name, annotation, videos / (name if alone else video), None, span))
        return places

    return VideoFiles(
        layout=UAV_LAYOUT.replace("anno/UAV123", f"anno/{version}"),
        locate=locate,
        counts={"": len(names)},
        published={"": names},
        bases=("data_seq/UAV123",) if version == "UAV123" else (),
        unlisted_severe=False,
    )


OTB100_FILES, OTB2013_FILES = _otb_files("otb100"), _otb_files("otb2013")
UAV123_FILES, UAV20L_FILES = _uav_files("UAV123"), _uav_files("UAV20L")

"""What other programs take: an annotated video, sequence folders, and tables of boxes in their layouts."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from dmtrack.data.sequences import Track, TrackId, Video
from dmtrack.data.sources import LabelledVideo
from dmtrack.data.sources.mot_challenge import FIRST_PIXEL, mot_lines
from dmtrack.data.writers import WRITERS
from dmtrack.data.writers.tracking_labels import coco_vid
from dmtrack.errors import DataError
from dmtrack.files import json_value, write_json, write_text
from dmtrack.media.drawing import TARGETS_RGB, annotate
from dmtrack.media.random_access import RandomFrames
from dmtrack.running.annotated_video import AnnotatedVideo, default_scale
from dmtrack.running.one_video import FPS_OF_FOLDERS
from dmtrack.web.project import Project
from dmtrack.web.targets import NotFoundError, Target


@dataclass(frozen=True)
class Format:
    """One way to take the boxes along.

    Attributes:
        title: for people.
        ending: of the file.
        write: puts a project and its frames into a file.
    """

    title: str
    ending: str
    write: Callable[[Project, RandomFrames, Path], None]


def export(kind: str, project: Project, frames: RandomFrames, folder: Path) -> Path:
    """Writes a project in one of the `FORMATS` and gives the file.

    Args:
        kind: its name.
        project: with at least one target.
        frames: of its video; a decoder that nothing else uses.
        folder: where to.

    Raises:
        NotFoundError: there is no such format.
        DataError: the project has no targets.
    """
    if kind not in FORMATS:
        raise NotFoundError(f"there is no format {kind!r}; expected one of {', '.join(FORMATS)}")
    if not project.targets:
        raise DataError("there is nothing to export yet; draw a box first")
    chosen = FORMATS[kind]
    path = folder / f"{project.stem}-{kind}{chosen.ending}"
    chosen.write(project, frames, path)
    return path


def as_video(project: Project, frames: RandomFrames) -> Video:
    """The project as a video with tracks; frames of which nothing is known have no box."""
    tracks: dict[TrackId, Track] = {}
    for target in project.targets.values():
        present = target.rows[:, 5] > 0
        boxes_xywh = np.where(present[:, None], target.rows[:, :4].astype(np.float64), np.nan)
        tracks[target.number] = Track(boxes_xywh, present, target.name)
    return Video(project.stem, project.count, frames.read, tracks, project.size_wh)


def _annotated_video(project: Project, frames: RandomFrames, path: Path) -> None:
    targets = list(project.targets.values())

    def draw(image: np.ndarray, number: int, scale: float) -> np.ndarray:
        for target in targets:
            row = target.rows[number]
            if np.isfinite(row[4]):
                colour = TARGETS_RGB[(target.number - 1) % len(TARGETS_RGB)]
                image = annotate(image, row[:4] * scale, float(row[4]), row[5] > 0, name=target.name, colour=colour)
        return image

    fps = project.fps or FPS_OF_FOLDERS
    with AnnotatedVideo(path, fps, project.size_wh, draw, default_scale(project.size_wh)) as video:
        for number in range(project.count):
            video.add(frames.read(number), number, None)


def _rows(project: Project) -> Iterator[tuple[Target, int, list[float]]]:
    """Target, frame and row of all known boxes, frame by frame."""
    for number in range(project.count):
        for target in project.targets.values():
            if np.isfinite(target.rows[number, 4]):
                yield target, number, target.rows[number].astype(float).tolist()


def _how(target: Target, number: int) -> str:
    """Where a box comes from: drawn, corrected or imported by a person, or tracked."""
    return target.key_frames[number].how if number in target.key_frames else "tracked"


def _boxes_csv(project: Project, frames: RandomFrames, path: Path) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("frame", "target", "name", "x", "y", "w", "h", "score", "present", "how"))
    for target, number, (x, y, w, h, score, present, _) in _rows(project):
        box = [f"{value:.3f}" for value in (x, y, w, h)]
        table.writerow((number, target.number, target.name, *box, f"{score:.4f}", int(present), _how(target, number)))
    write_text(path, text.getvalue())


def _mot(project: Project, frames: RandomFrames, path: Path) -> None:
    """Frames, identities and pixels from 1, as MOTChallenge counts them."""
    rows = [
        (number + 1, target.number, x + FIRST_PIXEL, y + FIRST_PIXEL, w, h, score, -1, 1)
        for target, number, (x, y, w, h, score, present, _) in _rows(project)
        if present
    ]
    write_text(path, mot_lines(np.array(rows, np.float64).reshape(-1, 9)))


def _sequences(layout: str) -> Callable[[Project, RandomFrames, Path], None]:
    """A writer of one sequence per target in the layout of a benchmark, packed as a zip."""

    def write(project: Project, frames: RandomFrames, path: Path) -> None:
        video, folder = as_video(project, frames), path.with_suffix("")
        names = [f"{video.name}-{number}" for number in video.tracks]
        sequences = [video.sequence(number, name) for number, name in zip(video.tracks, names, strict=True)]
        WRITERS[layout](sequences, folder, quality=95)
        shutil.make_archive(str(folder), "zip", folder)
        shutil.rmtree(folder)

    return write


def _coco(project: Project, frames: RandomFrames, path: Path) -> None:
    known = [(target, number, row) for target, number, row in _rows(project) if row[5]]
    stem = project.stem
    video = LabelledVideo(
        stem,
        tuple(Path(stem, "img1", f"{number + 1:06d}.jpg") for number in range(project.count)),
        project.size_wh,
        np.array([number for _, number, _ in known], np.int64),
        np.array([target.number for target, _, _ in known], np.int64),
        np.array([row[:4] for _, _, row in known], np.float64).reshape(-1, 4),
    )
    content = coco_vid([video])
    for annotation, (target, number, _) in zip(content["annotations"], known, strict=True):
        annotation["attributes"] = {"how": _how(target, number), "name": target.name}
    write_json(path, content)


def _cvat(project: Project, frames: RandomFrames, path: Path) -> None:
    """CVAT for video 1.1: tracks with boxes as corners; what a person drew is a key frame."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    for number, target in enumerate(project.targets.values()):
        track = ElementTree.SubElement(root, "track", id=str(number), label=target.name, source="manual")
        known = np.flatnonzero(np.isfinite(target.rows[:, 4]))
        for frame in known.tolist():
            x, y, w, h, _, present, _ = target.rows[frame].astype(float).tolist()
            corners = {"xtl": x, "ytl": y, "xbr": x + w, "ybr": y + h}
            flags = {"outside": not present, "occluded": False, "keyframe": frame in target.key_frames}
            texts = {"frame": str(frame), **{name: str(int(flag)) for name, flag in flags.items()}, "z_order": "0"}
            texts |= {name: f"{value:.2f}" for name, value in corners.items()}
            ElementTree.SubElement(track, "box", texts)
    ElementTree.indent(root)
    write_text(path, ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def _yolo(project: Project, frames: RandomFrames, path: Path) -> None:
    """A label file per frame: class (one per target), centre and size as shares of the frame."""
    width, height = project.size_wh
    classes = {number: place for place, number in enumerate(project.targets)}
    lines: dict[int, list[str]] = {number: [] for number in range(project.count)}
    for target, number, (x, y, w, h, _, present, _) in _rows(project):
        if present:
            shares = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
            lines[number].append(f"{classes[target.number]} " + " ".join(f"{value:.6f}" for value in shares) + "\n")
    names = {place: project.targets[number].name for number, place in classes.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("data.yaml", "names: " + json.dumps(list(names.values()), ensure_ascii=False) + "\n")
        for number, rows in lines.items():
            packed.writestr(f"labels/{number + 1:08d}.txt", "".join(rows))


def _project(project: Project, frames: RandomFrames, path: Path) -> None:
    """Everything that a person did, and every row."""
    rows = {
        str(target.number): [
            [number, *json_value(target.rows[number].astype(float).round(4).tolist()), _how(target, number)]
            for number in np.flatnonzero(np.isfinite(target.rows[:, 4])).tolist()
        ]
        for target in project.targets.values()
    }
    columns = ["frame", "x", "y", "w", "h", "score", "present", "look_alike", "how"]
    write_json(path, {**project.describe(), "columns": columns, "rows": rows})


FORMATS = {
    "mp4": Format("Annotated video (mp4)", ".mp4", _annotated_video),
    "csv": Format("Table of boxes (CSV)", ".csv", _boxes_csv),
    "json": Format("Everything, with provenance (JSON)", ".json", _project),
    "mot": Format("MOTChallenge (text)", ".txt", _mot),
    "got10k": Format("GOT-10k folder (zip, with frames)", ".zip", _sequences("got10k")),
    "lasot": Format("LaSOT folder (zip, with frames)", ".zip", _sequences("lasot")),
    "otb": Format("OTB folder (zip, with frames)", ".zip", _sequences("otb")),
    "coco": Format("COCO-VID (JSON)", ".json", _coco),
    "cvat": Format("CVAT for video 1.1 (XML)", ".xml", _cvat),
    "yolo": Format("YOLO labels (zip)", ".zip", _yolo),
}
"""By the names that the page and the API use."""

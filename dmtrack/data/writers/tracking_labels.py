"""Data sets of many objects in the formats that trackers train on: FairMOT's label files, and CocoVID's JSON.

Images are not copied: links to them are made beside the labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dmtrack import files
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.data.writers.folders import Progress, atomic_folder
from dmtrack.errors import DataError, OutputError

Half = Literal["train", "val"] | None
"""Which half of the frames of every video: published ablations train on the first and validate on the second."""


def numbered(
    videos: Iterable[LabelledVideo], shared_identities: bool = False, with_ignored: bool = False
) -> Iterator[LabelledVideo]:
    """The videos with identities counted through the data set from 1, video by video in the order of their numbers.

    Rows are sorted by identity and frame; unknown identities are -1, as are those of ignored rows.

    Args:
        videos: as their source has them.
        shared_identities: see `LabelledSource`.
        with_ignored: keep rows that nobody should learn from.

    Raises:
        DataError: a row cannot be trained on; names it.
    """
    numbers: dict[int, int] = {}
    last = 0
    for video in videos:
        rows = video.sound()
        rows = rows if with_ignored else rows.select(~rows.ignored)
        rows = rows.select(np.lexsort((rows.frames, rows.identities)))
        if not shared_identities:
            numbers = {}
        found = np.full(len(rows.identities), -1)
        counted = (rows.identities >= 0) & ~rows.ignored
        for one in np.unique(rows.identities[counted]).tolist():
            if one not in numbers:
                last += 1
                numbers[one] = last
            found[counted & (rows.identities == one)] = numbers[one]
        yield replace(rows, identities=found)


def part_of(video: LabelledVideo, half: Half = None, every: int = 1, middle_in_train: bool = False) -> LabelledVideo:
    """A half of a video, or every so many frames of it.

    Args:
        video: whole.
        half: of its frames.
        every: which of these are taken.
        middle_in_train: the frame in the middle belongs to the first half, as ByteTrack and MMTracking have it; in
            FairMOT's halves it begins the second.

    Raises:
        DataError: an image of these is missing.
    """
    length = len(video.images)
    middle = min(length // 2 + middle_in_train, length)
    start, stop = {"train": (0, middle), "val": (middle, length), None: (0, length)}[half]
    taken = video if (start, stop, every) == (0, length, 1) else video.take(range(start, stop, every))
    if (missing := next((image for image in taken.images if not image.is_file()), None)) is not None:
        raise DataError(f"{missing} is missing, but {video.file} is about it; complete the download")
    return taken


def label_rows(video: LabelledVideo) -> Mapping[int, list[str]]:
    """FairMOT's lines `class identity x-centre y-centre width height`, shares of the image, by 0-based frame."""
    lines: dict[int, list[str]] = {}
    scale = np.array(video.size_wh * 2, np.float64)
    centres = video.boxes_xywh[:, :2] + video.boxes_xywh[:, 2:] / 2
    shares = np.concatenate([centres, video.boxes_xywh[:, 2:]], axis=1) / scale
    for frame, kind, identity, share in zip(
        video.frames.tolist(), video.classes.tolist(), video.identities.tolist(), shares.tolist(), strict=True
    ):
        lines.setdefault(frame, []).append(f"{kind} {identity:d} " + " ".join(f"{value:.6f}" for value in share))
    return lines


def write_fairmot(
    videos: Iterable[LabelledVideo], root: str | Path, name: str, progress: Progress | None = None
) -> tuple[int, int]:
    """Writes `<name>/images`, `<name>/labels_with_ids`, `<name>.txt` and `<name>.json`, which `JDELabels` reads.

    Args:
        videos: of the data set, see `numbered`.
        root: folder of data sets.
        name: of this one; one of that name is replaced.
        progress: called after every video.

    Returns:
        The number of images and of identities.

    Raises:
        OutputError: the folder cannot be written, or links cannot be made there.
    """
    listed: list[str] = []
    identities = 0
    with atomic_folder(Path(root) / name) as folder:
        for video in videos:
            lines = label_rows(video)
            for frame, image in enumerate(video.images):
                place = Path(video.name, image.name)
                link(image, folder / "images" / place)
                label = (folder / "labels_with_ids" / place).with_suffix(".txt")
                label.parent.mkdir(parents=True, exist_ok=True)
                label.write_text("".join(f"{line}\n" for line in lines.get(frame, ())))
                listed.append((Path(name, "images") / place).as_posix())
            identities = max(identities, int(video.identities.max(initial=0)))
            if progress is not None:
                progress()
    files.write_text(Path(root) / f"{name}.txt", "".join(f"{path}\n" for path in listed))
    files.write_json(Path(root) / f"{name}.json", {"root": ".", "train": {name: f"{name}.txt"}})
    return len(listed), identities


def link(target: Path, place: Path) -> None:
    """A symbolic link to a file or folder; one that stands there is replaced.

    Raises:
        OutputError: links cannot be made there.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        if place.is_symlink():
            place.unlink()
        place.symlink_to(target.resolve())
    except OSError as error:
        raise OutputError(
            f"cannot link {place} to {target}: {error.strerror or error}; choose a folder on a disk that has links"
        ) from error


def write_coco_vid(
    videos: Iterable[LabelledVideo],
    source: LabelledSource,
    root: str | Path,
    name: str,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Writes `<name>.json`, which `CocoVID` reads, and `<name>_images`, a link to the folder of the images.

    Args:
        videos: of the data set, see `numbered`.
        source: that they come from.
        root: folder to write to.
        name: of the data set.
        progress: called after every video.

    Returns:
        The number of images and of identities.

    Raises:
        OutputError: the folder cannot be written, or links cannot be made there.
    """
    content = coco_vid(videos, source.class_names, source.root, progress)
    # Compact: a data set of hundreds of videos has millions of boxes.
    files.write_text(Path(root) / f"{name}.json", json.dumps(content) + "\n")
    link(source.root, Path(root) / f"{name}_images")
    return len(content["images"]), content["num_instances"]


def coco_vid(
    videos: Iterable[LabelledVideo],
    class_names: tuple[str, ...] = ("pedestrian",),
    root: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The videos as CocoVID's JSON with the keys of both MMTracking's and ByteTrack's converters.

    As in MMTracking, `frame_id` counts the frames of the file from 0, `mot_frame_id` those of the video from 1,
    `instance_id` is the identity, and `visibility` the visible share. As in ByteTrack, `track_id` is the identity,
    `prev_image_id` and `next_image_id` are neighbours or -1, and videos have a `file_name`. `iscrowd` and `ignore` mark
    what nobody should learn from.

    Args:
        videos: with identities that mean the same object everywhere.
        class_names: by number; category ids count from 1.
        root: folder that names of files are relative to; None leaves the paths as they are.
        progress: called after every video.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    named: list[dict[str, Any]] = []
    for video in videos:
        width, height = video.size_wh
        label = video.name or video.images[0].stem
        named.append({"id": len(named) + 1, "name": label, "file_name": label, "width": width, "height": height})
        before = len(images)
        for frame, image in enumerate(video.images):
            one = before + frame + 1
            images.append(
                {
                    "id": one,
                    "file_name": (image if root is None else image.relative_to(root)).as_posix(),
                    "width": width,
                    "height": height,
                    "video_id": len(named),
                    "frame_id": frame,
                    "mot_frame_id": video.first + frame,
                    "prev_image_id": one - 1 if frame else -1,
                    "next_image_id": one + 1 if frame + 1 < len(video.images) else -1,
                }
            )
        for row in range(len(video.frames)):
            box, identity = video.boxes_xywh[row].tolist(), int(video.identities[row])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": before + int(video.frames[row]) + 1,
                    "category_id": int(video.classes[row]) + 1,
                    "instance_id": identity,
                    "track_id": identity,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": int(video.ignored[row]),
                    "ignore": int(video.ignored[row]),
                    "visibility": round(float(video.visibility[row]), 4),
                }
            )
        if progress is not None:
            progress()
    most = max((entry["category_id"] for entry in annotations), default=0)
    names = (*class_names, *(f"class {number}" for number in range(len(class_names) + 1, most + 1)))
    return {
        "videos": named,
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)],
        "num_instances": max((entry["instance_id"] for entry in annotations), default=0),
    }

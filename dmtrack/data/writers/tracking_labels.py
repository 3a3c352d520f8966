"""Data sets of many objects in the formats that trackers train on: FairMOT's label files, and CocoVID's JSON.

Images are not copied: folders of links to them are made beside the labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack import files
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.frames import image_size_wh, list_frames
from dmtrack.data.sources.mot_challenge import LAYOUT, read_info
from dmtrack.data.writers.folders import Progress, atomic_folder
from dmtrack.errors import DataError, OutputError

Rows = NDArray[np.float64]

PEDESTRIAN = 1
Half = Literal["first", "second"] | None
"""Which half of the frames of every video: published ablations train on the first and validate on the second."""


@dataclass(frozen=True)
class LabelledVideo:
    """One video, or one image, with its objects.

    Attributes:
        name: of the video; a folder below the images.
        images: of its frames.
        size_wh: of the frames.
        frames: (n,) 0-based frame of each object.
        identities: (n,) number of each object in the data set, from 1.
        boxes_xywh: (n, 4) left, top, width, height as the files of the data set count them.
        first: number of its first image in the video, from 1; above 1 in a second half.
    """

    name: str
    images: tuple[Path, ...]
    size_wh: tuple[int, int]
    frames: NDArray[np.int64]
    identities: NDArray[np.int64]
    boxes_xywh: Rows
    first: int = 1


def pedestrians(rows: Rows, first_identity: int) -> tuple[Rows, NDArray[np.int64]]:
    """The rows of a `gt.txt` that are trained on, sorted by track and frame, and their identities counted through.

    Args:
        rows: (n, 7 or more) of MOT16 and later, with a class, or (n, 10) of MOT15, whose eighth number means nothing.
        first_identity: the first track has this one.
    """
    counted = rows[:, 6] != 0
    if 7 < rows.shape[1] < 10:
        counted &= rows[:, 7] == PEDESTRIAN
    kept = rows[counted]
    kept = kept[np.lexsort((kept[:, 0], kept[:, 1]))]
    _, numbers = np.unique(kept[:, 1], return_inverse=True)
    return kept, first_identity + numbers.astype(np.int64)


def read_mot_videos(root: str | Path, half: Half = None) -> list[LabelledVideo]:
    """The videos of a folder in the layout of MOTChallenge, in the order of their names.

    MOT17 has every video three times, once for each of three detectors; those that end with -SDP are taken.

    Args:
        root: folder of the videos.
        half: of the frames of every video.

    Raises:
        DataError: a file is missing or of another format.
    """
    folders = [folder for folder in sorted(Path(root).expanduser().glob("*/")) if (folder / "gt/gt.txt").is_file()]
    folders = [folder for folder in folders if folder.name.endswith("-SDP")] or folders
    if not folders:
        raise DataError(f"{root} has no <sequence>/gt/gt.txt; expected {LAYOUT}")
    videos, identity = [], 1
    for folder in folders:
        length, image_folder, size_wh = read_info(folder / "seqinfo.ini")
        images = [folder / image_folder / name for name in list_frames(folder / image_folder, LAYOUT).names]
        path = folder / "gt" / "gt.txt"
        rows = read_rows(path, "lines frame,id,left,top,width,height,counted[,class,visible share]", (7, 8, 9, 10))
        if len(images) < length or rows[:, 0].max(initial=1) > length or rows[:, 0].min(initial=1) < 1:
            raise DataError(
                f"{folder}: seqinfo.ini says {length} frames, {image_folder} has {len(images)} and gt.txt goes from "
                f"frame {rows[:, 0].min(initial=1):.0f} to {rows[:, 0].max(initial=1):.0f}; complete the download"
            )
        start, stop = {"first": (0, length // 2), "second": (length // 2, length), None: (0, length)}[half]
        rows = rows[(rows[:, 0] > start) & (rows[:, 0] <= stop)]
        kept, identities = pedestrians(rows, identity)
        identity += len(np.unique(identities))
        frames = kept[:, 0].astype(np.int64) - 1 - start
        videos.append(
            LabelledVideo(
                folder.name, tuple(images[start:stop]), size_wh, frames, identities, kept[:, 2:6], first=start + 1
            )
        )
    return videos


def read_crowdhuman(root: str | Path, split: str = "train") -> list[LabelledVideo]:
    """The images of CrowdHuman, each with the whole bodies of its people, who are all different.

    Args:
        root: with `annotation_<split>.odgt` and `Images/*.jpg`.
        split: "train" or "val".

    Raises:
        DataError: a file is missing or of another format; names the line.
    """
    path, folder = Path(root).expanduser() / f"annotation_{split}.odgt", Path(root).expanduser() / "Images"
    text = files.read_text(path, "CrowdHuman's annotation, one JSON object per line")
    found, identity = [], 1
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            entry = json.loads(line)
            people = [one for one in entry["gtboxes"] if one["tag"] == "person"]
            boxes = [one["fbox"] for one in people if one.get("extra", {}).get("ignore") != 1]
            boxes_xywh = np.array(boxes, np.float64).reshape(-1, 4)
            image = folder / f"{entry['ID']}.jpg"
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}:{number}: {error!r}; expected {{ID, gtboxes: [{{tag, fbox: [x, y, w, h]}}]}} of CrowdHuman"
            ) from error
        identities = identity + np.arange(len(boxes_xywh))
        identity += len(boxes_xywh)
        nothing = np.zeros(len(boxes_xywh), np.int64)
        found.append(LabelledVideo("", (image,), image_size_wh(image), nothing, identities, boxes_xywh))
    return found


def label_rows(video: LabelledVideo) -> Mapping[int, list[str]]:
    """FairMOT's lines `class identity x-centre y-centre width height`, shares of the image, by 0-based frame."""
    lines: dict[int, list[str]] = {}
    scale = np.array(video.size_wh * 2, np.float64)
    centres = video.boxes_xywh[:, :2] + video.boxes_xywh[:, 2:] / 2
    shares = np.concatenate([centres, video.boxes_xywh[:, 2:]], axis=1) / scale
    for frame, identity, share in zip(video.frames.tolist(), video.identities.tolist(), shares.tolist(), strict=True):
        lines.setdefault(frame, []).append(f"0 {identity:d} " + " ".join(f"{value:.6f}" for value in share))
    return lines


def write_fairmot(
    videos: Iterable[LabelledVideo], root: str | Path, name: str, progress: Progress | None = None
) -> int:
    """Writes `<name>/images`, `<name>/labels_with_ids`, `<name>.txt` and `<name>.json`, which `JDELabels` reads.

    Args:
        videos: of the data set.
        root: folder of data sets.
        name: of this one; one of that name is replaced.
        progress: called after every image.

    Returns:
        The number of images.

    Raises:
        OutputError: the folder cannot be written, or links cannot be made there.
    """
    listed: list[str] = []
    with atomic_folder(Path(root) / name) as folder:
        for video in videos:
            lines = label_rows(video)
            for frame, image in enumerate(video.images):
                place = Path(video.name, image.name)
                _link(image, folder / "images" / place)
                label = (folder / "labels_with_ids" / place).with_suffix(".txt")
                label.parent.mkdir(parents=True, exist_ok=True)
                label.write_text("".join(f"{line}\n" for line in lines.get(frame, ())))
                listed.append((Path(name, "images") / place).as_posix())
                if progress is not None:
                    progress()
    files.write_text(Path(root) / f"{name}.txt", "".join(f"{path}\n" for path in listed))
    files.write_json(Path(root) / f"{name}.json", {"root": ".", "train": {name: f"{name}.txt"}})
    return len(listed)


def _link(image: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.symlink_to(image.resolve())
    except OSError as error:
        raise OutputError(
            f"cannot link {place} to {image}: {error.strerror or error}; choose a folder on a disk that has links"
        ) from error


def coco_vid(videos: Sequence[LabelledVideo]) -> dict[str, Any]:
    """The videos as CocoVID's JSON, as ByteTrack and MMTracking read it: images, annotations with tracks, videos."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, video in enumerate(videos, start=1):
        before = len(images)
        for frame, image in enumerate(video.images):
            one = before + frame + 1
            images.append(
                {
                    "id": one,
                    "file_name": "/".join(image.parts[-3:] if video.name else image.parts[-1:]),
                    "width": video.size_wh[0],
                    "height": video.size_wh[1],
                    "video_id": number,
                    "frame_id": frame + 1,
                    "prev_image_id": one - 1 if frame else -1,
                    "next_image_id": one + 1 if frame + 1 < len(video.images) else -1,
                }
            )
        for frame, identity, box in zip(
            video.frames.tolist(), video.identities.tolist(), video.boxes_xywh.tolist(), strict=True
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": before + frame + 1,
                    "category_id": PEDESTRIAN,
                    "track_id": identity,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    return {
        "images": images,
        "annotations": annotations,
        "videos": [{"id": number, "file_name": video.name} for number, video in enumerate(videos, start=1)],
        "categories": [{"id": PEDESTRIAN, "name": "pedestrian"}],
    }

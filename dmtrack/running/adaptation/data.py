"""The data sets of an adaptation: videos as they are opened, and labels as the training reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.data.labelled_sets import LABELLED_SETS
from dmtrack.data.sequences import MultiObjectSequence
from dmtrack.data.sources.frames import FrameFiles
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.data.sources.mot_challenge import MOTSequences
from dmtrack.data.synthetic.crowds import SyntheticCrowds
from dmtrack.data.writers.mot_challenge import write_mot_challenge
from dmtrack.data.writers.tracking_labels import coco_vid, numbered, part_of
from dmtrack.errors import DataError
from dmtrack.files import write_text
from dmtrack.progress import ProgressBar
from dmtrack.running.adaptation.recipe import CROWDS, Videos

LABELS = "labels.json"
GENERATED = "videos"
"""Folder of generated videos in that of their stage."""


def root_of(videos: Videos, stage: Path) -> Path:
    """Where the videos lie: those that are generated, in the folder of their stage."""
    return stage / GENERATED if videos.layout == CROWDS else Path(str(videos.root))


def generate(videos: Videos, stage: Path, console: Console) -> None:
    """Writes the crowds that are not there yet, in MOTChallenge's layout."""
    crowds = SyntheticCrowds(videos.count, videos.frames, videos.seed, videos.size_wh, videos.domain)
    with ProgressBar("videos", videos.count, description="generating", console=console) as bar:
        for number in range(videos.count):
            video = crowds[number]
            if not (root_of(videos, stage) / video.name / "seqinfo.ini").is_file():
                write_mot_challenge([video], root_of(videos, stage))
            bar.advance()


def open_videos(videos: Videos, stage: Path, truth: bool = False, images: bool = True) -> list[MultiObjectSequence]:
    """The videos of target or held-out set.

    Args:
        videos: which.
        stage: folder of the stage that provides them.
        truth: read their truth, too; only the final score does.
        images: they are needed.

    Raises:
        DataError: a video is missing.
    """
    opened = MOTSequences(root_of(videos, stage), videos.split or "train", images=images, truth=truth)
    if missing := [name for name in videos.sequences if name not in opened.names]:
        raise DataError(f"{opened.root} has no video {missing[0]}; it has {', '.join(opened.names[:8])}")
    names = videos.sequences or [name for name in opened.names if name.endswith("-SDP")] or opened.names
    return [opened.read_sequence(name) for name in names]


def inventory(videos: Videos, stage: Path) -> str:
    """Hash of names and sizes of all frames: whether these are the same videos. Their truth is not looked at."""
    digest = hashlib.sha256()
    for video in open_videos(videos, stage):
        for path in frames_of(video):
            digest.update(f"{video.name}/{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def frames_of(video: MultiObjectSequence) -> list[Path]:
    """The image files of a video."""
    files = video.read_frame
    assert isinstance(files, FrameFiles)
    return [files.path(frame) for frame in range(len(video))]


def open_source(videos: Videos, stage: Path) -> LabelledSource:
    """The source with its labels."""
    reader = LABELLED_SETS["mot" if videos.layout == CROWDS else videos.layout]
    return reader(root_of(videos, stage), split=videos.split)


def write_source(videos: Videos, stage: Path, console: Console) -> list[Path]:
    """The source as the training reads it: boxes from pixel 0 on, what is hidden left out.

    Raises:
        DataError: it has no box.
    """
    if videos.layout == CROWDS:
        generate(videos, stage, console)
    opened = open_source(videos, stage)

    def chosen(video: LabelledVideo) -> LabelledVideo:
        taken = part_of(video, every=videos.every) if videos.every > 1 else video
        first = opened.first_pixel
        boxes_xywh = taken.boxes_xywh - (first, first, 0, 0)
        return replace(taken, boxes_xywh=boxes_xywh).select(taken.visibility >= videos.least_visibility)

    own = (chosen(video) for video in opened if not videos.sequences or video.name in videos.sequences)
    with ProgressBar("videos", len(opened), description="labels of the source", console=console) as bar:
        content = coco_vid(numbered(own, opened.shared_identities), opened.class_names, None, bar.advance)
    if not content["annotations"]:
        raise DataError(f"the source {opened.root} has no box to learn from; check it with `dmtrack data check`")
    return [write_labels(stage, content)]


def write_labels(stage: Path, content: Mapping[str, Any]) -> Path:
    """The labels of a data set with absolute paths of its images, as a file of the stage."""
    for image in content["images"]:
        image["file_name"] = str(Path(image["file_name"]).resolve())
    write_text(stage / LABELS, json.dumps(content) + "\n")
    return stage / LABELS

"""What the stages of an adaptation do, each by the mechanism that does it elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from dmtrack.association.detections import Detections
from dmtrack.association.policy import Association
from dmtrack.config import Config, as_config, build, load_config
from dmtrack.data.labelled_sets import LABELLED_SETS
from dmtrack.data.sequences import MultiObjectSequence
from dmtrack.data.sources.frames import FrameFiles
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.data.sources.mot_challenge import MOTSequences, Rows, mot_lines
from dmtrack.data.synthetic.crowds import SyntheticCrowds
from dmtrack.data.writers.mot_challenge import write_mot_challenge
from dmtrack.data.writers.tracking_labels import coco_vid, numbered, part_of
from dmtrack.errors import ConfigError, DataError
from dmtrack.evaluation.readers.mot import fill_gaps, read_mot_rows, smooth_tracks
from dmtrack.files import write_json, write_text
from dmtrack.progress import ProgressBar
from dmtrack.registry import ASSOCIATIONS, MODELS
from dmtrack.running.adaptation.pseudo_labels import (
    KEPT,
    REASONS,
    check_survivors,
    draw_pseudo_labels,
    pseudo_labelled,
    reasons_of,
    uncertain_rows,
)
from dmtrack.running.adaptation.recipe import CROWDS, Interpolation, Selection, Tracking, Training, Videos
from dmtrack.running.adaptation.scales import detector_at
from dmtrack.running.one_sequence import track_rows, track_sequence
from dmtrack.tracking.multi_object import MultiObjectTracker
from dmtrack.training.devices import Devices
from dmtrack.training.run import train_from_config

LABELS = "labels.json"
TRACKS, DETECTIONS, UNCERTAIN = "tracks.txt", "det.txt", "uncertain.txt"
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


def track_videos(
    weights: Path,
    videos: Sequence[MultiObjectSequence],
    folder: Path,
    tracking: Tracking,
    device: str | None,
    console: Console,
    scales: Sequence[float] = (1.0,),
) -> list[Path]:
    """Tracks every video that has not been tracked yet, and keeps what was detected.

    Args:
        weights: of the detector, with its config.
        videos: with images.
        folder: receives `<video>/det.txt` and, when the video is done, `<video>/tracks.txt`.
        tracking: the policy and what it sees.
        device: of the detector.
        console: shows progress.
        scales: of the network input, see `detector_at`.
    """
    left = [video for video in videos if not (folder / video.name / TRACKS).is_file()]
    if left:
        policy: Association = build(tracking.policy, ASSOCIATIONS)
        find = detector_at(weights, scales, tracking.least_score, device)
        detected: list[Rows] = []

        def detect(image: Any) -> Detections:
            found = find(image)
            detected.append(track_rows(len(detected) + 1, found))
            return found

        tracker = MultiObjectTracker(policy, detect)
        with ProgressBar("frames", sum(map(len, left)), description="tracking", console=console) as bar:
            for video in left:
                detected.clear()
                tracks = track_sequence(tracker, video, bar.advance).tracks
                assert tracks is not None
                write_text(folder / video.name / DETECTIONS, mot_lines(np.concatenate(detected)))
                write_text(folder / video.name / TRACKS, mot_lines(tracks))
    return [folder / video.name / name for video in videos for name in (TRACKS, DETECTIONS)]


def fill_tracks(rows: Rows, rules: Interpolation) -> Rows:
    """Tracks of one video without their gaps, smoothed where that is asked for."""
    if rules.method == "none":
        return rows
    filled = fill_gaps(rows, rules.least_rows, rules.longest_gap)
    return smooth_tracks(filled, rules.tau) if rules.method == "gaussian" else filled


def interpolate(tracks: Path, stage: Path, rules: Interpolation) -> list[Path]:
    """Fills the gaps of all videos."""
    written = []
    for path in sorted(tracks.glob(f"*/{TRACKS}")):
        written.append(stage / path.parent.name / TRACKS)
        write_text(written[-1], mot_lines(fill_tracks(read_mot_rows(path), rules)))
    return written


def label_videos(
    tracks: Path, names: Sequence[str], folder: Path, filling: Interpolation, rules: Selection, published: bool
) -> None:
    """Writes what would be pseudo labels of tracked videos, as tracks and as detections, to be scored like others."""
    for name in names:
        rows = read_mot_rows(tracks / name / TRACKS)
        rows = rows if published else fill_tracks(rows, filling)
        kept = rows[reasons_of(rows, rules, published) == KEPT]
        for file in (TRACKS, DETECTIONS):
            write_text(folder / name / file, mot_lines(kept))


def select(
    tracks: Path,
    detections: Path,
    videos: Sequence[MultiObjectSequence],
    stage: Path,
    rules: Selection,
    published: bool,
) -> list[Path]:
    """Writes the rows that are trusted, what is uncertain, how many rows are not trusted and why, and pictures.

    Args:
        tracks: folder of their stage.
        detections: folder of the stage that tracked them.
        videos: with images.
        stage: folder to write to.
        rules: the thresholds.
        published: see `Recipe`.

    Raises:
        DataError: none is.
    """
    rows = {video.name: read_mot_rows(tracks / video.name / TRACKS) for video in videos}
    reasons = {name: reasons_of(own, rules, published) for name, own in rows.items()}
    counts = {name: np.bincount(why, minlength=len(REASONS)) for name, why in reasons.items()}
    together = np.sum(list(counts.values()), axis=0)
    check_survivors(together, max(own[:, 6].max(initial=0) for own in rows.values()), rules, tracks)
    draw_pseudo_labels(stage / "pseudo_labels.png", {video.name: video for video in videos}, rows, reasons)
    written = [stage / "counts.json"]
    for name, own in rows.items():
        write_text(stage / name / TRACKS, mot_lines(own[reasons[name] == KEPT]))
        written.append(stage / name / TRACKS)
        if rules.uncertain_score is not None and not published:
            found = read_mot_rows(detections / name / DETECTIONS, "detections")
            regions = uncertain_rows(own, reasons[name], found, rules.uncertain_score)
            write_text(stage / name / UNCERTAIN, mot_lines(regions))
            written.append(stage / name / UNCERTAIN)
    by_video = {name: dict(zip(REASONS, count.tolist(), strict=True)) for name, count in counts.items()}
    write_json(written[0], {"all": dict(zip(REASONS, together.tolist(), strict=True)), "videos": by_video})
    return written


def build_target(labels: Path, videos: Sequence[MultiObjectSequence], stage: Path) -> list[Path]:
    """The target with its pseudo labels as the training reads it; images without one stay in.

    Args:
        labels: folder of the stage that selected them.
        videos: with images.
        stage: folder to write to.
    """
    labelled = []
    for video in videos:
        height, width = video.read_frame(0).shape[:2]
        place = labels / video.name
        uncertain = read_mot_rows(place / UNCERTAIN, "detections") if (place / UNCERTAIN).is_file() else None
        rows = read_mot_rows(place / TRACKS)
        labelled.append(pseudo_labelled(video.name, frames_of(video), (width, height), rows, uncertain))
    return [write_labels(stage, coco_vid(numbered(labelled, with_ignored=True)))]


def images_of(labels: Path, *transforms: Mapping[str, Any]) -> dict[str, Any]:
    """The sampler of single images of a data set; the transforms change them before anything else does."""
    return {
        "type": "ImageClips",
        "source": {"type": "Coco", "annotations": str(labels.resolve()), "images": "/"},
        "ignored": True,
        "transforms": list(transforms),
    }


def mixed_images(source: Path, target: Path, oversampling: float, restyled: float = 0.0) -> dict[str, Any]:
    """The sampler of both domains, so that one mosaic has images of both.

    An image of the target is drawn `oversampling` times as often as one of the source: the same distribution as a list
    in which it stands that many times, without a copy of anything. A share of the source looks like the target.
    """
    style = [{"type": "Restyle", "source": images_of(target)["source"], "share": restyled}] if restyled else []
    counts = [len(json.loads(path.read_bytes())["images"]) for path in (source, target)]
    return {
        "type": "RandomConcat",
        "datasets": [images_of(source, *style), images_of(target)],
        "probabilities": [float(counts[0]), oversampling * counts[1]],
    }


def duplicated_boxes(labels: Path, times: int, stage: Path) -> Path:
    """The labels as the published merging leaves them: every image once, every box many times.

    Its script means to repeat images, but gives the copies to the same dictionaries, whose ids it goes on changing.
    """
    content = json.loads(labels.read_bytes())
    annotations = [dict(entry) for entry in content["annotations"] for _ in range(times)]
    for number, entry in enumerate(annotations, start=1):
        entry["id"] = number
    return write_labels(stage, {**content, "annotations": annotations})


def config_of_training(training: Training, images: Mapping[str, Any], weights: Path | None = None) -> Config:
    """The config of a training whose single images are those of a stage.

    Args:
        training: the config and what is changed in it.
        images: sampler that takes the place of every `ImageClips` of the config's data.
        weights: that it starts from; None leaves that to the config.

    Raises:
        ConfigError: the config draws no single images.
    """
    config = load_config(training.config, training.set_)
    found = 0

    def with_images(node: Any) -> Any:
        nonlocal found
        if isinstance(node, Mapping):
            if node.get("type") == "ImageClips":
                found += 1
                return dict(images)
            return {key: with_images(value) for key, value in node.items()}
        return type(node)(with_images(value) for value in node) if isinstance(node, (list, tuple)) else node

    changed = {**config, "data": with_images(config.get("data") or {})}
    if not found:
        raise ConfigError(
            f"{training.config}: its data has no dict(type='ImageClips', ...), so there is no place for the images of "
            "the recipe; take a config such as configs/yolox/yolox_x_source_only.py"
        )
    if weights is not None:
        changed |= {"load_from": str(weights), "load_from_except": None}
    return as_config(changed, (), training.config)


def train(config: Mapping[str, Any], stage: Path, devices: Devices) -> list[Path]:
    """Trains, or goes on with a training that was stopped.

    Raises:
        KeyboardInterrupt: it was asked to stop before its end.
    """
    outcome = train_from_config(config, stage, devices, resume="auto")
    if outcome.weights is None:
        raise KeyboardInterrupt
    return [outcome.weights]


def reestimate_batch_norm(weights: Path, batches: int, output: Path) -> None:
    """Weights with statistics of batch norms of training batches of the data set in their config.

    The mean of several networks has activations that none of them had (Izmailov et al., UAI 2018, section 3.2).
    """
    import torch
    from torch.optim.swa_utils import update_bn

    from dmtrack.data.loader import training_loader_from_config
    from dmtrack.weights import load_into, read_weights
    from dmtrack.weights.saving import save_weights

    stored = read_weights(weights)
    config = stored.metadata["config"]
    model = build(config["model"], MODELS)
    load_into(model, stored.state_dict, stored.path, metadata=stored.metadata)
    loader = training_loader_from_config(
        config["data"], model.clip_encoder(), total_iterations=batches, seed=int(config.get("seed") or 0)
    )
    with torch.no_grad():
        update_bn(loader, model)
    metadata = {key: value for key, value in stored.metadata.items() if value is not None and key != "format"}
    save_weights(output, model, metadata)

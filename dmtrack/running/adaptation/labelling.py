"""From unlabelled videos to pseudo labels: tracked, gaps filled, selected, and written as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from dmtrack.association.detections import Detections
from dmtrack.association.policy import Association
from dmtrack.config import build
from dmtrack.data.sequences import MultiObjectSequence
from dmtrack.data.sources.mot_challenge import Rows, mot_lines
from dmtrack.data.writers.tracking_labels import coco_vid, numbered
from dmtrack.evaluation.readers.mot import fill_gaps, read_mot_rows, smooth_tracks
from dmtrack.files import write_json, write_text
from dmtrack.progress import ProgressBar
from dmtrack.registry import ASSOCIATIONS
from dmtrack.running.adaptation.data import frames_of, write_labels
from dmtrack.running.adaptation.pseudo_labels import (
    KEPT,
    REASONS,
    check_survivors,
    draw_pseudo_labels,
    pseudo_labelled,
    reasons_of,
    uncertain_rows,
)
from dmtrack.running.adaptation.recipe import Interpolation, Selection, Tracking
from dmtrack.running.adaptation.scales import detector_at
from dmtrack.running.one_sequence import track_rows, track_sequence
from dmtrack.tracking.multi_object import MultiObjectTracker

TRACKS, DETECTIONS, UNCERTAIN = "tracks.txt", "det.txt", "uncertain.txt"


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

"""Finished 511-pixel crops on disk, in PySOT's layout: `crop511/<video>/<frame>.<track>.x.jpg` and `train.json`.

They are made once per source; training then decodes one small image per side of a pair instead of a whole frame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from dmtrack.data.sequences import Image
from dmtrack.data.siamese.cropping import CROP_SIZE, CropRule, crop_around
from dmtrack.data.siamese.targets import Target, Targets
from dmtrack.data.writers.folders import check_record, keep_record
from dmtrack.errors import ConfigError, DataError, OutputError
from dmtrack.files import at_home, check_writable_folder, write_text
from dmtrack.media.images import encode_jpeg

ANNOTATIONS, CROPS, RECORD, MARKER = "train.json", "crop511", "source.json", ".done"

VideoBoxes = dict[str, dict[str, list[float]]]
"""By track, by frame: x1, y1, x2, y2 in the frame."""


def crops_of_source(crops: str | Path, place: int, node: Mapping[str, Any]) -> Path:
    """The folder of one source's crops, by its place in `data.train.sources` and its config dict."""
    return at_home(crops) / f"{place}_{node['type']}"


def cropped_source(crops: str | Path, place: int, node: Any) -> dict[str, Any]:
    """The config dict that reads the crops of a source instead of the source.

    Raises:
        ConfigError: the crops were made of another source.
        DataError: they are not there or not complete.
    """
    if not isinstance(node, Mapping):
        raise ConfigError(f"SiamesePairs: crops need sources as config dicts, got {type(node).__name__}")
    folder = crops_of_source(crops, place, node)
    if not (folder / ANNOTATIONS).is_file():
        raise DataError(f"{folder} holds no finished crops (no {ANNOTATIONS}); make them or go on with `dmtrack crops`")
    check_record(folder / RECORD, {"source": dict(node)})
    return {"type": "Crop511", "root": str(folder)}


def write_crops(
    tracks: Targets,
    folder: Path,
    node: Mapping[str, Any],
    rule: CropRule = "mmtracking",
    quality: int = 95,
    workers: int = 0,
    progress: Callable[[], object] = lambda: None,
) -> int:
    """Writes the crops of every target of a source and counts them; what an earlier call finished is kept.

    Args:
        tracks: of the source.
        folder: of its crops.
        node: the source's config dict, kept beside the crops.
        rule: see `crop_around`.
        quality: of the JPEG files.
        workers: processes; 0 works in the calling one.
        progress: called after every video.

    Raises:
        ConfigError: the folder holds crops of another source.
        DataError: two videos of one name, or a frame that cannot be read.
        OutputError: the folder cannot be written.
    """
    check_writable_folder(folder)
    record = json.loads(json.dumps({"source": dict(node), "rule": rule, "quality": quality}))
    keep_record(folder / RECORD, record)
    job = CropJob(tracks, folder / CROPS, rule, quality)
    annotations: dict[str, VideoBoxes] = {}
    for name, boxes in _all_videos(job, workers):
        if name in annotations:
            raise DataError(f"{folder}: two videos are called {name}; crops need different names")
        annotations[name] = boxes
        progress()
    # Last, because it says that the crops are complete.
    write_text(folder / ANNOTATIONS, json.dumps(annotations))
    return sum(len(frames) for boxes in annotations.values() for frames in boxes.values())


class CropJob:
    """Crops of single videos of a source, a folder each, as JPEG files of a quality; `rule` as of `crop_around`."""

    def __init__(self, tracks: Targets, folder: Path, rule: CropRule, quality: int) -> None:
        self.tracks, self.folder, self.rule, self.quality = tracks, folder, rule, quality

    def write_video(self, video: int) -> tuple[str, VideoBoxes]:
        """Writes what is missing; returns the video's name and its annotations."""
        first, end = (int(start) for start in self.tracks.video_starts[video : video + 2])
        tracks = [self.tracks[index] for index in range(first, end)]
        boxes: VideoBoxes = {
            f"{number:02d}": {f"{frame:06d}": track.boxes_xyxy[frame].tolist() for frame in track.valid}
            for number, track in enumerate(tracks)
        }
        target = self.folder / tracks[0].name
        if not (target / MARKER).is_file():
            try:
                self._write(tracks, target)
            except OSError as error:
                raise OutputError(f"cannot write {target}: {error.strerror}; free some space and repeat") from error
            write_text(target / MARKER, "")
        return tracks[0].name, {name: frames for name, frames in boxes.items() if frames}

    def _write(self, tracks: list[Target], target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for number, frame, image in _frames(tracks):
            square, _ = crop_around(image, tracks[number].boxes_xyxy[frame], CROP_SIZE, self.rule)
            # Not atomic one by one, which would wait for the disk a million times: the marker vouches for the video.
            (target / f"{frame:06d}.{number:02d}.x.jpg").write_bytes(encode_jpeg(square, self.quality))


def _frames(tracks: list[Target]) -> Iterator[tuple[int, int, Image]]:
    """(track, frame, image) of all valid frames; a frame that several targets share is read once."""
    valid = [set(track.valid.tolist()) for track in tracks]
    for frame in sorted(set().union(*valid)):
        read: list[tuple[Any, Image]] = []
        for number, track in enumerate(tracks):
            if frame not in valid[number]:
                continue
            image = next((image for reader, image in read if reader == track.read_frame), None)
            if image is None:
                image = track.read_frame(frame)
                read.append((track.read_frame, image))
            yield number, frame, image


_job: CropJob | None = None


def _start(job: CropJob) -> None:
    import cv2

    global _job
    _job = job
    cv2.setNumThreads(0)


def _write_video(video: int) -> tuple[str, VideoBoxes]:
    assert _job is not None
    return _job.write_video(video)


def _all_videos(job: CropJob, workers: int) -> Iterator[tuple[str, VideoBoxes]]:
    videos = range(len(job.tracks.video_starts) - 1)
    if workers < 1:
        yield from map(job.write_video, videos)
        return
    with ProcessPoolExecutor(workers, initializer=_start, initargs=(job,)) as pool:
        yield from pool.map(_write_video, videos, chunksize=8)

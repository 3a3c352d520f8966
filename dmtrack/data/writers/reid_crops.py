"""Images of single people for the training of re-identification, cut out of videos: one folder per identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack import files
from dmtrack.data.sources.frames import spaced
from dmtrack.data.sources.labelled import LabelledVideo
from dmtrack.data.writers.folders import Progress, keep_record, write_jpeg
from dmtrack.errors import DataError, OutputError
from dmtrack.media.images import read_image

RECORD, DONE = "source.json", ".done"


@dataclass(frozen=True)
class CropRules:
    """Which people are cut out, and how they are listed; defaults are those of MMTracking's `mot2reid.py`.

    Attributes:
        min_visibility: least visible share.
        min_side: least width and height in pixels inside the image.
        min_crops: identities with fewer crops are in no list.
        max_crops: of an identity in a list; evenly spaced where there are more.
        val_share: of the identities, the last ones, that validate.
        quality: of the JPEG files.
    """

    min_visibility: float = 0.3
    min_side: int = 1
    min_crops: int = 8
    max_crops: int = 1000
    val_share: float = 0.2
    quality: int = 95


def write_reid_crops(
    videos: Iterable[LabelledVideo],
    folder: Path,
    source: Mapping[str, Any],
    rules: CropRules,
    first_pixel: float = 0.0,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Writes `imgs/<video>_<identity>/*.jpg` and lists in `meta`, as MMTracking trains DeepSORT's embedding on them.

    Names of files are like Market-1501's: identity, number of the video, frame, place in the frame. What an earlier
    call has finished is kept, video by video.

    Args:
        videos: see `numbered`; unknown identities are left out.
        folder: to write to.
        source: what the crops are made of, kept beside them.
        rules: which are made.
        first_pixel: what the data set calls the left upper corner.
        progress: called after every video or image.

    Returns:
        The number of crops and of identities in the lists.

    Raises:
        ConfigError: the folder holds crops of another source or by other rules.
        DataError: an image cannot be read, or nobody is left.
        OutputError: nothing can be written there.
    """
    files.check_writable_folder(folder)
    keep_record(folder / RECORD, {**source, "rules": asdict(rules)})
    marker = folder / DONE
    finished = set(marker.read_text().split()) if marker.is_file() else set()
    try:
        with marker.open("a") as done:
            for number, video in enumerate(videos, start=1):
                if str(number) not in finished:
                    _cut(video, number, folder / "imgs", rules, first_pixel)
                    # The mark vouches for the files of the video, which are not written atomically one by one.
                    done.write(f"{number}\n")
                    done.flush()
                if progress is not None:
                    progress()
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}; free some space and repeat") from error
    return _write_lists(folder, rules)


def _cut(video: LabelledVideo, number: int, folder: Path, rules: CropRules, first_pixel: float) -> None:
    """The crops of a video; every image is read once."""
    wanted = (video.identities >= 0) & (video.visibility >= rules.min_visibility)
    for frame in np.unique(video.frames[wanted]).tolist():
        image = read_image(video.images[frame])
        limit = np.array(image.shape[1::-1])
        rows = np.flatnonzero(wanted & (video.frames == frame))
        starts = video.boxes_xywh[rows, :2] - first_pixel
        ends = np.clip(np.rint(starts + video.boxes_xywh[rows, 2:]), 0, limit).astype(int)
        starts = np.clip(np.rint(starts), 0, limit).astype(int)
        for place, (row, (left, top), (right, bottom)) in enumerate(zip(rows, starts, ends, strict=True)):
            if min(right - left, bottom - top) < rules.min_side:
                continue
            identity = int(video.identities[row])
            own = folder / "_".join(filter(None, (video.name.replace("/", "_"), f"{identity:06d}")))
            own.mkdir(parents=True, exist_ok=True)
            name = f"{identity:04d}_c{number}s1_{video.first + frame:06d}_{place:02d}.jpg"
            write_jpeg(own / name, image[top:bottom, left:right], rules.quality)


def _write_lists(folder: Path, rules: CropRules) -> tuple[int, int]:
    """Lists of `<folder>/<file> <label>`: training, validation, and both."""
    kept: list[list[str]] = []
    for own in sorted((folder / "imgs").glob("*/")):
        names = sorted(path.name for path in own.glob("*.jpg"))
        if len(names) >= rules.min_crops:
            kept.append([f"{own.name}/{names[place]}" for place in spaced(len(names), rules.max_crops)])
    if not kept:
        raise DataError(
            f"{folder}: no identity has {rules.min_crops} crops with {rules.min_visibility:g} of it visible and sides "
            f"of {rules.min_side} pixels; lower --min-crops, --min-visibility or --min-side in another folder; "
            "a set without identities gives no crops"
        )
    first = int(len(kept) * (1 - rules.val_share))
    share = round(100 * rules.val_share)
    for name, chosen in ((f"train_{100 - share}", kept[:first]), (f"val_{share}", kept[first:]), ("train", kept)):
        lines = [f"{crop} {label}\n" for label, own in enumerate(chosen) for crop in own]
        files.write_text(folder / "meta" / f"{name}.txt", "".join(lines))
    return sum(map(len, kept)), len(kept)

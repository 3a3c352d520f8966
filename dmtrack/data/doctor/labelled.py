"""Data sets of many objects: their rows, their images, and what their identities mean for training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dmtrack.data.doctor.findings import Examination, Finding, finding_of
from dmtrack.data.doctor.frame_checks import decode, open_all, open_header
from dmtrack.data.sources.frames import spaced
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.errors import DMTrackError

_SAMPLED = 8
"""Frames of a video whose header the quick mode reads."""
_SAMPLED_IMAGES = 500
"""Images of a data set of images whose header the quick mode reads."""
_SPARSE = 2
"""So many times as many identities as objects are worth a note."""


def examine_labelled(
    source: LabelledSource,
    full: bool,
    frames: bool,
    progress: Callable[[int, int], object] | None,
    pool: ThreadPoolExecutor,
    found: Examination,
) -> None:
    """Adds what is wrong with a data set of many objects.

    Args:
        source: of the data set.
        full: decode every image instead of opening a few.
        frames: look at images.
        progress: called with (done, total) videos or images.
        pool: threads that decode.
        found: takes the findings and counts.
    """
    sampled = set(spaced(len(source), _SAMPLED_IMAGES))
    known: dict[int, set[int]] = {}
    for number in range(len(source)):
        try:
            video = source.read(number)
        except DMTrackError as error:
            path = Path(str(error).partition(": ")[0].removesuffix(" is missing"))
            found.findings.append(finding_of(error, path, "mend the file, or download it again"))
        else:
            found.findings += [Finding(*fault) for fault in video.faults()]
            found.sequences += not source.of_images
            found.boxes += int((~video.ignored).sum())
            for identity in np.unique(video.identities[(video.identities >= 0) & ~video.ignored]).tolist():
                known.setdefault(identity // source.identity_span, set()).add(identity % source.identity_span)
            if frames:
                wanted = range(len(video.images)) if full else spaced(len(video.images), _SAMPLED)
                opened = wanted if full or not source.of_images or number in sampled else ()
                _check_images(video, [video.images[place] for place in opened], full, pool, found)
        if progress is not None:
            progress(number + 1, len(source))
    for own in known.values() if source.shared_identities else ():
        if max(own) + 1 > _SPARSE * len(own) + 1:
            found.add(
                found.root,
                f"identities go to {max(own)}, but only {len(own)} are used",
                "a classifier has a row for each: number them anew with `dmtrack data convert`",
                severe=False,
            )
    if not found.boxes and not found.problems:
        found.add(found.root, "has no object that counts", f"expected {source.layout}")


def _check_images(
    video: LabelledVideo, opened: list[Path], full: bool, pool: ThreadPoolExecutor, found: Examination
) -> None:
    missing = [path for path in video.images if not path.is_file()]
    found.frames += len(video.images) - len(missing)
    if missing:
        names = ", ".join(path.name for path in missing[:3]) + (", ..." if len(missing) > 3 else "")
        text = f"{len(missing)} of {len(video.images)} images are missing: {names}"
        found.add(missing[0].parent, text, "complete the download")
    shapes = open_all([path for path in opened if path.is_file()], decode if full else open_header, pool, found)
    for path, size in shapes.items():
        if size != video.size_wh:
            found.add(
                path,
                f"has {size[0]}x{size[1]} pixels but the annotations say {video.size_wh[0]}x{video.size_wh[1]}",
                "its boxes do not fit: download image and annotations again",
            )
            return  # the others are of the same size

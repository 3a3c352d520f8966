"""Going through a data set: what lies there against what its source says of its files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dmtrack.data.benchmarks import BENCHMARKS
from dmtrack.data.doctor.box_checks import check_boxes
from dmtrack.data.doctor.findings import Examination, Finding
from dmtrack.data.doctor.frame_checks import check_frames, decode, open_all, open_header
from dmtrack.data.doctor.image_sets import IMAGE_SETS, ImageFiles, ListedImage, check_reach
from dmtrack.data.doctor.labelled import examine_labelled
from dmtrack.data.doctor.list_checks import check_counts, check_lists, check_strays
from dmtrack.data.labelled_sets import LABELLED_SETS
from dmtrack.data.sources.places import VideoFiles
from dmtrack.errors import DataError
from dmtrack.files import at_home
from dmtrack.registry import did_you_mean

Progress = Callable[[int, int], object]
"""Called with (done, total) sequences or images."""

_CHUNK = 256
_SAMPLED_IMAGES = 500
"""Images of an image data set whose header the quick mode reads, evenly spaced."""


@dataclass(frozen=True)
class Options:
    """How thoroughly to look.

    Attributes:
        split: one split alone; None takes all that lie there.
        full: decode every image.
        partial: a part of the data set is meant to be there, so official counts are only noted.
        frames: look at frames; False checks annotations alone.
        threads: that decode images.
        annotations: file of an image data set, instead of the official place.
        images: folder of its images.
    """

    split: str | None = None
    full: bool = False
    partial: bool = False
    frames: bool = True
    threads: int = 4
    annotations: Path | None = None
    images: Path | None = None


def examine(
    name: str, root: str | Path, options: Options | None = None, progress: Progress | None = None
) -> Examination:
    """Checks a data set on disk; nothing is changed.

    Args:
        name: of a benchmark, of a data set of many objects, "coco" or "image-folder".
        root: its folder, or file.
        options: how thoroughly.
        progress: called after every sequence, or after some images.

    Raises:
        DataError: the name or the split is unknown, the folder is missing, or holds nothing of the expected layout.
    """
    options = options or Options()
    single = {item.name: item.files for item in BENCHMARKS.values() if not item.many_objects}
    known: dict[str, VideoFiles | ImageFiles] = single | IMAGE_SETS
    if name not in known and name not in LABELLED_SETS:
        raise DataError(f"unknown data set {name!r}{did_you_mean(name, [*known, *LABELLED_SETS])}")
    folder = at_home(root)
    found = Examination(name, folder)
    with ThreadPoolExecutor(options.threads) as pool:
        if name in LABELLED_SETS:
            source = LABELLED_SETS[name](folder, split=options.split)
            examine_labelled(source, options.full, options.frames, progress, pool, found)
            return found
        rules = known[name]
        if not folder.is_dir():
            raise DataError(f"{name}: no folder {folder} (looked from {Path.cwd()}); expected {rules.layout}")
        if isinstance(rules, VideoFiles):
            _examine_videos(rules, folder, options, progress, pool, found)
        else:
            _examine_images(rules, folder, options, progress, pool, found)
    return found


def _examine_videos(
    rules: VideoFiles,
    root: Path,
    options: Options,
    progress: Progress | None,
    pool: ThreadPoolExecutor,
    found: Examination,
) -> None:
    if options.split is not None and options.split not in rules.splits:
        known = ", ".join(rules.splits) or "none: leave --split out"
        raise DataError(f"{found.dataset}: unknown split {options.split!r}; known: {known}")
    places = rules.find(root, options.split)
    found.sequences = len(places)
    check_counts(root, options.split, rules, places, options.partial, found)
    check_lists(root, options.split, rules, places, found)
    if options.split is None:
        check_strays(root, rules, places, found)
    if rules.further is not None:
        boxes, problems = rules.further(root, options.split, places)
        found.boxes += boxes
        found.findings += [Finding(*problem) for problem in problems]
    for done, place in enumerate(places, start=1):
        frames = check_frames(place, rules, options.full, pool, found) if options.frames else None
        check_boxes(place, rules, frames, found)
        if progress is not None:
            progress(done, len(places))


def _examine_images(
    rules: ImageFiles,
    root: Path,
    options: Options,
    progress: Progress | None,
    pool: ThreadPoolExecutor,
    found: Examination,
) -> None:
    if options.split is not None and not rules.splits:
        raise DataError(f"{found.dataset}: it has no splits; leave --split out")
    listed = rules.read(root, options.split, options.annotations, options.images, found)
    if not options.frames:
        return
    there = [image for image in listed if image.path.is_file()]
    found.frames = len(there)
    missing = [image.path for image in listed if not image.path.is_file()]
    if missing:
        shown = ", ".join(path.name for path in missing[:3]) + (", ..." if len(missing) > 3 else "")
        found.add(
            missing[0].parent, f"{len(missing)} of {len(listed)} images are missing: {shown}", "complete the download"
        )
    step = 1 if options.full else max(1, len(there) // _SAMPLED_IMAGES)
    chosen = there[::step]
    sizes: dict[Path, tuple[int, int]] = {}
    for start in range(0, len(chosen), _CHUNK):
        sizes |= _open_chunk(chosen[start : start + _CHUNK], options.full, pool, found)
        if progress is not None:
            progress(min(start + _CHUNK, len(chosen)), len(chosen))
    check_reach(chosen, sizes, found)


def _open_chunk(
    images: list[ListedImage], full: bool, pool: ThreadPoolExecutor, found: Examination
) -> dict[Path, tuple[int, int]]:
    """Opens some images, and gives (width, height) of those that can be read."""
    look: Callable[[Path], tuple[int, int] | Finding] = decode if full else open_header
    shapes = open_all([image.path for image in images], look, pool, found)
    for image in images:
        size = shapes.get(image.path)
        if size is not None and image.size_wh is not None and size != image.size_wh:
            found.add(
                image.path,
                f"has {size[0]}x{size[1]} pixels but the annotations say {image.size_wh[0]}x{image.size_wh[1]}",
                "its boxes do not fit: download image and annotations again",
            )
    return shapes

"""Are the frames of a sequence all there, and are they images."""

from __future__ import annotations

import itertools
import os
import statistics
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dmtrack.data.doctor.findings import Examination, Finding, finding_of
from dmtrack.data.sources.frames import image_size_wh, list_frames
from dmtrack.data.sources.places import SequencePlace, VideoFiles
from dmtrack.errors import DMTrackError
from dmtrack.media.image_files import frame_numbers, listed_numbers, missing_numbers
from dmtrack.media.images import read_image

_SAMPLED = 8
"""Frames of a sequence whose header the quick mode reads."""
_SMALL = 0.4
"""A file below this share of the sequence's median size is suspicious: half-copied files are."""
_AGAIN = "copy or download it again"


@dataclass(frozen=True)
class Frames:
    """The frames of a sequence as they lie there.

    Attributes:
        names: file names in playing order, those that the benchmark uses.
        size_wh: of the first frame that could be read; None where none could.
    """

    names: tuple[str, ...]
    size_wh: tuple[int, int] | None


def check_frames(
    place: SequencePlace, rules: VideoFiles, full: bool, pool: ThreadPoolExecutor, found: Examination
) -> Frames:
    """Adds to `found` what is wrong with the frames of one sequence; `full` decodes all instead of opening a few.

    Returns:
        What lies there; no names where nothing does.
    """
    try:
        names = list_frames(place.frames, rules.layout).names
        if place.span is not None:  # of which the benchmark uses a part
            begin, end = place.span
            names = tuple(name for name in names if begin <= _number(name, begin) <= end)
    except DMTrackError:
        problem = "holds no frames" if place.frames.is_dir() else "is missing"
        found.add(
            place.frames, f"{problem}: expected the frames of {place.name}", "copy or download the sequence again"
        )
        return Frames((), None)
    found.frames += len(names)
    _check_numbers(place, rules, names, found)
    sizes = {name: (place.frames / name).stat().st_size for name in names}
    empty = [name for name, size in sizes.items() if size == 0]
    for name in empty:
        found.add(place.frames / name, "is empty (0 bytes)", _AGAIN)
    rest = [name for name in names if sizes[name]]
    opened = rest if full else _suspicious(rest, sizes)
    look: Callable[[Path], tuple[int, int] | Finding] = decode if full else open_header
    shapes = open_all([place.frames / name for name in opened], look, pool, found)
    if len(set(shapes.values())) > 1:
        first = next(iter(shapes))
        other = next(path for path, size in shapes.items() if size != shapes[first])
        found.add(
            other,
            "has {}x{} pixels but {} has {}x{}".format(*shapes[other], first.name, *shapes[first]),
            "the boxes may belong to frames of another size: compare with the official download",
            severe=False,
        )
    return Frames(names, next(iter(shapes.values()), None))


def open_all(
    paths: Iterable[Path],
    look: Callable[[Path], tuple[int, int] | Finding],
    pool: ThreadPoolExecutor,
    found: Examination,
) -> dict[Path, tuple[int, int]]:
    """(width, height) of the images that can be read; the others become findings."""
    paths = list(paths)
    found.decoded += len(paths)
    shapes = {}
    for path, outcome in zip(paths, pool.map(look, paths), strict=True):
        if isinstance(outcome, Finding):
            found.findings.append(outcome)
        else:
            shapes[path] = outcome
    return shapes


def decode(path: Path) -> tuple[int, int] | Finding:
    """(width, height) of an image that can be decoded, or what is wrong with it."""
    try:
        height, width = read_image(path).shape[:2]
    except DMTrackError as error:
        return finding_of(error, path, _AGAIN)
    return int(width), int(height)


def open_header(path: Path) -> tuple[int, int] | Finding:
    """(width, height) from the header of an image whose end is there, too, or what is wrong with it."""
    try:
        size = image_size_wh(path)
        with open(path, "rb") as opened:
            jpeg = opened.read(2) == b"\xff\xd8"
            opened.seek(-min(4096, os.fstat(opened.fileno()).st_size), os.SEEK_END)
            ended = b"\xff\xd9" in opened.read()
        if jpeg and not ended:  # a file may carry more behind its end than we have looked at
            return decode(path)
    except DMTrackError as error:
        return finding_of(error, path, _AGAIN)
    except OSError as error:
        return Finding(path, f"cannot be read ({error.strerror or error})", "check its permissions")
    return size


def _number(name: str, otherwise: int = -1) -> int:
    stem = name.split(".", 1)[0]
    return int(stem) if stem.isdecimal() else otherwise


def _check_numbers(place: SequencePlace, rules: VideoFiles, names: tuple[str, ...], found: Examination) -> None:
    plain = all(_number(name) >= 0 for name in names)
    numbers = [_number(name) for name in names] if plain else frame_numbers(names)
    if not numbers:
        return
    first = None if not plain else place.span[0] if place.span else rules.first_number
    if plain and not rules.gaps_allowed:
        last = place.span[1] if place.span else max(numbers)
        gaps = missing_numbers([*numbers, min([*numbers, *([] if first is None else [first])]) - 1, last + 1], step=1)
    else:
        gaps = missing_numbers(numbers)
    if gaps:
        found.add(
            place.frames,
            f"{sum(map(len, gaps))} frames are missing, numbers {listed_numbers(gaps)}",
            "copy or download the sequence again"
            if not rules.gaps_allowed
            else "frames beside a gap count as neighbours: complete them, or leave it if that is meant",
            severe=not rules.gaps_allowed,
        )
    if first is not None and min(numbers) < first:
        found.add(place.frames, f"begins with frame {min(numbers)}, expected {first}", "remove or rename what is extra")
    double = next(
        (name for name, (one, other) in zip(names, itertools.pairwise(numbers), strict=False) if one == other), None
    )
    if double:
        found.add(place.frames, f"has two files for one frame, e.g. {double}", "remove one of the two")


def _suspicious(names: list[str], sizes: dict[str, int]) -> list[str]:
    """The frames that the quick mode opens: some evenly spaced ones, and those whose files are unusually small."""
    if not names:
        return []
    small = _SMALL * statistics.median(sizes[name] for name in names)
    last = len(names) - 1
    spaced = {names[round(place * last / (_SAMPLED - 1))] for place in range(_SAMPLED)}
    return [name for name in names if name in spaced or sizes[name] < small]

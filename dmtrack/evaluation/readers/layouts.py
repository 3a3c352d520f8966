"""The layouts of results that are known, and how the files of one are found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Family = Literal["folders", "flat", "mat", "json", "csv"]


@dataclass(frozen=True)
class Layout:
    """A way to store results.

    Attributes:
        name: of the layout.
        family: how its files are named.
        description: one line.
        separators: that its tool reads; any where empty.
        first_pixel: number of the first pixel; None where it is that of the benchmark's annotations.
    """

    name: str
    family: Family
    description: str
    separators: tuple[str, ...] = ()
    first_pixel: int | None = None


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("dmtrack", "folders", "<seq>/<seq>_001.txt and a manifest.json of dmtrack", first_pixel=0),
        Layout("got10k", "folders", "<seq>/<seq>_001.txt, <seq>/<seq>_time.txt (got10k toolkit, its submissions)"),
        Layout("vot", "folders", "<seq>/<seq>_001.txt of rectangles, polygons and codes, <seq>_001_confidence.value"),
        Layout("pytracking", "flat", "<seq>.txt separated by tabs, <seq>_time.txt", ("\t", ",")),
        Layout("pysot", "flat", "<seq>.txt separated by commas (PySOT, MMTracking, TrackingNet, LaSOT)", (",",)),
        Layout("text", "flat", "<seq>.txt separated by commas, tabs, semicolons or spaces (OTB, plain folders)"),
        Layout("otb-mat", "mat", "<seq>_<tracker>.mat with a struct or cell 'results' (OTB's MATLAB code)"),
        Layout("oxuva", "csv", "<video>_<object>.csv with presence, scores and shares (OxUvA)", first_pixel=0),
        Layout("otb-json", "json", "<seq>.json with a list of runs (OTB's Python code)"),
    )
}
"""By name. All of them in a folder or in a zip archive, at its top or below other folders."""


@dataclass(frozen=True)
class Candidate:
    """The files that may be the result of one sequence.

    Attributes:
        label: what they call the sequence.
        boxes: file of the boxes.
        companions: other files by kind: "time", "score", "present", "error".
        repetitions: files of boxes of further runs.
    """

    label: str
    boxes: str
    companions: Mapping[str, str] = field(default_factory=dict)
    repetitions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """All candidates of one family in one place.

    Attributes:
        family: how the files are named.
        place: folder above them, "" at the top.
        candidates: by label.
    """

    family: Family
    place: str
    candidates: Mapping[str, Candidate]


_COMPANIONS: dict[str, tuple[str, ...]] = {
    "time": ("{label}_time.txt", "{label}_time.value", "{label}_001_time.value", "times/{label}_time.txt"),
    "score": (
        "{label}_score.txt",
        "{label}_001_confidence.value",
        "{label}_001_confidence.txt",
        "{label}_confidence.value",
        "{label}_object_presence_scores.txt",
    ),
    "present": ("{label}_present.txt",),
}


def find_groups(names: Iterable[str], layout: Layout | None = None) -> list[Group]:
    """All places that may hold results.

    Args:
        names: of the files.
        layout: only groups of its family; of all families where None.
    """
    every = list(names)
    present = set(every)
    boxes: dict[tuple[Family, str], dict[str, list[str]]] = {}
    for name in every:
        found = _family_of(name, present)
        if found is not None and (layout is None or layout.family == found[0]):
            family, place, label = found
            boxes.setdefault((family, place), {}).setdefault(label, []).append(name)
    return [
        Group(
            family, place, {label: _candidate(family, place, label, files, present) for label, files in found.items()}
        )
        for (family, place), found in boxes.items()
    ]


def _candidate(family: Family, place: str, label: str, files: list[str], present: set[str]) -> Candidate:
    inside = _join(place, label) if family == "folders" else place
    companions = {
        kind: path
        for kind, patterns in _COMPANIONS.items()
        for path in reversed([_join(inside, pattern.format(label=label)) for pattern in patterns])
        if path in present
    }
    return Candidate(label, min(files), companions, tuple(sorted(files)[1:]))


def _family_of(name: str, present: set[str]) -> tuple[Family, str, str] | None:
    """Family, place and label of a file of boxes; None for other files."""
    place, _, file = name.rpartition("/")
    stem, _, suffix = file.rpartition(".")
    above, _, folder = place.rpartition("/")
    if suffix == "txt":
        if folder and re.fullmatch(rf"{re.escape(folder)}_\d{{3}}", stem):
            return "folders", above, folder
        if (folder and _join(place, f"{folder}_001.txt") in present) or stem == "error":
            return None
        if folder == "times" and stem.endswith("_time"):
            return None
        for ending in ("_time", "_object_presence_scores"):
            if stem.endswith(ending) and _join(place, f"{stem.removesuffix(ending)}.txt") in present:
                return None
        return "flat", place, stem
    if suffix == "mat":
        return "mat", place, stem
    if suffix == "csv":
        return "csv", place, stem
    if suffix == "json" and file != "manifest.json":
        return "json", place, stem
    return None


def _join(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name

"""The layouts of results that are known, and how the files of one are found in a folder or in a zip archive.

Both are read alike, and archives are never unpacked.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from dmtrack.errors import EvaluationError
from dmtrack.files import at_home, decode_text

_DEPTH = 5
_MOST_FILES = 200_000
_MOST_BYTES = 512 * 1024**2
_OF_THE_SYSTEM = {".DS_Store", "Thumbs.db", "desktop.ini"}


class ResultFiles:
    """What lies in a folder (five levels deep) or in a zip archive.

    Attributes:
        path: of the folder or archive.
        is_archive: whether it is a zip archive.
        names: relative paths with "/", sorted; without what operating systems leave behind (`__MACOSX`, `.DS_Store`).
            Where the archive was packed with backslashes between folders, which older tools of Windows do, or was
            unpacked to files that have them in their names, they count as "/".

    Raises:
        EvaluationError: there is nothing at `path`, it is neither folder nor zip archive, or it has too many files.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = at_home(path)
        self._archive: zipfile.ZipFile | None = None
        if self.path.is_dir():
            stored = _walk(self.path)
        elif self.path.is_file():
            self._archive = _open_zip(self.path)
            stored = [name for name in self._archive.namelist() if not name.endswith(("/", "\\"))]
        else:
            raise EvaluationError(f"{self.path} does not exist; give a folder of results or a zip archive of one")
        stored = [name for name in stored if plain_name(name) and not left_by_system(plain_name(name))]
        name, times = Counter(map(plain_name, stored)).most_common(1)[0] if stored else ("", 0)
        if times > 1:
            raise EvaluationError(f"{self.path} holds {name} {times} times; pack it again")
        self.is_archive = self._archive is not None
        self._stored = {plain_name(name): name for name in stored}
        self.names = sorted(self._stored)

    def close(self) -> None:
        """Closes the archive; nothing can be read afterwards."""
        if self._archive is not None:
            self._archive.close()

    def where(self, name: str) -> str:
        """How errors and notes call a file."""
        return f"{self.path}: {name}" if self.is_archive else str(self.path / name)

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            EvaluationError: it cannot be read, or is larger than 512 MiB.
        """
        try:
            if self._archive is None:
                path = self.path / self._stored[name]
                size, content = path.stat().st_size, b""
                if size <= _MOST_BYTES:
                    content = path.read_bytes()
            else:
                size, content = self._archive.getinfo(self._stored[name]).file_size, b""
                if size <= _MOST_BYTES:
                    content = self._archive.read(self._stored[name])
        except OSError as error:
            raise EvaluationError(f"{self.where(name)} cannot be read: {error.strerror or error}") from error
        except Exception as error:  # a broken archive raises whatever its decompressor stumbles over
            raise EvaluationError(
                f"{self.where(name)} is damaged ({error}); download or pack the archive again"
            ) from error
        if size > _MOST_BYTES:
            raise EvaluationError(f"{self.where(name)} has {size / 1e6:.0f} MB, which no result file has; remove it")
        return content

    def text(self, name: str) -> str:
        """The content of a text file; a byte order mark is dropped, line ends become newlines.

        Raises:
            EvaluationError: it cannot be read, or is no text.
        """
        return decode_text(self.read(name), self.where(name), "numbers in lines", EvaluationError)


def plain_name(stored: str) -> str:
    """The relative path of a file with "/" alone, whatever packed it."""
    return stored.replace("\\", "/").removeprefix("./").lstrip("/")


def left_by_system(name: str) -> bool:
    """Whether a file is one that operating systems leave in folders and archives."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or PurePosixPath(name).name in _OF_THE_SYSTEM


def _walk(folder: Path) -> list[str]:
    names: list[str] = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        place = Path(parent).relative_to(folder)
        if len(place.parts) >= _DEPTH:
            folders.clear()
        names.extend((place / name).as_posix() for name in files)
        if len(names) > _MOST_FILES:
            raise EvaluationError(f"{folder} holds more than {_MOST_FILES:,} files; give the folder of one tracker")
    return names


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise EvaluationError(
            f"{path} is no readable zip archive ({error}); give a folder of results or a complete zip archive"
        ) from error


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
    suffix = suffix.lower()
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

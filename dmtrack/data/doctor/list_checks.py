"""Do the lists of splits, the folders and the official counts agree."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dmtrack.data.doctor.findings import Examination, finding_of
from dmtrack.data.sources.places import ListFile, SequencePlace, VideoFiles
from dmtrack.data.synthetic.sequences import GENERATED
from dmtrack.errors import DMTrackError
from dmtrack.files import read_text
from dmtrack.media.images import IMAGE_SUFFIXES


def check_lists(
    root: Path, split: str | None, rules: VideoFiles, places: list[SequencePlace], found: Examination
) -> None:
    """Adds what is wrong with files that list names of sequences."""
    for rule in rules.lists:
        if split in (None, rule.split):
            path = root / rule.path
            if not path.is_file() and root.name == rule.split:
                path = root / Path(rule.path).name
            if path.is_file():
                _check_list(path, rule, [place for place in places if rule.split in (None, place.split)], places, found)
            elif path.parent.is_dir() and rule.complete and any(rule.split in (None, item.split) for item in places):
                found.add(path, "is missing: expected one sequence name per line", "download it again", severe=False)


def _check_list(
    path: Path, rule: ListFile, own: list[SequencePlace], places: list[SequencePlace], found: Examination
) -> None:
    try:
        names = read_text(path, "one sequence name per line").split()
    except DMTrackError as error:
        found.findings.append(finding_of(error, path, "download it again"))
        return
    if not names:
        found.add(path, "is empty: expected one sequence name per line", "download it again, or delete it")
        return
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        found.add(path, f"names {len(double)} sequences twice, first {double[0]}", "remove the second line")
    there = {place.name for place in (own if rule.complete else places)}
    missing = [name for name in dict.fromkeys(names) if name not in there]
    if missing:
        found.add(
            path,
            f"names {len(missing)} of {len(names)} sequences that are not there, first {missing[0]}",
            "complete the download, or take them off the list",
        )
    extra = sorted(there - set(names)) if rule.complete else []
    if extra:
        found.add(
            path,
            f"does not name {len(extra)} sequences that lie there, first {extra[0]}",
            "they will not be used: add them to the list if they should be",
            severe=False,
        )


def check_counts(
    root: Path, split: str | None, rules: VideoFiles, places: list[SequencePlace], partial: bool, found: Examination
) -> None:
    """Compares with the official number of sequences; a benchmark with some missing gives other scores."""
    for name, number in rules.counts.items():
        there = [place.name for place in places if place.split == name]
        if not there or split not in (None, name):
            continue
        own_names = (one for one in there if not one.startswith(GENERATED))
        known = set(rules.published.get(name, own_names))
        own = known.intersection(there)
        missing = sorted(known - own) if own else []
        what = f"split {name!r} has" if name else "has"
        fix = "you said that a part is enough" if partial else "complete the download, or say --partial"
        if not own:
            text = f"{what} {len(there)} sequences, and none of the {number} official ones"
            found.add(root, text, "fine for videos of your own in this layout", severe=False)
        elif missing:
            text = f"{what} {len(own)} of {number} official sequences, first missing {missing[0]}"
            found.add(root, text, fix, severe=not partial)
        elif len(own) != number and name not in rules.published:
            found.add(root, f"{what} {len(own)} sequences, officially {number}", fix, severe=not partial)


def check_strays(root: Path, rules: VideoFiles, places: list[SequencePlace], found: Examination) -> None:
    """Adds folders that hold frames but no annotation, and folders that hold nothing known."""
    known = {place.folder or place.frames for place in places}
    inner = {parent for folder in known for parent in folder.parents}
    bases = [
        folder
        for pattern in rules.bases
        for folder in (sorted(root.glob(pattern)) if pattern != "." else [root])
        if folder.is_dir()
    ]
    # The folder of a single split, or of a single sequence, is its own base.
    if rules.bases != (".",) and not bases and any(place.frames.parent == root for place in places):
        bases = [root]
    for base in bases:
        if base not in known:
            _walk(base, rules.depth, rules, known, inner, found)


def _walk(folder: Path, depth: int, rules: VideoFiles, known: set[Path], inner: set[Path], found: Examination) -> None:
    for path in sorted(folder.iterdir()):
        if path in known or path.name.startswith(".") or not path.is_dir():
            continue
        if frames := _frames_in(path):
            found.add(
                path,
                f"holds {frames} frames but no annotation",
                "download its annotation again, or remove the folder",
                severe=rules.unlisted_severe,
            )
        elif path in inner or (depth > 1 and any(_frames_in(child) for child in path.iterdir() if child.is_dir())):
            _walk(path, depth - 1, rules, known, inner, found)
        else:
            found.add(path, "is no sequence of this data set", "remove it if it is left over", severe=False)


def _frames_in(folder: Path) -> int:
    """Number of images directly inside, or in a folder of frames inside."""
    for place in (folder, folder / "img", folder / "color"):
        if place.is_dir():
            count = sum(path.suffix.lower() in IMAGE_SUFFIXES for path in place.iterdir())
            if count:
                return count
    return 0

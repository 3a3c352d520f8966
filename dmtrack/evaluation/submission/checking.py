"""What an evaluation server would say of a package, before it is uploaded."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.layouts import ResultFiles, left_by_system
from dmtrack.evaluation.readers.names import listed
from dmtrack.evaluation.submission.formats import (
    ExpectedSequence,
    Problem,
    SubmissionFormat,
    format_of,
    get_format,
    open_hidden,
)
from dmtrack.evaluation.submission.lines import (
    check_boxes_text,
    check_first_box,
    check_times_text,
    check_tracks_text,
)


@dataclass(frozen=True)
class Checked:
    """A package that has been looked at.

    Attributes:
        package: the format that it was checked against.
        sequences: how many of the server's sequences it holds.
        frames: how many boxes those have.
        problems: all that was found, in the order of the files.
        lengths_known: whether the numbers of frames were compared with the data set's.
    """

    package: SubmissionFormat
    sequences: int
    frames: int
    problems: tuple[Problem, ...]
    lengths_known: bool

    @property
    def rejected(self) -> tuple[Problem, ...]:
        """The problems because of which a server would reject the package or score it wrongly."""
        return tuple(problem for problem in self.problems if problem.rejected)


def check_package(path: str | Path, benchmark: str | None = None, data: str | Path | None = None) -> Checked:
    """Checks a package.

    Args:
        path: a zip archive; of multi-object trackers also the folder that is to be packed.
        benchmark: "got10k", "trackingnet", "mot17", ...; found out by the names in it where None.
        data: root of the benchmark, which gives lengths and first boxes.

    Raises:
        EvaluationError: the file is no zip archive, or the benchmark is unknown.
        DataError: the data set cannot be opened.
    """
    files = ResultFiles(path)
    package = get_format(benchmark) if benchmark else format_of(files.names)
    if not files.is_archive and not package.tracks:
        raise EvaluationError(f"{path} is a folder; servers take a zip archive: make one with `dmtrack submit build`")
    known = None if data is None else open_hidden(package, data)[1]
    return check_files(files, package, known)


def check_files(
    files: ResultFiles, package: SubmissionFormat, known: Mapping[str, ExpectedSequence] | None = None
) -> Checked:
    """Checks an open package; lengths and first boxes are not checked where they are not known."""
    problems = _check_archive(files.path) if files.is_archive else []
    texts = [name for name in files.names if name.endswith(".txt")]
    tops = {name.split("/", 1)[0] for name in texts if package.nested}
    below_one = len(tops) == 1 and all(name.count("/") >= 2 for name in texts)
    top = f"{tops.pop()}/" if below_one else ""  # the one folder below which all results stand
    present = {name.removeprefix(top): name for name in files.names}
    at_top = (name.removesuffix(".txt") for name in present if name.endswith(".txt") and "/" not in name)
    wanted = list(package.sequences) or sorted(known or at_top)
    problems += _check_names(present, package, wanted, known)
    sequences = frames = 0
    used: set[str] = set()
    for name in [*wanted, *(name for name in package.also if package.boxes_entry.format(name=name) in present)]:
        first = package.boxes_entry.format(name=name)
        # GOT-10k's further runs stand beside the first.
        runs = [first.replace("_001.txt", f"_{run:03d}.txt") for run in range(1, 4)] if package.times_entry else [first]
        entries = [entry for entry in runs if entry in present]
        used.update(entries)
        counts = []
        for entry in entries:
            count, found = _check_boxes(files, present, entry, package, known.get(name) if known else None)
            counts.append(count)
            problems += found
        if counts:
            sequences, frames = sequences + 1, frames + counts[0]
        if package.times_entry is not None and counts:
            times = package.times_entry.format(name=name)
            used.add(times)
            text, found = _read_entry(files, present, times)
            problems += found if text is None else [*found, *check_times_text(text, times, counts[0])]
    if files.is_archive:
        problems += _check_rest(present, used, package, wanted)
    return Checked(package, sequences, frames, tuple(problems), known is not None)


def _check_boxes(
    files: ResultFiles,
    present: Mapping[str, str],
    entry: str,
    package: SubmissionFormat,
    expected: ExpectedSequence | None,
) -> tuple[int, list[Problem]]:
    """One file of boxes: how many it has, and what is wrong with them."""
    text, problems = _read_entry(files, present, entry)
    if text is None:
        return 0, problems
    if package.tracks:
        count, found = check_tracks_text(text, entry, None if expected is None else expected.frames)
        return count, problems + found
    count, first, found = check_boxes_text(text, entry, package.positive_sum)
    problems += found
    if expected is not None and count and count != expected.frames:
        says = f"the file has {count} boxes; expected {expected.frames}, one per frame"
        problems.append(Problem(entry, says, min(count, expected.frames) + 1))
    if expected is not None and expected.first_box_xywh is not None and first is not None:
        problems += check_first_box(first, expected.first_box_xywh, entry)
    return count, problems


def _read_entry(files: ResultFiles, present: Mapping[str, str], entry: str) -> tuple[str | None, list[Problem]]:
    if entry not in present:
        return None, [Problem(entry, "missing; expected the seconds of each frame, one line per frame")]
    file = present[entry]
    try:
        text = files.text(file)
    except EvaluationError as error:
        return None, [Problem(entry, str(error).removeprefix(files.where(file)).lstrip(", "))]
    if files.read(file)[:3] == b"\xef\xbb\xbf" or files.read(file)[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return text, [Problem(entry, "the file starts with a byte order mark; save it as plain UTF-8 text", 1)]
    return text, []


def _check_archive(path: Path) -> list[Problem]:
    """Damaged entries, and what operating systems have added."""
    problems = []
    with zipfile.ZipFile(path) as archive:
        try:
            damaged = archive.testzip()
        except Exception as error:  # a broken archive raises whatever its decompressor stumbles over
            return [Problem("", f"the archive is damaged ({error}); build it again")]
        if damaged is not None:
            problems.append(Problem(damaged, "the entry is damaged (its checksum is wrong); build the package again"))
        backslashes = [name for name in archive.namelist() if "\\" in name]
        strange = [name for name in archive.namelist() if not name.endswith("/") and left_by_system(name)]
    if backslashes:
        says = f"{len(backslashes)} entries have backslashes in their names ({listed(backslashes, 2)})"
        problems.append(Problem("", f"{says}, which servers do not take for folders; use `dmtrack submit build`"))
    if strange:
        problems.append(
            Problem("", f"{len(strange)} entries are of the operating system ({listed(strange, 2)})", rejected=False)
        )
    return problems


def _check_names(
    present: Mapping[str, str],
    package: SubmissionFormat,
    wanted: list[str],
    known: Mapping[str, ExpectedSequence] | None,
) -> list[Problem]:
    """Sequences that are lacking, or cannot be told to be the right ones."""
    entries = {name: package.boxes_entry.format(name=name) for name in wanted}
    by_capitals = {entry.casefold(): entry for entry in present}
    problems = []
    for entry in entries.values():
        if entry in present:
            continue
        other = by_capitals.get(entry.casefold())
        hint = f" (there is {other}: capitals count)" if other else ""
        problems.append(Problem(entry, f"missing{hint}; expected boxes of all {package.count} test sequences"))
    if not package.sequences and known is None and len(wanted) != package.count:
        problems.append(
            Problem(
                "",
                f"{len(wanted)} files <sequence>.txt at the top of the archive; expected {package.count}, one per test "
                "sequence",
            )
        )
    if known is not None and len(known) != package.count:
        problems.append(
            Problem("", f"the data set has {len(known)} test sequences, not all {package.count}", rejected=False)
        )
    return problems


def _check_rest(
    present: Mapping[str, str], used: set[str], package: SubmissionFormat, wanted: list[str]
) -> list[Problem]:
    """Entries that the server does not expect."""
    problems = []
    rest = [entry for entry in present if entry not in used]
    if not package.nested:
        mine = {f"{name}.txt" for name in wanted}
        nested = [entry for entry in rest if "/" in entry and entry.endswith(".txt")]
        nested = [entry for entry in nested if not mine or entry.rpartition("/")[2] in mine]
        if nested:
            expected = package.boxes_entry.format(name="<sequence>")
            says = f"{len(nested)} files stand in folders ({listed(nested, 3)}); expected {expected} at the top"
            problems.append(Problem("", says))
        rest = [entry for entry in rest if entry not in nested]
    if rest:
        says = f"{len(rest)} entries that the server does not expect ({listed(rest, 3)})"
        problems.append(Problem("", says, rejected=False))
    return problems

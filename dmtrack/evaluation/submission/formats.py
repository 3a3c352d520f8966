"""What evaluation servers ask for, and what can be wrong with a package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.boxes import Boxes
from dmtrack.data.benchmarks import BENCHMARKS, open_benchmark
from dmtrack.data.sources.base import SequenceSource
from dmtrack.errors import EvaluationError
from dmtrack.registry import did_you_mean


@dataclass(frozen=True)
class SubmissionFormat:
    """A package for one evaluation server.

    Attributes:
        name: of the benchmark.
        title: how people write it.
        sequences: names of the test sequences; empty where only the data set has them.
        count: how many there are.
        boxes_entry: path of a sequence's boxes in the package, with {name}.
        times_entry: path of its times; None where the server takes none.
        nested: whether all entries may stand below one folder.
        positive_sum: whether left + top + width + height, rounded, must be above 0 (the server's own check of sanity).
        source: where these rules come from.
        tracks: whether files hold everything with identities, lines of MOTChallenge, instead of a box per frame.
        also: names of sequences whose results may be there besides: those of the training split.
        copies: sequences that show one video, by the name that the first part of theirs makes (`MOT17-01-DPM`,
            `MOT17-01-FRCNN`); a tracker with a detector of its own has one result for all of them.
    """

    name: str
    title: str
    sequences: tuple[str, ...]
    count: int
    boxes_entry: str
    times_entry: str | None
    nested: bool
    positive_sum: bool
    source: str
    tracks: bool = False
    also: tuple[str, ...] = ()
    copies: bool = False


GOT10K = SubmissionFormat(
    name="got10k",
    title="GOT-10k",
    sequences=tuple(f"GOT-10k_Test_{number:06d}" for number in range(1, 181)),
    count=180,
    boxes_entry="{name}/{name}_001.txt",
    times_entry="{name}/{name}_time.txt",
    nested=True,
    positive_sum=False,
    source="got10k toolkit: experiments/got10k.py; its issues 3 and 21",
)
TRACKINGNET = SubmissionFormat(
    name="trackingnet",
    title="TrackingNet",
    sequences=(),
    count=511,
    boxes_entry="{name}.txt",
    times_entry=None,
    nested=False,
    positive_sum=True,
    source="TrackingNet-devkit: metrics.py, which the server runs; its issue 12",
)


def _mot(title: str, test: tuple[str, ...], train: tuple[str, ...], **more: Any) -> SubmissionFormat:
    """A package for MOTChallenge's server, or one of its kind."""
    usual: dict[str, Any] = {
        "boxes_entry": "{name}.txt",
        "times_entry": None,
        "nested": False,
        "positive_sum": False,
        "source": "motchallenge.net/instructions; TrackEval: mot_challenge_2d_box.py",
        "tracks": True,
    }
    return SubmissionFormat(title.lower(), title, test, len(test), also=train, **{**usual, **more})


def _numbered(start: str, numbers: str, ends: tuple[str, ...] = ("",)) -> tuple[str, ...]:
    return tuple(f"{start}{number}{end}" for number in numbers.split() for end in ends)


_DETECTORS = ("-DPM", "-FRCNN", "-SDP")
MOT15 = _mot(
    "MOT15",
    (
        *_numbered("ADL-Rundle-", "1 3"), "AVG-TownCentre", *_numbered("ETH-", "Crossing Jelmoli Linthescher"),
        *_numbered("KITTI-", "16 19"), "PETS09-S2L2", "TUD-Crossing", "Venice-1",
    ),
    (
        *_numbered("ADL-Rundle-", "6 8"), *_numbered("ETH-", "Bahnhof Pedcross2 Sunnyday"),
        *_numbered("KITTI-", "13 17"), "PETS09-S2L1", *_numbered("TUD-", "Campus Stadtmitte"), "Venice-2",
    ),
)  # fmt: skip
MOT16 = _mot("MOT16", _numbered("MOT16-", "01 03 06 07 08 12 14"), _numbered("MOT16-", "02 04 05 09 10 11 13"))
MOT17 = _mot(
    "MOT17",
    _numbered("MOT17-", "01 03 06 07 08 12 14", _DETECTORS),
    _numbered("MOT17-", "02 04 05 09 10 11 13", _DETECTORS),
    copies=True,
)
MOT20 = _mot("MOT20", _numbered("MOT20-", "04 06 07 08"), _numbered("MOT20-", "01 02 03 05"))
DANCETRACK = _mot(
    "DanceTrack",
    _numbered(
        "dancetrack0",
        "003 009 011 013 017 021 022 028 031 036 038 040 042 046 048 050 054 056 059 060 064 067 070 071 076 078 084 "
        "085 088 089 091 092 093 095 100",
    ),
    (),
    boxes_entry="tracker/{name}.txt",
    source="DanceTrack's page at codalab",
)


@dataclass(frozen=True)
class ExpectedSequence:
    """What the data set says of a sequence with hidden truth.

    Attributes:
        frames: how many there are.
        first_box_xywh: (4,) the box that trackers are given; None where they find everything themselves.
    """

    frames: int
    first_box_xywh: Boxes | None


def format_of(files: Iterable[str]) -> SubmissionFormat:
    """The package whose sequences have the names of the files; TrackingNet's are known to its data set alone."""
    stems = {name.rpartition("/")[2].removesuffix(".txt").removesuffix("_001") for name in files}
    packages: list[SubmissionFormat] = [item.load("submission") for item in BENCHMARKS.values() if item.submission]
    fits = {package.name: len(stems.intersection(package.sequences)) for package in packages}
    best = max(packages, key=lambda package: fits[package.name])
    return best if fits[best.name] else TRACKINGNET


def get_format(name: str) -> SubmissionFormat:
    """The package of a benchmark.

    Raises:
        EvaluationError: no server of that name is known.
    """
    known = sorted(item.name for item in BENCHMARKS.values() if item.submission)
    if name not in known:
        raise EvaluationError(f"no submission to {name!r} is known{did_you_mean(name, known)}")
    package: SubmissionFormat = BENCHMARKS[name].load("submission")
    return package


def open_hidden(package: SubmissionFormat, root: str | Path) -> tuple[SequenceSource, Mapping[str, ExpectedSequence]]:
    """The split of a benchmark whose truth the server alone has, and lengths and first boxes by name.

    Raises:
        DataError: the folder does not have the benchmark's layout, or a sequence is incomplete.
    """
    # Lengths of videos stand in a file of their own; those of other sequences are counted in their frames.
    source = open_benchmark(package.name, root, "test", images=not package.tracks)
    known = {}
    for sequence in source:
        first = None if package.tracks else np.asarray(sequence.boxes_xywh[0], dtype=np.float64)
        known[sequence.name] = ExpectedSequence(len(sequence), first)
    return source, known


@dataclass(frozen=True)
class Problem:
    """One thing that a server would reject, score as a miss, or stumble over.

    Attributes:
        file: in the package; "" for the package as a whole.
        says: what is wrong and what was expected.
        line: in the file, from 1; None where it is the file as a whole.
        rejected: False for what a server ignores, but somebody should look at.
    """

    file: str
    says: str
    line: int | None = None
    rejected: bool = True

    def __str__(self) -> str:
        place = self.file + (f", line {self.line}" if self.line is not None else "")
        return (f"{place}: " if place else "") + self.says

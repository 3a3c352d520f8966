"""What evaluation servers ask for, and what can be wrong with a package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class ExpectedSequence:
    """What the data set says of a sequence with hidden truth.

    Attributes:
        frames: how many there are.
        first_box_xywh: (4,) the box that trackers are given.
    """

    frames: int
    first_box_xywh: Boxes


def get_format(name: str) -> SubmissionFormat:
    """The package of a benchmark.

    Raises:
        EvaluationError: no server of that name is known.
    """
    known = sorted(item.name for item in BENCHMARKS.values() if item.submission)
    if name not in known:
        raise EvaluationError(
            f"no submission to {name!r} is known{did_you_mean(name, known)}; known: {', '.join(known)}"
        )
    package: SubmissionFormat = BENCHMARKS[name].load("submission")
    return package


def open_hidden(package: SubmissionFormat, root: str | Path) -> tuple[SequenceSource, Mapping[str, ExpectedSequence]]:
    """The split of a benchmark whose truth the server alone has, and lengths and first boxes by name.

    Raises:
        DataError: the folder does not have the benchmark's layout, or a sequence is incomplete.
    """
    source = open_benchmark(package.name, root, "test")
    return source, {
        sequence.name: ExpectedSequence(len(sequence), np.asarray(sequence.boxes_xywh[0], dtype=np.float64))
        for sequence in source
    }


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

"""What evaluation servers ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmtrack.boxes import Boxes
from dmtrack.data.sources import GOT10k, TrackingNet
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


FORMATS: dict[str, SubmissionFormat] = {
    "got10k": SubmissionFormat(
        name="got10k",
        title="GOT-10k",
        sequences=tuple(f"GOT-10k_Test_{number:06d}" for number in range(1, 181)),
        count=180,
        boxes_entry="{name}/{name}_001.txt",
        times_entry="{name}/{name}_time.txt",
        nested=True,
        positive_sum=False,
        source="got10k toolkit: experiments/got10k.py; its issues 3 and 21",
    ),
    "trackingnet": SubmissionFormat(
        name="trackingnet",
        title="TrackingNet",
        sequences=(),
        count=511,
        boxes_entry="{name}.txt",
        times_entry=None,
        nested=False,
        positive_sum=True,
        source="TrackingNet-devkit: metrics.py, which the server runs; its issue 12",
    ),
}
"""By name of the benchmark."""


@dataclass(frozen=True)
class TestSequence:
    """What the data set says of a test sequence.

    Attributes:
        frames: how many there are.
        first_box_xywh: (4,) the box that trackers are given.
    """

    __test__ = False  # pytest takes the name for a test

    frames: int
    first_box_xywh: Boxes


def get_format(name: str) -> SubmissionFormat:
    """The package of a benchmark.

    Raises:
        EvaluationError: no server of that name is known.
    """
    if name not in FORMATS:
        raise EvaluationError(
            f"no submission to {name!r} is known{did_you_mean(name, FORMATS)}; known: got10k, trackingnet"
        )
    return FORMATS[name]


def open_test_set(package: SubmissionFormat, root: str | Path) -> SequenceSource:
    """The test split of the benchmark.

    Raises:
        DataError: the folder does not have the benchmark's layout.
    """
    return GOT10k(root, "test") if package.name == "got10k" else TrackingNet(root, "test")


def test_sequences(source: SequenceSource) -> Mapping[str, TestSequence]:
    """Lengths and first boxes by name.

    Raises:
        DataError: a sequence is incomplete.
    """
    return {
        sequence.name: TestSequence(len(sequence), np.asarray(sequence.boxes_xywh[0], dtype=np.float64))
        for sequence in source
    }


test_sequences.__test__ = False  # type: ignore[attr-defined]

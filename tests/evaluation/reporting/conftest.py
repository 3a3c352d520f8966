"""Made sequences with attributes and trackers of known error."""

from __future__ import annotations

import numpy as np
import pytest

from dmtrack.data.sequences import Annotation, Sequence
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.reporting.study import make_study
from dmtrack.evaluation.results import SequenceResult, TrackerResults

TAGS = ("FM", "OCC", "SV", "MB")


def _make_sequence(index, frames=30, absent=True):
    random = np.random.default_rng(index)
    boxes = np.concatenate([random.uniform(20, 60, (frames, 2)), np.full((frames, 2), 20.0)], axis=1)
    present = np.ones(frames, bool)
    present[10:12] = not absent
    boxes[~present] = np.nan

    def read_frame(frame):
        return np.full((100, 120, 3), 40 + frame % 200, np.uint8)

    tags = tuple(tag for place, tag in enumerate(TAGS) if (index >> place) % 2 == 0)
    return Sequence(f"s{index}", boxes, present, read_frame, (120, 100), annotation=Annotation(tags=tags))


def make_tracker(name, sequences, error, seconds=0.02, lost_in=()):
    results = {}
    for index, sequence in enumerate(sequences):
        boxes = np.nan_to_num(sequence.boxes_xywh, nan=30.0)
        boxes[:, 0] += error * (1 + index % 3)
        if sequence.name in lost_in:
            boxes[15:, 0] += 500
        times = np.full(len(boxes), seconds) if seconds else None
        results[sequence.name] = SequenceResult(boxes, times)
    return TrackerResults(name, results, provenance={"weights_sha256": name[0] * 64})


@pytest.fixture
def make_sequence():
    return _make_sequence


@pytest.fixture
def sequences():
    return [_make_sequence(index) for index in range(8)]


@pytest.fixture
def trackers(sequences):
    return [
        make_tracker("mine", sequences, 2.0, lost_in=("s3",)),
        make_tracker("theirs_1", sequences, 1.0, 0.1),
        make_tracker("weak <b>", sequences, 4.0, None),
    ]


@pytest.fixture
def study(sequences, trackers):
    protocols = [get_protocol("dmtrack-visible"), get_protocol("got10k")]
    return make_study("made-up", protocols, sequences, trackers, rounds=200)

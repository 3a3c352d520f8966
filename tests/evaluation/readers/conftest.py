"""Sequences of a small benchmark, as its annotations say."""

from __future__ import annotations

import numpy as np
import pytest

from dmtrack.data.sequences import Annotation, Sequence


def make_sequence(name, frames=5, index_base=0):
    boxes = np.array([[10.0 + 20 * index, 20, 30, 40] for index in range(frames)])
    return Sequence(
        name, boxes, np.ones(frames, bool), lambda index: index, annotation=Annotation(index_base=index_base)
    )


@pytest.fixture
def sequence():
    return make_sequence


@pytest.fixture
def benchmark():
    return [make_sequence(name) for name in ("Basketball", "Jogging-1", "Jogging-2", "Human4-2")]


@pytest.fixture
def write(tmp_path):
    def write(files, folder="tracker"):
        for name, content in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / folder

    return write


@pytest.fixture
def lines():
    def lines(sequence, separator=",", base=0, shift=0.0):
        boxes = sequence.boxes_xywh + np.array([base + shift, base, 0, 0])
        return "".join(separator.join(f"{value:g}" for value in box) + "\n" for box in boxes)

    return lines

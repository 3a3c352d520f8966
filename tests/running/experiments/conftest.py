"""Small sequences of coloured rectangles, and trackers of both contracts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dmtrack.data.sequences import Sequence
from dmtrack.tracking.base import Tracker, TrackResult

SIZE_WH = (64, 48)


def _frame(index: int, boxes: np.ndarray) -> np.ndarray:
    width, height = SIZE_WH
    rows, columns = np.mgrid[:height, :width]
    frame = np.stack([rows * 4, columns * 3, np.full((height, width), index * 20)], axis=2).astype(np.uint8)
    if np.isfinite(boxes[index]).all():
        x, y, w, h = boxes[index].astype(int)
        frame[y : y + h, x : x + w] = (250, 40, 40)
    return frame


def moving(name: str, frames: int = 8, speed: float = 1.0, absent: tuple[int, ...] = ()) -> Sequence:
    """A rectangle of 20x16 pixels that starts at (4, 6) and moves right."""
    boxes = np.array([[4.0 + speed * index, 6.0, 20.0, 16.0] for index in range(frames)])
    present = np.ones(frames, dtype=bool)
    present[list(absent)] = False
    boxes[~present] = np.nan
    return Sequence(name, boxes, present, partial(_frame, boxes=boxes), SIZE_WH)


@pytest.fixture()
def make_moving() -> Callable[..., Sequence]:
    return moving


class Still(Tracker):
    """Ours: the first box for ever, sure at first."""

    def __init__(self, name: str = "still") -> None:
        super().__init__(name)
        self.calls = 0

    def init(self, image, box) -> None:
        self.box, self.seen, self.calls = np.asarray(box, dtype=float), 0, self.calls + 1

    def step(self, image) -> TrackResult:
        self.seen += 1
        return TrackResult(self.box.copy(), max(0.0, 1 - 0.1 * self.seen), self.seen < 4)


class Foreign:
    """Not ours: what a user of got10k would write without importing anything."""

    name = "foreign"
    is_deterministic = True

    def init(self, image, box):
        self.box = box

    def update(self, image):
        return self.box


@pytest.fixture()
def still() -> Still:
    return Still()


@pytest.fixture()
def foreign() -> Foreign:
    return Foreign()


@pytest.fixture()
def folders(tmp_path: Path) -> dict[str, Path]:
    return {"result_dir": tmp_path / "results", "report_dir": tmp_path / "reports"}

"""Small sequences made by a formula."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from dmtrack.data.sequences import Sequence, Track


def _frame(index: int, seed: int, height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    frame = np.stack([rows * 2 + index * 5, columns * 2 + seed, rows + columns], axis=2) % 256
    return frame.astype(np.uint8)


def make_sequence(
    name: str, frames: int = 5, seed: int = 0, size_wh: tuple[int, int] = (64, 48), absent: tuple[int, ...] = ()
) -> Sequence:
    rng = np.random.default_rng(seed)
    width, height = size_wh
    boxes = np.stack(
        [
            rng.uniform(0, width * 0.3, frames),
            rng.uniform(0, height * 0.3, frames),
            rng.uniform(width * 0.2, width * 0.6, frames),
            rng.uniform(height * 0.25, height * 0.6, frames),
        ],
        axis=1,
    )
    present = np.ones(frames, dtype=bool)
    present[list(absent)] = False
    boxes[~present] = np.nan
    return Sequence(name, boxes, present, partial(_frame, seed=seed, height=height, width=width), size_wh)


@pytest.fixture()
def sequence_maker() -> Callable[..., Sequence]:
    return make_sequence


@pytest.fixture()
def tracks_by_id() -> Callable[[np.ndarray], dict[int, Track]]:
    """Tracks numbered from 0 from (objects, frames, 4) boxes, NaN where an object is absent."""
    return lambda boxes_xywh: {
        number: Track(track, np.isfinite(track).all(axis=1)) for number, track in enumerate(boxes_xywh)
    }

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dmtrack.association.detections import Detections
from dmtrack.association.policies import Sort
from dmtrack.errors import DMTrackError
from dmtrack.tracking import MultiObjectTracker, MultiTracker


def bright(image: np.ndarray) -> Detections:
    """Finds the columns of light."""
    columns = np.flatnonzero(image[0, :, 0] > 128)
    starts = columns[np.diff(columns, prepend=-9) > 1]
    boxes = np.array([[start, 0, 8, 40] for start in starts], float).reshape(-1, 4)
    return Detections.from_xywh(boxes, np.full(len(boxes), 0.9))


def picture(*lefts: int) -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 100, (40, 120, 3)).astype(np.uint8)
    for left in lefts:
        image[:, left : left + 8] = 255
    return image


def test_any_detector_with_any_policy() -> None:
    tracker = MultiObjectTracker(Sort(min_hits=0), bright, camera_motion=True)
    assert isinstance(tracker, MultiTracker) and tracker.name == "Sort"
    for frame in range(6):
        tracks = tracker.step(picture(10 + frame, 80 - frame))
        order = np.argsort(tracks.boxes_xyxy[:, 0])
        assert tracks.ids[order].tolist() == ([1, 2])
        np.testing.assert_allclose(tracks.boxes_xywh[order, 0], [10 + frame, 80 - frame], atol=1.0)
    tracker.reset()
    assert tracker.step(picture(50)).ids.tolist() == [1]


def test_given_detections_take_the_place_of_images() -> None:
    tracker = MultiObjectTracker(Sort(), name="public")
    assert len(tracker.step(bright(picture(10, 60)))) == 2
    frame: Any = picture(10)
    with pytest.raises(DMTrackError, match="public has no detector: its frames are Detections, not images"):
        tracker.step(frame)

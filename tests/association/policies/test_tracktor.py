"""Tracktor: boxes that a regressor carries on, with images and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dmtrack.association.detections import Detections
from dmtrack.association.policies import Tracktor
from dmtrack.errors import DMTrackError
from dmtrack.tracking import MultiObjectTracker


def seen(*boxes_xywh: tuple[float, float, float, float], score: float = 0.9, looks: Any = None) -> Detections:
    boxes = np.array(boxes_xywh, float).reshape(-1, 4)
    return Detections.from_xywh(boxes, np.full(len(boxes), score), embeddings=looks)


def picture(left: int) -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 100, (60, 200, 3)).astype(np.uint8)
    image[10:50, left : left + 20] = 255
    return image


def find_once(image: np.ndarray) -> Detections:
    """Finds a thing only while it is on the left."""
    left = int(np.argmax(image[20, :, 0]))
    return seen((left, 10, 20, 40)) if left < 32 else Detections.nothing()


def regress(image: np.ndarray, boxes_xywh: np.ndarray) -> Detections:
    """Moves each box to the bright thing that it overlaps."""
    left = float(np.argmax(image[20, :, 0]))
    near = np.abs(boxes_xywh[:, 0] - left) < 20
    moved = np.where(near[:, None], [left, 10, 20, 40], boxes_xywh)
    return Detections.from_xywh(moved, np.where(near, 0.95, 0.1))


def test_the_regressor_of_a_detector_carries_a_track_that_the_detector_finds_no_more() -> None:
    tracker = MultiObjectTracker(Tracktor(), find_once, regressor=regress)
    for left in range(24, 90, 6):
        tracks = tracker.step(picture(left))
        assert tracks.ids.tolist() == [1] and tracks.boxes_xywh[0].tolist() == [left, 10, 20, 40]
    # It jumps: the box that stays behind has a low score, and the track is lost.
    assert tracker.step(picture(150)).ids.tolist() == []
    with pytest.raises(DMTrackError, match="a regressor sees the images that a detector sees"):
        MultiObjectTracker(Tracktor(), regressor=regress)


def test_detections_begin_tracks_only_where_none_is_and_one_thing_is_one_track() -> None:
    policy: Any = Tracktor().multi_object_policy()
    assert policy.step(seen((0, 0, 40, 80), (100, 0, 40, 80))).ids.tolist() == [1, 2]
    # The second box covers a third of the first thing and begins nothing; the third one does.
    tracks = policy.step(seen((2, 0, 40, 80), (20, 0, 40, 80), (200, 0, 40, 80), (102, 0, 40, 80)))
    assert sorted(tracks.ids.tolist()) == [1, 2, 3]
    # Two tracks on one detection: the better one stays.
    policy.regressor = lambda boxes: Detections.from_xywh(np.tile(boxes[:1], (3, 1)), np.array([0.6, 0.9, 0.7]))
    assert len(policy.step(Detections.nothing())) == 1


def test_lost_tracks_are_known_again_by_their_looks_near_where_they_were() -> None:
    one, other = np.eye(2)[None, 0], np.eye(2)[None, 1]
    for looks, left, same in ((one, 110.0, True), (other, 110.0, False), (one, 400.0, False)):
        policy: Any = Tracktor(appearance_limit=0.5).multi_object_policy()
        for _ in range(3):
            policy.step(seen((100, 0, 40, 80), looks=one))
        for _ in range(3):
            policy.step(Detections.nothing())
        tracks = policy.step(seen((left, 0, 40, 80), looks=looks))
        assert (tracks.ids.tolist() == [1]) == same
    for _ in range(9):
        assert len(policy.step(Detections.nothing())) == 0
    assert len(policy.tracks) == 1
    policy.step(Detections.nothing())
    assert len(policy.tracks) == 0


def test_boxes_go_along_with_the_camera() -> None:
    shake = np.array([[1.1, 0, 200], [0, 1.1, 0]], np.float32)
    policy: Any = Tracktor().multi_object_policy()
    policy.step(seen((100, 0, 40, 80)))
    asked = []
    policy.regressor = lambda boxes: asked.append(boxes.copy()) or seen(*boxes.tolist())
    assert policy.step(Detections.nothing(), shake).ids.tolist() == [1]
    np.testing.assert_allclose(asked[0], [[310, 0, 44, 88]], atol=1e-4)


def test_compat_numbers_from_0_and_assigns_before_it_cuts() -> None:
    """Two lost tracks and two detections of which the likely pair is forced apart by the full assignment."""
    boxes = [(0.0, 0, 40, 80), (30.0, 0, 40, 80)]
    results = []
    for compat in (True, False):
        policy: Any = Tracktor(appearance_limit=0.5, compat=compat).multi_object_policy()
        first = policy.step(seen(*boxes, looks=np.array([[0.0, 0], [0.75, 0]])))
        assert first.ids.tolist() == ([0, 1] if compat else [1, 2])
        policy.step(Detections.nothing())
        # Distances: 0.3 and 0.6 of the first track, 0.45 and 1.35 of the second one.
        tracks = policy.step(seen((5, 0, 40, 80), (25, 0, 40, 80), looks=np.array([[0.3, 0], [-0.6, 0]])))
        results.append(sorted((tracks.ids - first.ids[0]).tolist()))
    assert results == [[1, 2], [0, 2]]

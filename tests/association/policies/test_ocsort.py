"""OC-SORT: numbers worked out by the paper's formulas, and what each of its three parts is good for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dmtrack.association import area_filter
from dmtrack.association.detections import Detections
from dmtrack.association.policies import OCSort


def seen(*boxes_xywh: tuple[float, float, float, float], score: float = 0.9) -> Detections:
    return Detections.from_xywh(np.array(boxes_xywh, float).reshape(-1, 4), np.full(len(boxes_xywh), score))


def test_what_comes_back_is_gone_over_on_the_straight_way() -> None:
    """The filter after a gap is that of a track that was seen on a straight line all the time."""
    policy: Any = OCSort(min_hits=0).multi_object_policy()
    lefts = [100.0, 104, 108, 112]
    for left in lefts:
        policy.step(seen((left, 50, 40, 80)))
    for _ in range(3):
        policy.step(Detections.nothing())
    # It has turned meanwhile; the straight way leads through 113, 114 and 115.
    policy.step(seen((116, 50, 40, 80)))
    expected = area_filter.start(area_filter.xywh_to_uvsr([[lefts[0], 50, 40, 80]]))
    for left in [*lefts[1:], 113, 114, 115, 116]:
        measured = area_filter.xywh_to_uvsr([[left, 50, 40, 80]])
        expected = area_filter.update(area_filter.predict(expected), measured)
    np.testing.assert_allclose(policy.tracks.means, expected.means, atol=1e-9)
    np.testing.assert_allclose(policy.tracks.covariances, expected.covariances, atol=1e-9)


def test_the_published_code_puts_it_in_twice_and_does_not_count_the_first_sighting() -> None:
    policy: Any = OCSort(min_hits=0, compat=True).multi_object_policy()
    policy.step(seen((100, 50, 40, 80)))
    assert policy.tracks.observed.tolist() == [0] and policy.tracks.last_xywh[0].tolist() == [-1, -1, 0, 0]
    expected = area_filter.start(area_filter.xywh_to_uvsr([[100, 50, 40, 80]]))
    for left in (104, 108):
        policy.step(seen((left, 50, 40, 80)))
        expected = area_filter.update(area_filter.predict(expected), area_filter.xywh_to_uvsr([[left, 50, 40, 80]]))
    policy.step(Detections.nothing())
    policy.step(seen((114, 50, 40, 80)))
    for left in (111, 114):
        expected = area_filter.update(area_filter.predict(expected), area_filter.xywh_to_uvsr([[left, 50, 40, 80]]))
    expected = area_filter.update(expected, area_filter.xywh_to_uvsr([[114, 50, 40, 80]]))
    np.testing.assert_allclose(policy.tracks.means, expected.means, atol=1e-9)


def test_direction_decides_between_places_that_overlap_alike() -> None:
    """A track that goes right is offered two boxes that overlap it alike, behind and ahead."""
    for weight, ahead in ((0.2, True), (0.0, False)):
        policy: Any = OCSort(min_hits=0, direction_weight=weight).multi_object_policy()
        for left in (100.0, 101, 102, 103, 104, 105):
            policy.step(seen((left, 50, 40, 80)))
        place = area_filter.uvsr_to_xywh(area_filter.predict(policy.tracks).means)[0, 0]
        tracks = policy.step(seen((place - 9.9, 50, 40, 80), (place + 10, 50, 40, 80)))
        left = tracks.boxes_xywh[tracks.ids == 1, 0][0]
        assert (left > place) == ahead


def test_what_stands_where_it_was_last_seen_is_found_there() -> None:
    policy: Any = OCSort(min_hits=0).multi_object_policy()
    for left in range(100, 300, 20):
        policy.step(seen((left, 50, 40, 80)))
    for _ in range(4):
        policy.step(Detections.nothing())
    # The filter is 100 pixels ahead by now.
    assert policy.step(seen((282, 50, 40, 80))).ids.tolist() == [1]


@pytest.mark.parametrize("second_stage", [True, False])
def test_low_scores_keep_a_track_in_the_second_stage(second_stage: bool) -> None:
    policy: Any = OCSort(min_hits=0, second_stage=second_stage).multi_object_policy()
    for left in (100.0, 102, 104):
        policy.step(seen((left, 50, 40, 80)))
    tracks = policy.step(seen((106, 50, 40, 80), (500, 50, 40, 80), score=0.3))
    assert tracks.ids.tolist() == ([1] if second_stage else [])

"""Short cuts of the assignment and of overlaps give what the whole tables give."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from dmtrack.association.matching import assign, iou_costs
from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.floats(0.01, 1.2))
def test_pairs_without_rivals_leave_the_cheapest_assignment(seed: int, rows: int, columns: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    costs = np.where(rng.random((rows, columns)) < 0.9, np.inf, rng.random((rows, columns)))
    found = assign(costs, limit)
    capped = np.minimum(costs, limit)
    ends = linear_sum_assignment(capped)
    real = capped[ends] < limit
    np.testing.assert_array_equal(found.matches, np.stack(ends, axis=1)[real])
    assert sorted([*found.matches[:, 0], *found.rows]) == list(range(rows))
    assert sorted([*found.matches[:, 1], *found.columns]) == list(range(columns))


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_overlaps_of_boxes_that_meet_are_those_of_all_pairs(seed: int, inclusive: bool) -> None:
    rng = np.random.default_rng(seed)
    first, second = (np.floor(rng.uniform(0, 12, (count, 4))) for count in rng.integers(1, 9, 2))
    last_pixel = np.array([0, 0, 1, 1]) * inclusive
    expected = 1 - pairwise_iou_xyxy(xywh_to_xyxy(first) + last_pixel, xywh_to_xyxy(second) + last_pixel)
    np.testing.assert_allclose(iou_costs(first, second, inclusive), expected, atol=1e-12)


def test_a_box_that_is_nowhere_overlaps_nothing() -> None:
    box = np.array([[10.0, 10, 20, 40]])
    for place in range(4):
        nowhere = box.copy()
        nowhere[0, place] = np.nan
        assert iou_costs(np.concatenate([nowhere, box]), box)[:, 0].tolist() == [1, 0]
        assert assign(iou_costs(nowhere, box), 0.9).matches.tolist() == []

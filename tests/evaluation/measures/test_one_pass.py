from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dmtrack.evaluation.measures import one_pass

boxes = arrays(
    np.float64,
    st.tuples(st.integers(0, 20), st.just(4)),
    elements=st.floats(-500, 500, width=32),
)


def test_overlap_by_hand():
    iou = one_pass.overlaps(
        [[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]], [[5, 0, 10, 10], [20, 0, 5, 5], [0, 0, 10, 10]]
    )
    np.testing.assert_allclose(iou, [1 / 3, 0, 1])


def test_success_is_strict_and_precision_is_not():
    np.testing.assert_allclose(one_pass.success_curve([0.5, 0.25], [0, 0.25, 0.5, 1]), [1, 0.5, 0, 0])
    np.testing.assert_allclose(one_pass.success_curve([0.5, 0.25], [0, 0.25, 0.5, 1], strict=False), [1, 1, 0.5, 0])
    np.testing.assert_allclose(one_pass.precision_curve([20.0, 20.1, 0.0], [0, 20, 50]), [1 / 3, 2 / 3, 1])


def test_normalised_distance_is_in_box_sides():
    distance = one_pass.normalized_center_distances([[13, 24, 10, 20]], [[10, 20, 10, 20]])
    np.testing.assert_allclose(distance, [np.hypot(0.3, 0.2)])


def test_nan_is_a_miss_everywhere():
    nowhere, there = [[np.nan] * 4], [[0, 0, 5, 5]]
    assert one_pass.success_curve(one_pass.overlaps(nowhere, there), [0.0], strict=False) == [0.0]
    assert one_pass.precision_curve(one_pass.center_distances(nowhere, there), [50.0]) == [0.0]


@given(boxes, st.booleans())
def test_curves_are_monotone_shares_equal_to_plain_counting(results, strict):
    truth = np.abs(np.roll(results, 1, axis=0)) + np.array([0, 0, 1, 1])
    iou, distance = one_pass.overlaps(results, truth), one_pass.center_distances(results, truth)
    thresholds, pixels = np.linspace(0, 1, 21), np.arange(51)
    success = one_pass.success_curve(iou, thresholds, strict)
    precision = one_pass.precision_curve(distance, pixels)
    if not len(results):
        assert np.isnan(success).all() and np.isnan(precision).all()
        return
    assert ((iou >= 0) & (iou <= 1)).all()
    assert (np.diff(success) <= 0).all() and (np.diff(precision) >= 0).all()
    counted = (iou[:, None] > thresholds if strict else iou[:, None] >= thresholds).mean(axis=0)
    np.testing.assert_allclose(success, counted)
    np.testing.assert_allclose(precision, (distance[:, None] <= pixels).mean(axis=0))


def test_mean_leaves_out_sequences_without_frames():
    rows = [[1.0, 0.5], [np.nan, np.nan], [0.0, 0.5]]
    np.testing.assert_allclose(one_pass.mean_of_counted(rows), [0.5, 0.5])
    assert np.isnan(one_pass.mean_of_counted(np.zeros((0, 3)))).all()


def test_no_frames_warns_of_nothing(recwarn: pytest.WarningsRecorder):
    one_pass.normalized_center_distances([[0, 0, 1, 1]], [[0, 0, 0, 0]])
    one_pass.success_curve([], [0.0])
    assert not recwarn.list

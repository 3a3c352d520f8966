"""Three overlaps of the same regions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.overlap import EXACT, INCLUSIVE, INCLUSIVE_LAST_PIXEL, ROUNDED, region_overlaps

NAN = float("nan")
SIZE = (200, 160)
RULES = [INCLUSIVE, INCLUSIVE_LAST_PIXEL, ROUNDED, EXACT]

coordinate = st.floats(-60, 260, width=32)
rectangles = st.tuples(coordinate, coordinate, st.floats(2, 120, width=32), st.floats(2, 120, width=32)).map(list)


@st.composite
def quadrilaterals(draw):
    """Rotated rectangles, as VOT annotates."""
    center = np.array([draw(coordinate), draw(coordinate)])
    half = np.array([draw(st.floats(2, 60)), draw(st.floats(2, 60))])
    angle = draw(st.floats(0, 2 * np.pi))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = center + (np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half) @ turn.T
    return np.round(corners.ravel(), 2).tolist()


regions = st.one_of(rectangles, quadrilaterals())


@pytest.mark.parametrize(
    ("rule", "expected"), [(INCLUSIVE, 16 * 16 / (2 * 21 * 21 - 16 * 16)), (ROUNDED, 225 / 575), (EXACT, 225 / 575)]
)
def test_two_rectangles_by_each_rule(rule, expected):
    assert region_overlaps(rule, [10, 10, 20, 20], [15, 15, 20, 20], SIZE) == pytest.approx([expected])


def test_the_border_of_the_image():
    at_border = [190.0, 150.0, 40.0, 40.0]
    inner = [190.0, 150.0, 9.0, 9.0]
    # Columns 190 to 200 or 199, and 190 to 199.
    assert region_overlaps(INCLUSIVE, at_border, inner, SIZE) == pytest.approx([100 / 121])
    assert region_overlaps(INCLUSIVE_LAST_PIXEL, at_border, inner, SIZE) == pytest.approx([1])
    assert region_overlaps(EXACT, at_border, inner, SIZE) == pytest.approx([81 / 100])
    assert region_overlaps(EXACT, at_border, inner, None) == pytest.approx([81 / 1600])


def test_boxes_that_only_share_a_border_do_not_overlap():
    left, right = [10, 10, 20, 20], [30, 10, 20, 20]
    for rule in RULES:
        assert region_overlaps(rule, left, right, SIZE) == [0]


def test_the_single_pixel_at_the_tip_of_a_polygon():
    diamond = [50, 40, 60, 50, 50, 60, 40, 50]
    whole = [40, 40, 21, 21]
    # Rows of 1, 3, 5, ..., 21, ..., 3, 1 pixels; the older rule loses the first and the last.
    assert region_overlaps(ROUNDED, diamond, whole, SIZE) == pytest.approx([221 / 441])
    assert region_overlaps(INCLUSIVE, diamond, [40, 40, 20, 20], SIZE) == pytest.approx([219 / 441])


def test_a_rectangle_is_the_polygon_of_its_corners():
    rectangle, corners = [20.4, 30.6, 40.3, 22.2], [20.4, 30.6, 60.7, 30.6, 60.7, 52.8, 20.4, 52.8]
    other = [33.3, 22.1, 80.7, 41.2, 60.2, 70.9, 25.5, 55.5]
    for rule in (INCLUSIVE, EXACT):
        assert region_overlaps(rule, other, rectangle, SIZE) == pytest.approx(
            region_overlaps(rule, other, corners, SIZE), abs=1e-12
        )


def test_concave_polygons_against_the_sum_of_their_parts():
    corner = [20, 20, 60, 20, 60, 60, 40, 60, 40, 40, 20, 40]
    upper, lower = [20, 20, 40, 20], [40, 40, 20, 20]
    assert region_overlaps(EXACT, corner, upper, None) == pytest.approx([800 / 1200])
    assert region_overlaps(EXACT, corner, lower, None) == pytest.approx([400 / 1200])
    assert region_overlaps(EXACT, corner, [20, 40, 20, 20], None) == pytest.approx([0])


def test_exact_overlaps_equal_shapely():
    geometry = pytest.importorskip("shapely.geometry")
    random = np.random.default_rng(1)
    size = (60, 50)
    polygons = []
    for _ in range(400):
        angle = np.sort(random.uniform(0, 2 * np.pi, 5))
        radius, center = random.uniform(3, 25, 5), random.uniform(0, 60, 2)
        polygons.append((center + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)).ravel())
    polygons = [polygon for polygon in polygons if geometry.Polygon(polygon.reshape(-1, 2)).is_valid]
    first, second = np.array(polygons[0::2][:150]), np.array(polygons[1::2][:150])
    image = geometry.box(0, 0, *size)
    expected = []
    for pair in zip(first, second, strict=True):
        a, b = (geometry.Polygon(points.reshape(-1, 2)).intersection(image) for points in pair)
        union = a.union(b).area
        expected.append(a.intersection(b).area / union if union else 0.0)
    assert region_overlaps(EXACT, first, second, size) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40)
@given(rectangles, rectangles)
def test_two_rectangles_are_filled_as_any_other_pair(first, second):
    """Rectangles in closed form against the corners of one of them, row by row."""
    left, top, width, height = np.float32(second)
    right, bottom = left + width, top + height
    corners = [left, top, right, top, right, bottom, left, bottom]
    for rule in (INCLUSIVE, INCLUSIVE_LAST_PIXEL):
        rows = region_overlaps(rule, first, corners, SIZE)
        assert region_overlaps(rule, first, second, SIZE) == pytest.approx(rows, abs=1e-12)


def test_coordinates_beyond_all_bounds():
    for rule in RULES:
        huge = [[-1e300, -1e300, 1e300, 1e300], [1e38, 1e38, 1e38, 1e38], [-1e300, 0, 1e300, 0, 1e300, 9, -1e300, 9]]
        overlaps = region_overlaps(rule, [[10, 10, 20, 20]] * 3, huge_rows(huge), SIZE)
        assert np.isfinite(overlaps).all() and overlaps[1] == 0


def huge_rows(rows):
    return np.array([row + [NAN] * (8 - len(row)) for row in rows])


def test_what_is_no_region():
    truth = [[10, 10, 20, 20], [0, NAN, NAN, NAN], [NAN] * 4, [10, 10, 20, 20], [10, 10, 20, 20], [10, 10, 20, 20]]
    results = [
        [2, NAN, NAN, NAN],
        [10, 10, 20, 20],
        [10, 10, 20, 20],
        [NAN] * 4,
        [10, NAN, 20, 20],
        [10, 10, float("inf"), 20],
    ]
    for rule in RULES:
        np.testing.assert_array_equal(region_overlaps(rule, truth, results, SIZE), [NAN, NAN, NAN, 0, 0, 0])


def test_rectangles_and_polygons_in_one_array():
    mixed = np.array([[10, 10, 20, 20, *[NAN] * 4], [10, 10, 30, 10, 30, 30, 10, 30]])
    assert region_overlaps(EXACT, mixed, [[10, 10, 20, 20]] * 2, SIZE) == pytest.approx([1, 1])


def test_refusals():
    with pytest.raises(EvaluationError, match="size of the frames"):
        region_overlaps(ROUNDED, [10, 10, 20, 20], [10, 10, 20, 20], None)
    with pytest.raises(EvaluationError, match="1 true regions stand against 2"):
        region_overlaps(EXACT, [[1, 1, 2, 2]], [[1, 1, 2, 2]] * 2, None)


@settings(max_examples=60)
@given(st.lists(st.tuples(regions, regions), min_size=1, max_size=6))
def test_overlaps_are_symmetric_shares(pairs):
    first, second = (np.array([pair[index] + [NAN] * (8 - len(pair[index])) for pair in pairs]) for index in (0, 1))
    for rule in RULES:
        overlaps = region_overlaps(rule, first, second, SIZE)
        assert ((overlaps >= 0) & (overlaps <= 1 + 1e-12)).all()
        assert overlaps == pytest.approx(region_overlaps(rule, second, first, SIZE), abs=1e-9)
        # Frame by frame is the same as all at once.
        alone = [region_overlaps(rule, a, b, SIZE)[0] for a, b in zip(first, second, strict=True)]
        np.testing.assert_allclose(overlaps, alone, atol=1e-12)


@settings(max_examples=60)
@given(quadrilaterals(), st.integers(5, 120), st.integers(5, 90))
def test_a_region_overlaps_with_itself_entirely(quadrilateral, left, top):
    corners = np.array(quadrilateral).reshape(-1, 2)
    inside = (corners - corners.min(axis=0)) / max(np.ptp(corners) / 60, 1) + (left, top)
    if np.ptp(inside, axis=0).min() < 8:
        inside[2] += 10
    for rule in RULES:
        assert region_overlaps(rule, inside.ravel(), inside.ravel(), SIZE) == pytest.approx([1])

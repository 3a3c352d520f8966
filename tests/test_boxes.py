from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack import boxes
from dmtrack.errors import BoxError

coordinate = st.floats(-500, 500)
side = st.floats(0.5, 300)
box_xywh = st.tuples(coordinate, coordinate, side, side)


@given(box_xywh)
def test_formats_convert_back_to_what_they_were(box: tuple[float, ...]) -> None:
    np.testing.assert_allclose(boxes.xyxy_to_xywh(boxes.xywh_to_xyxy(box)), box, atol=1e-9)
    np.testing.assert_allclose(
        boxes.xyxy_to_xywh(boxes.xywh_to_xyxy(box, inclusive=True), inclusive=True), box, atol=1e-9
    )


def test_inclusive_corners_name_the_last_pixel() -> None:
    np.testing.assert_array_equal(boxes.xywh_to_xyxy([10, 20, 5, 3], inclusive=True), [10, 20, 14, 22])


@given(box_xywh, box_xywh)
def test_iou_is_symmetric_bounded_and_one_for_equal_boxes(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    a, b = boxes.xywh_to_xyxy(first), boxes.xywh_to_xyxy(second)
    iou = float(boxes.paired_iou_xyxy(a, b))
    assert 0 <= iou <= 1 + 1e-12
    assert iou == pytest.approx(float(boxes.paired_iou_xyxy(b, a)))
    assert float(boxes.paired_iou_xyxy(a, a)) == pytest.approx(1)
    assert float(boxes.pairwise_iou_xyxy([a, b], [b])[0, 0]) == pytest.approx(iou)


def test_iou_of_known_boxes() -> None:
    assert boxes.paired_iou_xyxy([0, 0, 10, 10], [5, 0, 15, 10]) == pytest.approx(1 / 3)
    assert boxes.paired_iou_xyxy([0, 0, 0, 0], [0, 0, 0, 0]) == 0
    assert np.isnan(boxes.paired_iou_xyxy([np.nan] * 4, [0, 0, 1, 1]))


def test_a_single_coordinate_that_is_missing_makes_the_iou_missing() -> None:
    far, near = [50.0, 50, 60, 60], [0.0, 0, 10, 10]
    for place in range(4):
        holed = np.array(near)
        holed[place] = np.nan
        assert np.isnan(boxes.paired_iou_xyxy([holed, far], [far, holed])).all()
        iou = boxes.pairwise_iou_xyxy([holed, near], [far, near])
        assert np.isnan(iou[0]).all()
        assert iou[1].tolist() == [0, 1]


@given(box_xywh, st.integers(1, 400), st.integers(1, 400))
def test_clipped_boxes_lie_in_the_image(box: tuple[float, ...], width: int, height: int) -> None:
    x1, y1, x2, y2 = boxes.clip_xyxy(boxes.xywh_to_xyxy(box), width, height)
    assert 0 <= x1 <= x2 <= width
    assert 0 <= y1 <= y2 <= height


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ((10, 10, 0, 5), "above zero"),
        ((10, 10, 5, -1), "above zero"),
        ((10, float("nan"), 5, 5), "finite"),
        ((700, 10, 5, 5), "outside the first frame of 640x360"),
        ((1, 2, 3), "four numbers"),
        ("abc", "four numbers"),
    ],
)
def test_a_bad_first_box_is_refused_with_a_reason(box: object, complaint: str) -> None:
    with pytest.raises(BoxError, match=complaint):
        boxes.check_first_box_xywh(box, 640, 360)  # type: ignore[arg-type]


def test_a_good_first_box_comes_back_as_an_array() -> None:
    np.testing.assert_array_equal(boxes.check_first_box_xywh([-5, 10, 20, 20], 640, 360), [-5, 10, 20, 20])


@given(st.lists(st.tuples(*[st.floats(-100, 100)] * 8), min_size=1, max_size=5))
def test_upright_boxes_hold_every_corner(polygons: list[tuple[float, ...]]) -> None:
    rows = np.array(polygons)
    around = boxes.polygons_to_xywh(rows)
    points = rows.reshape(-1, 4, 2)
    low, high = around[:, None, :2], around[:, None, :2] + around[:, None, 2:]
    assert (points >= low - 1e-9).all() and (points <= high + 1e-9).all()

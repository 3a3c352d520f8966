import numpy as np
import pytest

from dmtrack.media.drawing import ABSENT_RGB, GROUND_TRUTH_RGB, TARGET_RGB, annotate, draw_box, draw_label, line_width


def coloured(image, colour):
    return (image == np.array(colour, np.uint8)).all(axis=2)


def test_the_box_lies_on_its_coordinates():
    image = np.full((120, 160, 3), 128, np.uint8)
    draw_box(image, (40, 30, 50, 20))
    ys, xs = np.nonzero(coloured(image, TARGET_RGB))
    # a line of two pixels cannot be centred on one
    np.testing.assert_allclose((xs.min(), xs.max(), ys.min(), ys.max()), (40, 89, 30, 49), atol=1)


@pytest.mark.parametrize("size_hw", [(48, 64), (120, 160), (720, 1280), (2160, 3840)])
def test_present_absent_and_truth_look_different_at_every_size(size_hw):
    frame = np.full((*size_hw, 3), 70, np.uint8)
    box = np.array([0.4, 0.4, 0.3, 0.4]) * np.array([*size_hw[::-1], *size_hw[::-1]])
    present = annotate(frame, box, 0.93, True, ground_truth_xywh=box * 0.9)
    absent = annotate(frame, box, 0.04, False)
    assert coloured(present, TARGET_RGB).any() and coloured(present, GROUND_TRUTH_RGB).any()
    assert coloured(absent, ABSENT_RGB).any() and not coloured(absent, TARGET_RGB).any()
    assert (frame == 70).all()  # the frame itself is not drawn on


def test_lines_grow_with_the_frame():
    assert [line_width(np.zeros((side, side, 3), np.uint8)) for side in (100, 720, 2160)] == [2, 3, 9]


@pytest.mark.parametrize(
    "box", [(np.nan,) * 4, (-1e9, -1e9, 10, 10), (1e12, 5, 10, 10), (-1e9, 10, 2e9, 5), (0, 0, 0, 0)]
)
def test_boxes_of_any_kind_draw_without_error(box):
    frame = np.full((48, 64, 3), 128, np.uint8)
    assert annotate(frame, box, 0.5, False, ground_truth_xywh=box).shape == frame.shape


def test_labels_stay_inside():
    for corner in ((-50, -50), (500, 500), (60, 2)):
        image = np.full((100, 200, 3), 200, np.uint8)
        draw_label(image, "target 0.87", corner)
        assert (image < 100).mean() > 0.03  # the plate is there
    draw_label(np.zeros((5, 5, 3), np.uint8), "larger than the frame", (0, 0))

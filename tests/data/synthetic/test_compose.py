import cv2
import numpy as np
import pytest

from dmtrack.data.synthetic.camera import Camera
from dmtrack.data.synthetic.compose import Canvas, Placement, motion_kernel
from dmtrack.data.synthetic.objects import procedural_object
from dmtrack.data.synthetic.patches import make_patch
from dmtrack.data.synthetic.scenes import placed

SIZE_WH = (320, 192)


def rectangle(width, height):
    return make_patch(np.full((height, width, 3), 255, np.uint8), np.full((height, width), 255, np.uint8))


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.0, np.pi / 2])
@pytest.mark.parametrize("scale", [0.25, 0.6, 1.0, 2.2])
def test_the_tight_box_of_a_turned_rectangle_is_where_geometry_says(angle, scale):
    canvas = Canvas(None, SIZE_WH)
    canvas.draw(rectangle(60, 30), Placement((150.3, 90.7), scale=scale, angle=angle), 3)
    pixels, box = canvas.visible(3)
    width = scale * (60 * abs(np.cos(angle)) + 30 * abs(np.sin(angle)))
    height = scale * (60 * abs(np.sin(angle)) + 30 * abs(np.cos(angle)))
    expected = [150.3 - width / 2, 90.7 - height / 2, 150.3 + width / 2, 90.7 + height / 2]
    np.testing.assert_allclose(box, expected, atol=1.6)
    assert pixels == pytest.approx(60 * 30 * scale**2, rel=0.08)


def test_boxes_match_what_is_drawn_alone():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        patch = procedural_object(rng, 60)
        size = float(np.exp(rng.uniform(np.log(10), np.log(120))))
        pose = placed(rng, patch, (float(rng.uniform(0, 320)), float(rng.uniform(0, 192))), size, 0.3)
        white = make_patch(np.full_like(patch.rgb, 255), np.ascontiguousarray(patch.alpha))
        pose = Placement(**{**vars(pose), "light": None})
        canvas = Canvas(np.zeros((192, 320, 3), np.uint8), SIZE_WH)
        canvas.draw(white, pose, 1)
        pixels, box = canvas.visible(1)
        mask = (canvas.image[..., 0] > 127).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(mask)
        if box is None:
            assert width == 0
            continue
        np.testing.assert_allclose(box, [left, top, left + width, top + height], atol=1)
        assert pixels == pytest.approx(mask.sum(), rel=0.02, abs=3)


def test_nothing_is_drawn_outside_the_view():
    canvas = Canvas(np.zeros((192, 320, 3), np.uint8), SIZE_WH)
    canvas.draw(rectangle(40, 40), Placement((-60.0, 96.0)), 1)
    assert canvas.visible(1) == (0, None) and not canvas.image.any()


def test_what_is_drawn_later_hides_what_is_below():
    canvas = Canvas(np.zeros((192, 320, 3), np.uint8), SIZE_WH)
    canvas.draw(rectangle(40, 40), Placement((100.0, 100.0)), 1)
    canvas.draw(rectangle(20, 60), Placement((90.0, 100.0)), 2)
    pixels, box = canvas.visible(1)
    assert pixels == pytest.approx(800, abs=40)
    np.testing.assert_allclose(box, (100, 80, 120, 120), atol=1)


def test_uncovered_part_of_a_background_box():
    canvas = Canvas(None, SIZE_WH)
    box = np.array([100.5, 50.0, 140.0, 90.0])
    share, visible = canvas.visible_background(box)
    assert share == 1.0 and visible == (100.5, 50.0, 140.0, 90.0)
    canvas.draw(rectangle(40, 60), Placement((100.0, 70.0)), 1)
    share, visible = canvas.visible_background(box)
    assert share == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(visible, (120, 50, 140, 90), atol=1)
    canvas.draw(rectangle(100, 100), Placement((120.0, 70.0)), 2)
    assert canvas.visible_background(box) == (0.0, None)


@pytest.mark.parametrize("scale", [0.3, 0.59, 1.0, 1.7])
@pytest.mark.parametrize("mirrored", [False, True])
def test_cameras_show_boxes_where_they_project_them(scale, mirrored):
    background = np.zeros((800, 1200, 3), np.uint8)
    background[350:430, 560:640] = 255
    camera = Camera((610.0, 400.0), scale, aspect=1.2, mirrored=mirrored)
    view = camera.render(background, SIZE_WH)
    left, top, width, height = cv2.boundingRect((view[..., 0] > 127).astype(np.uint8))
    (projected,) = camera.project_boxes(np.array([[560.0, 350.0, 640.0, 430.0]]), SIZE_WH)
    np.testing.assert_allclose([left, top, left + width, top + height], projected, atol=1.01)


@pytest.mark.parametrize("length", [1.5, 3.0, 8.4])
def test_motion_kernels_keep_brightness(length):
    kernel = motion_kernel(length, 0.7)
    assert kernel.sum() == pytest.approx(1.0, abs=1e-5) and kernel.shape[0] % 2 == 1

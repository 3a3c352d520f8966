from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.association import kalman
from dmtrack.association.tracklets import Tracklets
from dmtrack.tracking.camera_motion import CameraMotion

SIZE_WH = (640, 360)
CORNERS = np.array([[0.0, 0], [640, 0], [0, 360], [640, 360], [320, 180]])


def similarity(shift=(0.0, 0.0), angle=0.0, zoom=1.0):
    """(2, 3) around the middle of the view, in continuous pixels."""
    cosine, sine = zoom * np.cos(angle), zoom * np.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]])
    middle = np.array(SIZE_WH) / 2
    return np.column_stack([linear, middle - linear @ middle + shift])


def moved(points, motion):
    return points @ motion[:, :2].T + motion[:, 2]


def canvas(seed=0):
    """A texture with details of all sizes, larger than the view."""
    rng = np.random.default_rng(seed)
    total = np.zeros((2 * SIZE_WH[1], 2 * SIZE_WH[0], 3), np.float32)
    for step in (3, 12, 48):
        coarse = rng.normal(size=(total.shape[0] // step + 2, total.shape[1] // step + 2, 3)).astype(np.float32)
        total += cv2.resize(coarse, total.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 40 * total, 0, 255).astype(np.uint8)


def view(image, motion):
    """What the camera sees after the background has moved."""
    to_view = np.column_stack([np.eye(2), -np.array(SIZE_WH) / 2])
    full = motion @ np.vstack([to_view, [0, 0, 1]])
    half = np.array([0.5, 0.5])  # OpenCV's pixels are centred at whole numbers
    full[:, 2] += full[:, :2] @ half - half
    return cv2.warpAffine(image, full, SIZE_WH, flags=cv2.INTER_LINEAR)


def error(found, motion):
    """Largest distance in pixels over the view."""
    assert found is not None
    return np.abs(moved(CORNERS, found.astype(np.float64)) - moved(CORNERS, motion)).max()


STILL = np.column_stack([np.eye(2), np.zeros(2)])
NOTHING = np.zeros((0, 4))


@pytest.mark.parametrize(
    ("motion", "limit"),
    [
        (STILL, 0.05),
        (similarity((7.3, -4.6)), 0.3),
        (similarity((-30.0, 18.0)), 0.3),
        (similarity((3.0, 2.0), angle=0.05), 0.5),
        (similarity((0.0, 0.0), zoom=1.06), 0.5),
        (similarity((-9.0, 5.0), angle=-0.03, zoom=0.96), 0.5),
    ],
)
def test_motions_of_the_camera(motion, limit):
    camera, image = CameraMotion(), canvas()
    assert camera.step(view(image, STILL), NOTHING) is None
    assert error(camera.step(view(image, motion), NOTHING), motion) < limit


def test_things_that_move_by_themselves_and_blur():
    image, motion, rng = canvas(1), similarity((6.0, 3.0), angle=0.02, zoom=1.02), np.random.default_rng(2)
    first, second = view(image, STILL), view(image, motion)
    boxes = []
    for x, y in ((40, 40), (260, 60), (440, 180), (120, 220)):
        thing = cv2.GaussianBlur(rng.integers(0, 256, (110, 130, 3), dtype=np.uint8), (0, 0), 2)
        first[y : y + 110, x : x + 130] = thing
        second[y + 8 : y + 118, x - 25 : x + 105] = thing
        boxes.append([x, y, 130, 110])
    second = cv2.blur(second, (9, 1))
    for known in (np.array(boxes, float), NOTHING):
        camera = CameraMotion()
        camera.step(first, known)
        assert error(camera.step(second, known), motion) < 0.8


def test_another_scene_and_no_texture_give_no_motion():
    camera = CameraMotion()
    camera.step(view(canvas(3), STILL), NOTHING)
    assert camera.step(view(canvas(4), STILL), NOTHING) is None
    flat = np.full((SIZE_WH[1], SIZE_WH[0], 3), 90, np.uint8)
    assert camera.step(flat, NOTHING) is None
    assert camera.step(flat, NOTHING) is None
    assert camera.step(np.zeros((48, 64, 3), np.uint8), np.array([[0.0, 0, 64, 48]])) is None


@settings(max_examples=30)
@given(
    st.floats(-60, 60),
    st.floats(-60, 60),
    st.floats(-0.5, 0.5),
    st.floats(0.7, 1.4),
    st.floats(0, 600),
    st.floats(0, 300),
)
def test_tracklets_go_along_and_come_back(x, y, angle, zoom, left, top):
    motion = similarity((x, y), angle, zoom)
    tracklets = Tracklets(0, 0)
    box = np.array([[left, top, 30.0, 20.0]])
    tracklets.add(box, np.ones(1), np.zeros((1, 0), np.float32), np.zeros(1))
    tracklets.states.means[:, 4:6] = 3.0, -2.0
    before = tracklets.states
    tracklets.warp(motion)
    centre = moved(np.array([[left + 15, top + 10]]), motion)
    np.testing.assert_allclose(tracklets.states.means[:, :2], centre, atol=1e-9)
    np.testing.assert_allclose(tracklets.states.means[:, 4:6], [motion[:, :2] @ [3.0, -2.0]], atol=1e-9)
    np.testing.assert_allclose(tracklets.boxes_xywh[0, 2:], [30 * zoom, 20 * zoom])
    np.testing.assert_allclose(tracklets.last_boxes_xywh, tracklets.boxes_xywh, atol=1e-9)
    # Lengths of uncertainty are zoomed: the determinant of x, y, h and their velocities by zoom^2 each.
    ratio = np.linalg.det(tracklets.states.covariances) / np.linalg.det(before.covariances)
    np.testing.assert_allclose(ratio, zoom**12, rtol=1e-6)
    linear = np.linalg.inv(motion[:, :2])
    tracklets.warp(np.column_stack([linear, -linear @ motion[:, 2]]))
    np.testing.assert_allclose(tracklets.states.means, before.means, atol=1e-6)
    np.testing.assert_allclose(tracklets.states.covariances, before.covariances, atol=1e-6)
    np.testing.assert_allclose(tracklets.last_boxes_xywh, box, atol=1e-6)


def test_a_turned_state_is_measured_as_one_that_was_never_turned():
    """Coordinates that a turn has mixed take another way through the filter; a full turn must not show."""
    states = kalman.predict(kalman.start(np.array([[100.0, 80, 1.5, 20]])), 3)
    turn = similarity(angle=0.4)
    back = similarity(angle=-0.4)
    measured = np.array([[104.0, 83, 1.4, 22]])
    expected = kalman.update(states, measured)
    turned = kalman.warp(states, turn)
    assert np.count_nonzero(turned.covariances[0, :4, :4]) > 4
    place = np.column_stack([moved(measured[:, :2], turn), measured[:, 2:]])
    found = kalman.warp(kalman.update(turned, place), back)
    np.testing.assert_allclose(found.means, expected.means, atol=1e-9)
    np.testing.assert_allclose(found.covariances, expected.covariances, atol=1e-9)


def test_tracklets_of_a_turning_camera_are_predicted_where_things_are():
    tracklets, motion = Tracklets(0, 0), similarity((5.0, -3.0), angle=0.03, zoom=1.02)
    place = np.array([[200.0, 150.0]])
    tracklets.add(np.array([[190.0, 140, 20, 20]]), np.ones(1), np.zeros((1, 0), np.float32), np.zeros(1))
    for _ in range(10):  # a thing that rests on the background, out of sight
        place = moved(place, motion)
        tracklets.warp(motion)
        tracklets.advance(True)
    np.testing.assert_allclose(tracklets.states.means[:, :2], place, atol=1e-6)
    assert tracklets.boxes_xywh[0, 2] == pytest.approx(20 * 1.02**10)

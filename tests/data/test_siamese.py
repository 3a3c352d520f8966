"""Augmentation and pairing of Siamese training pairs."""

import numpy as np
import pytest

from dmtrack.data.samples import Clip
from dmtrack.data.sampling.siamese_pairs import pair_frames
from dmtrack.data.siamese import BlurSearch, CropAround, ShiftColour, ShiftScaleCrop
from dmtrack.data.siamese.cropping import crop_around
from dmtrack.data.transforms import RandomGray


def make_pair(dtype=np.uint8):
    rng = np.random.default_rng(0)
    images = [np.full((200, 300, 3), 50, dtype) for _ in range(2)]
    boxes = [np.array([[100.0, 60, 160, 120]]), np.array([[120.0, 80, 180, 140]])]
    for image, box in zip(images, boxes, strict=True):
        x1, y1, x2, y2 = box[0].astype(int)
        image[y1:y2, x1:x2] = rng.integers(180, 256, (y2 - y1, x2 - x1, 3))
    return Clip.pair(*images, *boxes)


def test_the_target_fills_half_of_the_middle_127_pixels():
    pair = CropAround()(make_pair(), np.random.default_rng(0))
    assert pair.search.image.shape == (511, 511, 3)
    np.testing.assert_allclose(pair.search.boxes_xyxy, [[255 - 31.75, 255 - 31.75, 255 + 31.75, 255 + 31.75]])
    inside = pair.query.image[230:280, 230:280]
    assert inside.min() > 150


def test_pysot_crops_count_steps_between_pixels():
    image, box = make_pair().query.image, [100, 60, 160, 120]
    ours, theirs = crop_around(image, box)[0], crop_around(image, box, rule="pysot")[0]
    assert (ours != theirs).any()


def test_shifted_crops_keep_the_target_in_its_box():
    squares = CropAround()(make_pair(), np.random.default_rng(0))
    for seed in range(20):
        pair = ShiftScaleCrop()(squares, np.random.default_rng(seed))
        assert pair.query.image.shape == (127, 127, 3)
        assert pair.search.image.shape == (255, 255, 3)
        x1, y1, x2, y2 = pair.search.boxes_xyxy[0]
        assert 63.5 / 1.19 < x2 - x1 < 63.5 / 0.81
        rows, columns = slice(round(y1) + 3, round(y2) - 3), slice(round(x1) + 3, round(x2) - 3)
        assert pair.search.image[rows, columns].min() > 140


def test_a_shift_never_leaves_the_square():
    squares = CropAround()(make_pair(), np.random.default_rng(0))
    pair = ShiftScaleCrop(shifts=(4, 10_000))(squares, np.random.default_rng(0))
    assert pair.search.image.min() > 0  # outside of the square the fill is black


def test_colour_shifts_are_one_colour_and_float():
    pair = make_pair()
    shifted = ShiftColour()(pair, np.random.default_rng(3))
    difference = shifted.search.image - pair.search.image.astype(np.float32)
    assert shifted.search.image.dtype == np.float32
    assert np.ptp(difference, axis=(0, 1)).max() < 1e-3
    assert np.abs(difference).max() > 0.1


def test_blur_and_gray_have_their_probability():
    pair, rng = make_pair(np.float32), np.random.default_rng(0)
    counts = np.zeros(3)
    for _ in range(60):
        blurred = BlurSearch((0.0, 0.5))(pair, rng)
        assert blurred.query.image is pair.query.image
        grayed = RandomGray(0.2)(pair, rng)
        counts += [blurred.search.image is not pair.search.image, grayed is not pair, 1]
    assert 18 < counts[0] < 42
    assert 3 < counts[1] < 24
    gray = RandomGray(1.0)(pair, rng)
    np.testing.assert_array_equal(gray.query.image[..., 0], gray.query.image[..., 2])


@pytest.mark.parametrize("make_rng", [np.random.RandomState, np.random.default_rng])
def test_pairs_of_frames(make_rng):
    rng = make_rng(0)
    drawn = [pair_frames((30, 17), rng, frame_range=5) for _ in range(500)]
    positive = [pair for pair in drawn if pair.positive]
    assert 360 < len(positive) < 440
    assert all(pair.search[0] == 0 and -5 <= pair.search[1] - pair.template[1] < 5 for pair in positive)
    assert all(pair.search[0] == 1 and pair.search[1] < 17 for pair in drawn if not pair.positive)
    stills = {pair_frames((1, 30), rng) for _ in range(50)}
    assert stills == {((0, 0), (0, 0), True), ((0, 0), (1, 0), False)}

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.config import load_config
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.recipes import build_recipe
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.transforms import (
    BoundBoxes,
    Degrade,
    InclusiveBoxes,
    LimitInstances,
    PhotometricDistort,
    RandomAffine,
    RandomBlur,
    RandomCrop,
    RandomExpand,
    RandomFlip,
    RandomGray,
    Rescale,
    Restyle,
    ShrinkToFit,
)
from dmtrack.data.transforms.restyling import noise_of
from dmtrack.errors import ConfigError


@st.composite
def pairs(draw) -> Clip:
    """Images of any small size with boxes inside; the two sides differ in size and in their boxes."""
    count = draw(st.integers(0, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    sides = []
    for _ in range(2):
        width, height = draw(st.integers(8, 90)), draw(st.integers(8, 90))
        corners = np.sort(rng.uniform(0, 1, (count, 2, 2)), axis=1) * [width, height]
        boxes = corners.reshape(-1, 4)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], np.minimum(boxes[:, :2] + 0.5, [width, height]))
        boxes[:, :2] = np.minimum(boxes[:, :2], boxes[:, 2:] - 0.5)
        sides.append((rng.integers(0, 256, (height, width, 3)).astype(np.uint8), boxes))
    return Clip.pair(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def assert_safe(pair: Clip, before: Clip, smallest: float = 0.0) -> None:
    assert len(pair.query.boxes_xyxy) == len(pair.search.boxes_xyxy) <= len(before.query.boxes_xyxy)
    sides = ((pair.query.image, pair.query.boxes_xyxy), (pair.search.image, pair.search.boxes_xyxy))
    for image, boxes in sides:
        height, width = image.shape[:2]
        assert height > 0 and width > 0 and image.shape[2] == 3
        assert (boxes >= -1e-9).all() and (boxes <= np.array([width, height] * 2) + 1e-9).all()
        assert (boxes[:, 2:] - boxes[:, :2] > smallest).all()


@settings(max_examples=60)
@given(pair=pairs(), seed=st.integers(0, 10**6))
@pytest.mark.parametrize(
    "transform",
    [
        PhotometricDistort(),
        PhotometricDistort(clip=False),
        RandomExpand(),
        RandomCrop(),
        RandomFlip(),
        RandomGray(0.5),
        RandomBlur(0.5),
        Rescale((96, 64), (20, 64)),
        ShrinkToFit((40, 30)),
        BoundBoxes(),
        LimitInstances(3),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_boxes_stay_inside_and_in_step(transform, pair, seed):
    before = (pair.query.image.copy(), pair.search.image.copy(), pair.query.boxes_xyxy.copy())
    assert_safe(transform(pair, np.random.default_rng(seed)), pair)
    # The pair handed in may be shared by both sides or kept by its source.
    for kept, now in zip(before, (pair.query.image, pair.search.image, pair.query.boxes_xyxy), strict=True):
        np.testing.assert_array_equal(kept, now)


@settings(max_examples=60)
@given(pair=pairs(), seed=st.integers(0, 10**6), inclusive=st.booleans())
def test_fixed_recipe_gives_safe_boxes_in_images_of_the_configured_scale(pair, seed, inclusive):
    preprocessing = Preprocessing(inclusive_boxes=inclusive)
    recipe = build_recipe(
        {"type": "fixed", "scale": (96, 64), "short_side_range": (32, 64), "gray": 0.3, "blur": 0.3}, preprocessing
    )
    result, rng = pair, np.random.default_rng(seed)
    for step in recipe:
        result = step(result, rng)
    assert_safe(result, pair, smallest=3.99)
    assert len(result.query.boxes_xyxy) <= 8
    for image in (result.query.image, result.search.image):
        assert image.dtype == np.uint8
        assert max(image.shape[:2]) <= 96 and min(image.shape[:2]) <= 64


@settings(max_examples=15)
@given(pair=pairs(), seed=st.integers(0, 10**6))
def test_reference_recipe_keeps_inclusive_boxes_inside(pair, seed):
    result, rng = pair, np.random.default_rng(seed)
    for step in build_recipe("reference", Preprocessing(inclusive_boxes=True)):
        result = step(result, rng)
    assert len(result.query.boxes_xyxy) == len(result.search.boxes_xyxy)
    height, width = result.search.image.shape[:2]
    assert (result.search.boxes_xyxy >= 0).all()
    assert (result.search.boxes_xyxy <= [width - 1, height - 1, width - 1, height - 1]).all()
    assert max(height, width) == 1333 or min(height, width) == 800


def marked_pair(size_wh=(90, 60)) -> Clip:
    """Four instances, each a block of its own colour; boxes are exact."""
    width, height = size_wh
    sides = []
    for shift in (0, 3):
        image = np.zeros((height, width, 3), np.uint8)
        boxes = []
        for number in range(4):
            x, y = 5 + 20 * number + shift, 8 + 9 * number + shift
            image[y : y + 12, x : x + 10] = 60 * (number + 1)
            boxes.append([x, y, x + 10, y + 12])
        sides.append((image, np.array(boxes, dtype=float)))
    return Clip.pair(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def shades(image: np.ndarray, boxes: np.ndarray) -> list[int]:
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2).astype(int)
    return [round(float(image[y, x, 0]) / 60) for x, y in centres]


@pytest.mark.parametrize("seed", range(25))
def test_row_i_is_the_same_instance_on_both_sides(seed):
    pair, rng = marked_pair(), np.random.default_rng(seed)
    for step in (RandomFlip(), RandomExpand((1.0, 2.0)), RandomCrop(), Rescale((180, 120), (90, 120), ("nearest",))):
        pair = step(pair, rng)
    # Blocks overlap slightly where they were drawn later, never at their centres.
    query, search = shades(pair.query.image, pair.query.boxes_xyxy), shades(pair.search.image, pair.search.boxes_xyxy)
    assert query == search and query


def test_boxes_follow_the_pixels_through_flip_expand_and_rescale():
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 5:25] = 255
    box = np.array([[5.0, 10, 25, 30]])
    start = Clip.pair(image, image, box, box)
    for seed in range(20):
        pair, rng = start, np.random.default_rng(seed)
        for step in (RandomFlip(), RandomExpand(fill_rgb=(0, 0, 0)), Rescale((240, 160), (80, 160), ("nearest",))):
            pair = step(pair, rng)
        for view, boxes in ((pair.query.image, pair.query.boxes_xyxy), (pair.search.image, pair.search.boxes_xyxy)):
            rows, columns = np.nonzero(view[..., 0] > 128)
            found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(boxes[0], found, atol=2.0)


def test_flip_conventions():
    image = np.zeros((10, 20, 3), np.uint8)
    image[3, 4] = 255  # the pixel [4, 5) x [3, 4)
    continuous, inclusive = np.array([[4.0, 3, 5, 4]]), np.array([[4.0, 3, 4, 3]])
    flipped = RandomFlip(1.0)(Clip.pair(image, image, continuous, continuous), np.random.default_rng(0))
    assert flipped.query.boxes_xyxy.tolist() == [[15, 3, 16, 4]] and flipped.query.image[3, 15, 0] == 255
    flipped = RandomFlip(1.0, inclusive=True)(Clip.pair(image, image, inclusive, inclusive), np.random.default_rng(0))
    assert flipped.query.boxes_xyxy.tolist() == [[15, 3, 15, 3]]


def test_jitter_is_drawn_for_every_image():
    pair = marked_pair()
    step = Rescale((900, 608), (256, 608))
    sizes = [step(pair, np.random.default_rng(seed)) for seed in range(60)]
    short = [min(image.shape[:2]) for one in sizes for image in (one.query.image, one.search.image)]
    assert 256 <= min(short) < 290 and 570 < max(short) <= 608
    assert len({(one.query.image.shape, one.search.image.shape) for one in sizes}) > 50


def test_inclusive_boxes_and_limits():
    box = np.array([[2.0, 3, 10, 9]])
    image = np.zeros((10, 12, 3), np.uint8)
    rng = np.random.default_rng(0)
    assert InclusiveBoxes()(Clip.pair(image, image, box, box), rng).query.boxes_xyxy.tolist() == [[2, 3, 9, 8]]
    # Too small on one side only: the instance leaves both.
    tiny = np.array([[2.0, 3, 3, 9]])
    assert len(BoundBoxes(4.0)(Clip.pair(image, image, box, tiny), rng).query.boxes_xyxy) == 0
    outside = np.array([[-5.0, -5, 30, 30]])
    bounded = BoundBoxes(0.0, inclusive=True)(Clip.pair(image, image, outside, outside), rng)
    assert bounded.query.boxes_xyxy.tolist() == [[0, 0, 11, 9]]


def test_boxes_of_crowds_end_at_the_border_where_that_is_asked_for():
    step = next(step for step in load_config("mot20_ft_mix_dla34")["data"]["recipe"] if step["type"] == "RandomAffine")
    assert step["clip"] is True
    whole, cut = (
        RandomAffine(0, 0.4, (1.2, 1.2), 0, clip=clip)(marked_pair(), np.random.default_rng(3))
        for clip in (False, True)
    )
    differ = 0
    for one, other in zip(whole.samples, cut.samples, strict=True):
        width, height = one.size_wh
        np.testing.assert_array_equal(other.boxes_xyxy, np.clip(one.boxes_xyxy, 0, [width, height] * 2))
        np.testing.assert_array_equal(other.image, one.image)
        differ += int((one.boxes_xyxy != other.boxes_xyxy).any())
    assert differ


def test_gray_is_shared_and_blur_touches_the_search_image_only():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (30, 30, 3)).astype(np.uint8)
    pair = Clip.pair(image, image, np.zeros((0, 4)), np.zeros((0, 4)))
    gray = RandomGray(1.0)(pair, rng)
    assert (gray.query.image[..., 0] == gray.query.image[..., 2]).all()
    assert (gray.search.image[..., 0] == gray.search.image[..., 1]).all()
    blurred = RandomBlur(1.0, (2.0, 2.0))(pair, rng)
    assert blurred.query.image is image
    assert blurred.search.image.std() < image.std() / 2


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("fixd", "did you mean 'fixed'"),
        ({"type": "fixed", "scales": (1, 2)}, "did you mean 'scale'"),
        ({"scale": (1, 2)}, "unknown recipe"),
    ],
)
def test_bad_recipes(recipe, message):
    with pytest.raises(ConfigError, match=message):
        build_recipe(recipe, Preprocessing())


def test_no_recipe_and_a_list_of_transforms():
    assert build_recipe(None, Preprocessing()) == []
    assert [type(step) for step in build_recipe(None, Preprocessing(inclusive_boxes=True))] == [InclusiveBoxes]
    steps = build_recipe([{"type": "RandomFlip", "probability": 1.0}, RandomGray()], Preprocessing())
    assert isinstance(steps[0], RandomFlip) and steps[0].probability == 1.0 and isinstance(steps[1], RandomGray)


@pytest.mark.parametrize("kind", ["clahe", "dropout", "downscale", "jpeg", "noise", "motion_blur", "gauss_noise"])
def test_each_way_to_make_an_image_worse_repeats_itself_and_leaves_boxes_alone(kind):
    pixels = np.random.default_rng(3).integers(40, 160, (48, 64, 3)).astype(np.uint8)
    clip = Clip((Sample(pixels.copy(), np.array([[4.0, 5.0, 30.0, 40.0]])),), aligned=False)
    changed = [Degrade(kind, 1.0)(clip, np.random.default_rng(7)).query for _ in range(2)]
    assert np.array_equal(changed[0].image, changed[1].image) and changed[0].image.dtype == np.uint8
    assert changed[0].image.shape == pixels.shape and not np.array_equal(changed[0].image, pixels)
    assert np.array_equal(clip.query.image, pixels) and changed[0].boxes_xyxy.tolist() == [[4, 5, 30, 40]]
    if kind == "dropout":
        assert 64 < (changed[0].image == 0).all(axis=2).sum() <= 8 * 64
    if kind == "noise":
        assert changed[0].image[0, 0, 0] == pytest.approx(min(1.5 * pixels[0, 0, 0], 255), abs=0.51)
    assert Degrade(kind, 0.0)(clip, np.random.default_rng(7)) is clip


class Dark:
    """One image, dim and noisy."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        pixels = 40 + np.random.default_rng(1).normal(0, 8, (60, 80, 3))
        return SimpleNamespace(read=lambda: np.clip(pixels, 0, 255).astype(np.uint8))


def test_an_image_gets_light_and_noise_of_another_one_and_keeps_its_boxes():
    bright = np.full((64, 64, 3), 120, np.uint8)
    bright[20:40, 20:40] = 220
    boxes_xyxy = np.array([[20.0, 20, 40, 40]])
    clip = Clip((Sample(bright, boxes_xyxy),), aligned=False)
    changed = Restyle(Dark(), share=1.0)(clip, np.random.default_rng(0)).query
    assert changed.boxes_xyxy.tolist() == boxes_xyxy.tolist() and changed.image.dtype == np.uint8
    assert changed.image.mean() == pytest.approx(40, abs=1)
    assert noise_of(bright) == 0 and noise_of(changed.image) == pytest.approx(8, rel=0.15)
    # The square still stands out by the little contrast that the dark image has.
    assert changed.image[20:40, 20:40].mean() > changed.image[:20].mean() + 10
    drawn = [Restyle(Dark(), share=0.3)(clip, np.random.default_rng(seed)).query.image is bright for seed in range(200)]
    assert np.mean(drawn) == pytest.approx(0.7, abs=0.1)

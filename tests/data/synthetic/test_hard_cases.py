import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.data.synthetic.hard_cases import HardCases, bent, same_part, set_into, turned, without_a_side
from dmtrack.data.synthetic.objects import procedural_object
from dmtrack.data.synthetic.pairs import SyntheticPairs
from dmtrack.data.synthetic.patches import MARGIN, tight_box
from dmtrack.data.synthetic.real_images import Photo
from dmtrack.errors import ConfigError

SIZE_WH = (320, 192)


def pairs(count=12, **hard_cases):
    sampler = SyntheticPairs(hard_cases=hard_cases or None)
    return [sampler.sample(np.random.default_rng([8, index]), SIZE_WH) for index in range(count)]


def sides(boxes_xyxy):
    return np.sqrt(np.prod(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], axis=1))


@pytest.mark.parametrize("change", [turned, bent, without_a_side])
def test_a_changed_thing_is_a_patch_with_a_tight_outline(change):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        patch = procedural_object(rng, 60.0)
        changed = change(rng, patch)
        width, height = changed.extent_wh
        assert tight_box((changed.alpha > 127).view(np.uint8)) == (MARGIN, MARGIN, MARGIN + width, MARGIN + height)
        assert 0.15 * patch.area <= changed.area <= 2.5 * patch.area
        assert changed.rgba.shape != patch.rgba.shape or (changed.rgba != patch.rgba).any()


def test_what_is_cut_off_leaves_at_least_about_half():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        patch = procedural_object(rng, 80.0)
        shares = np.array(without_a_side(rng, patch).extent_wh) / patch.extent_wh
        # One side is cut; of an uneven outline the other side may lose its widest part with it.
        assert 0.45 <= shares.min() <= 0.85


def test_a_photograph_from_afar_keeps_its_pixels_and_boxes():
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 10:50] = 255
    photo = Photo(image, np.array([[10.0, 20.0, 50.0, 40.0]]), (mask,))
    around = np.zeros((30, 30, 3), np.uint8)
    (far,) = set_into(np.random.default_rng(3), (photo,), around)
    assert far.image.shape[0] >= 90 and far.image.shape[1] >= 120
    left, top, right, bottom = far.boxes_xyxy[0].astype(int)
    np.testing.assert_array_equal(far.image[top:bottom, left:right], image[20:40, 10:50])
    assert far.masks[0].shape == far.image.shape[:2] and far.masks[0][top:bottom, left:right].min() == 255


def test_nothing_is_drawn_for_what_never_happens():
    for one, other in zip(pairs(4), pairs(4, turning=0.0, night=0.0), strict=True):
        assert one.search.image.tobytes() == other.search.image.tobytes()


def test_hard_pairs_are_what_they_are_called():
    usual, dark = pairs(), pairs(night=1.0)
    assert np.mean([one.search.image.mean() for one in dark]) < 0.5 * np.mean([o.search.image.mean() for o in usual])
    small = np.concatenate([sides(one.query.boxes_xyxy) for one in pairs(tiny=1.0)])
    assert np.median(small) < 18 < np.median(np.concatenate([sides(one.query.boxes_xyxy) for one in usual]))

    def edges(found):
        return np.mean([np.abs(np.diff(one.search.image.astype(int), axis=1)).mean() for one in found])

    assert edges(pairs(shake=1.0)) < 0.8 * edges(usual)
    assert edges(pairs(codec=1.0)) < 0.9 * edges(usual)


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"turnin.*turning"):
        SyntheticPairs(hard_cases={"turnin": 0.5})
    with pytest.raises(ConfigError, match=r"night"):
        SyntheticPairs(hard_cases={"night": 1.5})
    assert SyntheticPairs(hard_cases=HardCases(crowd=1.0)).hard_cases.crowd == 1.0


lengths = st.floats(10, 300)


@given(st.integers(0, 1000), lengths, lengths, lengths, st.floats(-0.1, 0.1))
def test_a_part_is_the_same_share_of_the_thing_in_both_views(seed, width, height, other_width, shape):
    first = np.array([5.0, 7.0, 5 + width, 7 + height])
    second = np.array([40.0, 3.0, 40 + other_width, 3 + other_width * height / width * np.exp(shape)])
    parts = same_part(np.random.default_rng(seed), (first, second))
    assert parts is not None
    shares = [
        (part.reshape(2, 2) - whole[:2]) / (whole[2:] - whole[:2])
        for part, whole in zip(parts, (first, second), strict=True)
    ]
    np.testing.assert_allclose(*shares, atol=1e-9)
    size = shares[0][1] - shares[0][0]
    assert shares[0].min() >= -1e-9 and shares[0].max() <= 1 + 1e-9
    assert 0.4 - 1e-9 <= size.min() <= 0.7 + 1e-9 and size.max() <= 1 + 1e-9


def test_what_changed_its_shape_has_no_part():
    whole, turned = np.array([0.0, 0.0, 40.0, 80.0]), np.array([0.0, 0.0, 60.0, 80.0])
    assert same_part(np.random.default_rng(0), (whole, turned)) is None


def test_pairs_of_parts_are_the_same_images_with_smaller_boxes():
    whole, parts = SyntheticPairs(max_targets=6), SyntheticPairs(max_targets=6, part_share=1.0)
    smaller = 0
    for seed in range(12):
        pair, part = (sampler.sample(np.random.default_rng(seed), (320, 192)) for sampler in (whole, parts))
        np.testing.assert_array_equal(pair.search.image, part.search.image)
        assert len(pair.query.boxes_xyxy) == len(part.query.boxes_xyxy)
        for all_of_it, some in zip(pair.query.boxes_xyxy, part.query.boxes_xyxy, strict=True):
            assert (some[:2] >= all_of_it[:2] - 1e-3).all() and (some[2:] <= all_of_it[2:] + 1e-3).all()
            smaller += not np.allclose(all_of_it, some)
            if not np.allclose(all_of_it, some):
                assert np.prod(some[2:] - some[:2]) >= 16**2 - 1e-3
    assert smaller >= 5
    with pytest.raises(ConfigError, match="part_share is 2"):
        SyntheticPairs(part_share=2)

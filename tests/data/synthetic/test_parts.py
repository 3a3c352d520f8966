import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.data.synthetic.pairs import SyntheticPairs
from dmtrack.data.synthetic.parts import same_part
from dmtrack.errors import ConfigError

sides = st.floats(10, 300)


@given(st.integers(0, 1000), sides, sides, sides, st.floats(-0.1, 0.1))
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

import numpy as np
import pytest

from dmtrack.data.synthetic import effects


def test_noise_has_the_asked_for_deviation_and_no_bias():
    image = np.full((192, 320, 3), 128, np.uint8)
    noisy = effects.add_noise(np.random.default_rng(0), image, 8.0).astype(float)
    assert noisy.std() == pytest.approx(8.0, rel=0.05)
    assert noisy.mean() == pytest.approx(128.0, abs=0.2)


def test_noise_covers_images_larger_than_the_bank():
    image = np.full((700, 1000, 3), 100, np.uint8)
    assert effects.add_noise(np.random.default_rng(0), image, 5.0).std() == pytest.approx(5.0, rel=0.05)


def test_neutral_light_changes_nothing():
    table = effects.light_table(1.0, 0.0, 1.0, np.ones(3))
    np.testing.assert_array_equal(table[0, :, 1], np.arange(256))


def test_effects_keep_shape_and_type():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 255, (96, 160, 3)).astype(np.uint8)
    for _ in range(30):
        result = effects.degrade(rng, image)
        assert result.shape == image.shape and result.dtype == np.uint8
    gray = effects.grayscale(image)
    assert (gray[..., 0] == gray[..., 2]).all()

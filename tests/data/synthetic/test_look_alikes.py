import cv2
import numpy as np
import pytest

from dmtrack.data.synthetic.look_alikes import look_alike
from dmtrack.data.synthetic.objects import cut_out, procedural_object
from dmtrack.data.synthetic.patches import MARGIN
from dmtrack.data.synthetic.real_images import Photo


def pixel_distance(first, second):
    """Mean absolute difference of two patches at the same size, in grey levels."""
    a = cv2.resize(np.ascontiguousarray(first.rgb), (32, 32), interpolation=cv2.INTER_AREA).astype(float)
    b = cv2.resize(np.ascontiguousarray(second.rgb), (32, 32), interpolation=cv2.INTER_AREA).astype(float)
    return np.abs(a - b).mean()


def histogram_overlap(first, second):
    histograms = []
    for patch in (first, second):
        inside = patch.rgb[patch.alpha > 127] // 32
        codes = inside[:, 0].astype(int) * 64 + inside[:, 1] * 8 + inside[:, 2]
        histograms.append(np.bincount(codes, minlength=512) / len(codes))
    return np.minimum(*histograms).sum()


def test_a_higher_similarity_gives_a_closer_look_alike():
    distances, overlaps = [], []
    for similarity in (0.1, 0.5, 0.9):
        rngs = [np.random.default_rng([3, seed]) for seed in range(40)]
        patches = [procedural_object(np.random.default_rng([4, seed]), 60) for seed in range(40)]
        doubles = [look_alike(rng, patch, similarity) for rng, patch in zip(rngs, patches, strict=True)]
        pairs = list(zip(patches, doubles, strict=True))
        distances.append(np.mean([pixel_distance(*pair) for pair in pairs]))
        overlaps.append(np.mean([histogram_overlap(*pair) for pair in pairs]))
    assert distances[0] > 1.5 * distances[1] > 1.5 * 1.5 * distances[2] > 0
    assert overlaps[0] < overlaps[1] < overlaps[2]


def test_similarity_one_is_a_copy():
    patch = procedural_object(np.random.default_rng(1), 50)
    assert look_alike(np.random.default_rng(2), patch, 1.0) is patch


def test_a_look_alike_has_about_the_same_size():
    for seed in range(30):
        patch = procedural_object(np.random.default_rng(seed), 50)
        double = look_alike(np.random.default_rng(seed), patch, 0.3)
        ratio = np.array(double.extent_wh) / patch.extent_wh
        assert (ratio > 0.6).all() and (ratio < 1.2).all()


def test_patches_have_an_empty_margin_and_a_tight_outline():
    photo = np.random.default_rng(0).integers(0, 255, (100, 150, 3)).astype(np.uint8)
    patches = [procedural_object(np.random.default_rng(seed), 40 + seed) for seed in range(30)]
    patches.append(
        cut_out(np.random.default_rng(0), Photo(photo, np.array([[10.0, 10.0, 90.0, 80.0]]), (None,)), 0, 50.0)
    )
    for patch in patches:
        solid = patch.alpha > 127
        rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        height, width = solid.shape
        assert (rows[0], rows[-1]) == (MARGIN, height - MARGIN - 1)
        assert (columns[0], columns[-1]) == (MARGIN, width - MARGIN - 1)
        assert patch.area == solid.sum()


@pytest.mark.parametrize("box", [[5.0, 5.0, 9.0, 60.0], [-30.0, 0.0, 4.0, 50.0]])
def test_too_few_pixels_give_no_cut_out(box):
    photo = np.zeros((100, 150, 3), np.uint8)
    assert cut_out(np.random.default_rng(0), Photo(photo, np.array([box]), (None,)), 0, 50.0) is None

"""Which pairs Siamese trackers are trained on."""

import numpy as np
import pytest

from dmtrack.data.samples import Clip
from dmtrack.data.sampling import PairsWithNegatives, SiamesePairs
from dmtrack.data.sampling.siamese_pairs import pair_valid_frames
from dmtrack.data.sequences import Sequence
from dmtrack.errors import ConfigError, DataError


class Videos:
    """Frames say by their colour which video and which frame they are."""

    def __init__(self, lengths, absent=(), video_starts=None):
        self.lengths, self.absent = lengths, set(absent)
        if video_starts is not None:
            self.video_starts = np.array(video_starts)

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, index):
        present = np.array([frame not in self.absent for frame in range(self.lengths[index])])
        boxes = np.where(present[:, None], [10.0 + index, 20, 30, 40], np.nan)

        def read(frame):
            return np.full((64, 64, 3), (index, frame, 0), dtype=np.uint8)

        return Sequence(f"v{index}", boxes, present, read)


def draws(sampler, count=400):
    pairs = [sampler.sample(np.random.default_rng([1, number])) for number in range(count)]
    return [
        (tuple(map(int, pair.query.image[0, 0, :2])), tuple(map(int, pair.search.image[0, 0, :2])), pair.positive)
        for pair in pairs
    ]


@pytest.mark.parametrize("rule", ["mmtracking", "pysot"])
def test_shares_of_negatives_and_distances(rule):
    sampler = SiamesePairs([Videos([30, 30, 30], absent=[7])], frame_range=5, positive_probability=0.75, rule=rule)
    found = draws(sampler)
    positives = [(query, search) for query, search, positive in found if positive]
    assert 0.68 < len(positives) / len(found) < 0.82
    gaps = [search[1] - query[1] for query, search in positives]
    assert all(query[0] == search[0] for query, search in positives)
    # PySOT's range includes its upper end, and counts frames that show the target: over frame 7 it reaches one further.
    assert (min(gaps), max(gaps)) == ((-5, 4) if rule == "mmtracking" else (-6, 6))
    assert 7 not in {side[1] for pair in found for side in pair[:2]}
    negatives = [(query, search) for query, search, positive in found if not positive]
    assert any(query[0] != search[0] for query, search in negatives)


def test_the_other_target_of_a_negative_pair_comes_from_the_same_source_or_any():
    def sources():
        return [Videos([9, 9]), Videos([21] * 5)]

    for rule, mixed in (("mmtracking", False), ("pysot", True)):
        found = draws(SiamesePairs(sources(), shares=[1, 0], positive_probability=0, rule=rule), 200)
        assert any(search[0] > 1 or search[1] > 8 for _, search, _ in found) == mixed
        assert all(query[0] <= 1 and query[1] <= 8 for query, _, _ in found)


def test_sources_are_drawn_by_share_or_by_their_videos():
    by_videos = SiamesePairs([Videos([2] * 4, video_starts=[0, 3, 4]), Videos([2] * 6)], shares=[None, None])
    np.testing.assert_allclose(by_videos.shares, [2 / 8, 6 / 8])
    np.testing.assert_allclose(SiamesePairs([Videos([2]), Videos([2])], shares=[1, 3]).shares, [0.25, 0.75])
    # PySOT draws a video, then one of its targets: the fourth target has a video of its own.
    sampler = SiamesePairs([Videos([2] * 4, video_starts=[0, 3, 4])], positive_probability=1, rule="pysot")
    assert 0.4 < np.mean([query[0] == 3 for query, _, _ in draws(sampler)]) < 0.6


def test_frames_of_pysot_include_both_ends():
    valid = np.array([2, 5, 6, 40])
    found = {pair_valid_frames((valid, valid), np.random.default_rng(seed), 1, True) for seed in range(200)}
    reached = {(pair.template[1], pair.search[1]) for pair in found}
    assert reached == {(2, 2), (2, 5), (5, 2), (5, 5), (5, 6), (6, 5), (6, 6), (6, 40), (40, 6), (40, 40)}


def test_sources_without_a_usable_frame_and_wrong_settings_are_one_sentence():
    with pytest.raises(DataError, match="100 draws in a row found no frames"):
        SiamesePairs([Videos([3], absent=[0, 1, 2])], rule="pysot").sample(np.random.default_rng(0))
    with pytest.raises(ConfigError, match="2 sources but 1 shares"):
        SiamesePairs([Videos([3]), Videos([3])], shares=[1])
    with pytest.raises(ConfigError, match="frame_range is 0"):
        SiamesePairs([Videos([3])], frame_range=0)
    with pytest.raises(ConfigError, match="PairsWithNegatives"):
        SiamesePairs([PairsWithNegatives(Views())])


class Views:
    """Pairs of two instances; the colour is the number of the pair."""

    def sample(self, rng, image_size_wh=None):
        image = np.full((8, 8, 3), rng.integers(255), dtype=np.uint8)
        boxes = np.array([[0.0, 0, 4, 4], [1, 1, 6, 6]])
        return Clip.pair(image, image, boxes, boxes + 1)


def test_negatives_of_rendered_pairs():
    pairs = [PairsWithNegatives(Views(), 0.5).sample(np.random.default_rng(seed)) for seed in range(100)]
    assert 30 < sum(pair.positive for pair in pairs) < 70
    for pair in pairs:
        assert pair.query.boxes_xyxy.shape == pair.search.boxes_xyxy.shape == (1, 4)
        if pair.positive:
            assert (pair.query.image == pair.search.image).all()
            np.testing.assert_array_equal(pair.search.boxes_xyxy, pair.query.boxes_xyxy + 1)
    assert any((pair.query.image != pair.search.image).any() for pair in pairs)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.data.samples import Clip
from dmtrack.data.sampling import CocoPairs, ImagePairs, RandomConcat, SequencePairs
from dmtrack.data.sampling.videos import pick_frames, valid_frames
from dmtrack.data.sources import GOT10k
from dmtrack.data.writers import WRITERS
from dmtrack.errors import ConfigError, DataError

SIZE_WH = (1000, 500)


@pytest.mark.parametrize(
    ("box", "valid"),
    [
        ((0, 0, 100, 100), True),
        ((0, 0, 10, 10), True),  # 1 % of the width exactly
        ((0, 0, 9.9, 30), False),
        ((0, 0, 750, 375), True),
        ((0, 0, 751, 375), False),
        ((0, 0, 20, 100), True),  # width / height = 0.2
        ((0, 0, 19, 100), False),
        ((0, 0, 100, 20), False),  # 5 is excluded
        ((0, 0, 99, 20), True),
        ((np.nan, np.nan, np.nan, np.nan), False),
        ((0, 0, -50, -50), False),
    ],
)
def test_valid_frames_at_the_limits(box, valid):
    assert valid_frames(np.array([box], dtype=float), SIZE_WH).tolist() == [valid]


def test_cover_limits():
    boxes = np.tile([0.0, 0, 100, 100], (5, 1))
    assert valid_frames(boxes, SIZE_WH, np.array([0, 1, 2, 3, 8]) / 8).tolist() == [False, False, False, True, True]
    assert valid_frames(boxes, SIZE_WH, np.array([0, 1, 2, 2, 2]) / 8).tolist() == [False, False, True, True, True]


boxes_strategy = st.lists(
    st.tuples(*[st.floats(-2000, 2000) | st.just(float("nan")) for _ in range(4)]), min_size=1, max_size=30
).map(lambda rows: np.array(rows, dtype=float))


@given(boxes=boxes_strategy, width=st.integers(8, 4000), height=st.integers(8, 4000))
def test_valid_boxes_obey_every_rule_whatever_the_neighbours(boxes, width, height):
    mask = valid_frames(boxes, (width, height))
    for box, valid in zip(boxes, mask, strict=True):
        alone = valid_frames(box[None], (width, height))[0]
        assert valid == alone
        if valid:
            assert box[2] * box[3] > 20 and box[2:].min() >= 10 and box[2:].max() <= 960
            assert 0.01 * width <= box[2] <= 0.75 * width and 0.01 * height <= box[3] <= 0.75 * height
            assert 0.2 <= box[2] / box[3] < 5


@given(valid=st.lists(st.booleans(), max_size=60), max_gap=st.integers(1, 60), seed=st.integers(0, 1000))
def test_picked_frames_are_valid_distinct_and_in_order(valid, max_gap, seed):
    mask = np.array(valid, dtype=bool)
    picked = pick_frames(mask, max_gap, np.random.default_rng(seed), tries=2000)
    if mask.sum() < 2:
        assert picked is None
        return
    first, last = picked
    assert first < last and mask[first] and mask[last]
    if np.diff(np.flatnonzero(mask)).min() <= max_gap:
        assert last - first <= max_gap


def test_gap_is_given_up_where_no_pair_obeys_it():
    mask = np.zeros(1000, dtype=bool)
    mask[[0, 999]] = True
    assert pick_frames(mask, 300, np.random.default_rng(0)) == (0, 999)


def test_sequence_pairs_from_a_dataset_on_disk(tmp_path, sequence_maker):
    written = [sequence_maker(f"s{number}", 12, seed=number, absent=(3,)) for number in range(3)]
    WRITERS["got10k"](written, tmp_path)
    sampler = SequencePairs({"type": "GOT10k", "root": str(tmp_path), "split": "val"}, max_gap=4)
    for seed in range(20):
        pair = sampler.sample(np.random.default_rng(seed))
        again = sampler.sample(np.random.default_rng(seed))
        np.testing.assert_array_equal(pair.query.image, again.query.image)
        np.testing.assert_array_equal(pair.search.boxes_xyxy, again.search.boxes_xyxy)
        assert pair.query.image.shape == (48, 64, 3) and len(pair.query.boxes_xyxy) == 1
        rows = np.concatenate([s.boxes_xywh for s in GOT10k(tmp_path, "val")])
        gap = [
            np.nanargmin(np.abs(rows[:, :2] - boxes[0, :2]).sum(1))
            for boxes in (pair.query.boxes_xyxy, pair.search.boxes_xyxy)
        ]
        assert 0 < gap[1] - gap[0] <= 4, "the query is the earlier frame of the same sequence, at most 4 before"


def test_sequences_without_two_valid_frames_are_skipped_and_then_an_error(sequence_maker):
    good, bad = sequence_maker("good", 4), sequence_maker("bad", 4, absent=(0, 1, 2))
    pair = SequencePairs([bad, good]).sample(np.random.default_rng(0))
    assert len(pair.query.boxes_xyxy) == 1
    with pytest.raises(DataError, match="fewer than two valid frames"):
        SequencePairs([bad]).sample(np.random.default_rng(0))
    with pytest.raises(DataError, match="no sequences"):
        SequencePairs([])


def test_objects_of_a_video_are_paired_where_both_frames_have_them(sequence_maker, tracks_by_id):
    one = sequence_maker("one", 2)
    boxes = np.array(
        [[[1, 1, 20, 20], [2, 2, 20, 20]], [[5, 5, 12, 14], [np.nan] * 4], [[8, 3, 15, 15], [30, 20, 15, 15]]],
        dtype=float,
    )
    several = replace(one.video, tracks=tracks_by_id(boxes))
    pair = SequencePairs([several]).sample(np.random.default_rng(0))
    np.testing.assert_array_equal(pair.query.boxes_xyxy, [[1, 1, 21, 21], [8, 3, 23, 18]])
    np.testing.assert_array_equal(pair.search.boxes_xyxy, [[2, 2, 22, 22], [30, 20, 45, 35]])


def test_image_pairs_leave_out_crowds_slivers_and_small_images(tmp_path, sequence_maker):
    WRITERS["coco"]([sequence_maker("a", 3)], tmp_path)
    path = tmp_path / "annotations/instances_train2017.json"
    text = path.read_text().replace('"iscrowd": 0', '"iscrowd": 1', 1)
    path.write_text(text)
    sampler = CocoPairs(tmp_path)
    assert len(sampler) == 2
    pair = sampler.sample(np.random.default_rng(0))
    np.testing.assert_array_equal(pair.query.boxes_xyxy, pair.search.boxes_xyxy)
    assert isinstance(ImagePairs({"type": "Coco", "root": str(tmp_path)}), ImagePairs)
    path.write_text(text.replace('"width": 64', '"width": 31'))
    with pytest.raises(DataError, match="none of its 3 images"):
        CocoPairs(tmp_path)


class Constant:
    def __init__(self, value: int) -> None:
        self.image = np.full((8, 8, 3), value, np.uint8)

    def __len__(self) -> int:
        return 7

    def sample(self, rng, image_size_wh=None):
        box = np.array([[1.0, 1, 5, 5]])
        return Clip.pair(self.image, self.image, box, box)


def test_random_concat_draws_by_normalised_probability():
    sampler = RandomConcat([Constant(0), Constant(1)], probabilities=[1, 3])
    values = [sampler.sample(np.random.default_rng([5, index])).query.image[0, 0, 0] for index in range(2000)]
    assert np.mean(values) == pytest.approx(0.75, abs=0.03)
    assert len(sampler) == 14
    assert RandomConcat([Constant(0), Constant(1)]).probabilities.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("count", "probabilities"), [(0, None), (2, [1.0]), (2, [1, -1]), (2, [0, 0])])
def test_random_concat_refuses_nonsense(count, probabilities):
    with pytest.raises(ConfigError, match="RandomConcat"):
        RandomConcat([Constant(0)] * count, probabilities)

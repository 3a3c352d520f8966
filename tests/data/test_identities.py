"""Which object is which, from the tracks of a data set to a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dmtrack.data.batches import ClipEncoder
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.recipes import build_recipe
from dmtrack.data.samples import Clip
from dmtrack.data.sampling import RandomConcat, SequencePairs
from dmtrack.data.transforms import LimitInstances, RandomCrop


def numbered(count: int = 4) -> Clip:
    """Instances that lie side by side, with identities 10, 11, ..."""
    left = np.arange(count) * 40.0
    boxes = np.stack([left, np.full(count, 30.0), left + 30, np.full(count, 60.0)], axis=1)
    image = np.zeros((90, 40 * count, 3), np.uint8)
    return Clip.pair(image, image, boxes, boxes.copy(), np.arange(10, 10 + count))


def test_tracks_are_counted_through_sequences_and_samplers(sequence_maker, tracks_by_id):
    plain = SequencePairs([sequence_maker("a", 4), sequence_maker("b", 4, seed=1)])
    one = sequence_maker("c", 2)
    boxes = np.tile([[[1.0, 1, 20, 20]], [[8, 3, 15, 15]], [[30, 20, 15, 15]]], (1, 2, 1))
    several = replace(one.video, tracks=tracks_by_id(boxes))
    crowd = SequencePairs([several, several])
    assert (plain.identity_count, crowd.identity_count) == (2, 6)
    both = RandomConcat([plain, crowd])
    assert both.identity_count == 8
    seen = {tuple(both.sample(np.random.default_rng(seed)).query.identities.tolist()) for seed in range(60)}
    assert seen == {(0,), (1,), (2, 3, 4), (5, 6, 7)}


def test_a_video_with_other_tracks_than_expected_has_unknown_identities(sequence_maker, tracks_by_id):
    one = sequence_maker("a", 2)
    boxes = np.tile([[[1.0, 1, 20, 20]], [[8, 3, 15, 15]]], (1, 2, 1))
    two = replace(one.video, tracks=tracks_by_id(boxes))
    sampler = RandomConcat([SequencePairs([one, two])])
    seen = {tuple(sampler.sample(np.random.default_rng(seed)).query.identities.tolist()) for seed in range(20)}
    assert seen == {(0,), (-1, -1)}


@pytest.mark.parametrize("recipe", ["fixed", "reference"])
def test_augmentation_keeps_every_identity_with_its_boxes(recipe):
    steps = [*build_recipe(recipe, Preprocessing(inclusive_boxes=True)), RandomCrop(), LimitInstances(2)]
    counts = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        pair = numbered()
        # A colour per instance says after augmentation which one a box shows.
        for row, box in enumerate(pair.query.boxes_xyxy.astype(int)):
            pair.query.image[box[1] : box[3], box[0] : box[2]] = 60 * (row + 1)
        for step in steps:
            if "Photometric" not in type(step).__name__:
                pair = step(pair, rng)
        assert (
            len(pair.query.identities)
            == len(pair.search.identities)
            == len(pair.query.boxes_xyxy)
            == len(pair.search.boxes_xyxy)
        )
        counts.add(len(pair.query.identities))
        for identity, box in zip(pair.query.identities, pair.query.boxes_xyxy, strict=True):
            x, y = ((box[:2] + box[2:]) / 2).astype(int)
            assert abs(float(pair.query.image[y, x, 0]) - 60 * (identity - 9)) < 10
    assert max(counts) == 2


def test_batches_carry_identities_and_say_where_they_are_unknown():
    without = numbered(2).map(lambda sample: replace(sample, identities=None))
    batch = ClipEncoder(Preprocessing()).collate([numbered(3), without])
    assert batch.query.identities.tolist() == [10, 11, 12, -1, -1]
    assert batch.to("cpu").search.identities.tolist() == [10, 11, 12, -1, -1]
    batch.query.identities = None
    assert batch.to("cpu").query.identities is None

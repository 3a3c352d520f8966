from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.errors import ConfigError
from dmtrack.models.siamrpn import SiamesePreprocessing
from dmtrack.models.siamrpn.crops import crop, crop_sides
from dmtrack.models.siamrpn.decoding import Decoded, SearchParameters
from dmtrack.running.one_sequence import track_sequence
from dmtrack.search.sharing import Lattice, SharedOutputs, crop_key, realigned
from dmtrack.tracking.siamrpn import LongTerm

PARAMETERS = [
    {"penalty_k": penalty, "window_influence": window, "lr": lr}
    for penalty in (0.02, 0.3) for window in (0.2, 0.5) for lr in (0.2, 0.4)
]  # fmt: skip
FRAME = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)


def full_run(tracker, sequence, parameters):
    tracker.parameters = SearchParameters(**parameters)
    return track_sequence(tracker, sequence).boxes_xywh


def test_equal_crops_give_the_boxes_of_full_runs_to_the_last_bit(tracker, sequences):
    shared = SharedOutputs(tracker)
    for parameters in PARAMETERS:
        for sequence in sequences:
            np.testing.assert_array_equal(
                shared.track(sequence, parameters).boxes_xywh, full_run(tracker, sequence, parameters)
            )
    assert 0 < shared.computed < shared.asked == 8 * 4 * 11
    passes = tracker.model.passes
    again = shared.computed
    shared.track(sequences[0], PARAMETERS[0])
    assert (tracker.model.passes, shared.computed) == (passes, again)


def test_long_term_mode_is_shared_exactly_too(tracker, sequences):
    tracker.long_term = LongTerm(0.9, 0.95, lost_search_size=255)
    shared = SharedOutputs(tracker)
    for parameters in PARAMETERS[:3]:
        expected = full_run(tracker, sequences[1], parameters)
        np.testing.assert_array_equal(shared.track(sequences[1], parameters).boxes_xywh, expected)


def test_a_tolerance_shares_more_and_stays_near(tracker, sequences):
    exact, near = SharedOutputs(tracker), SharedOutputs(tracker, tolerance_px=4)
    for parameters in PARAMETERS:
        for sequence in sequences:
            boxes = [shared.track(sequence, parameters).boxes_xywh for shared in (exact, near)]
            assert np.abs(boxes[0] - boxes[1])[:, :2].max() < 8
    assert near.computed < 0.7 * exact.computed
    assert near.facts["hit_rate"] == 1 - near.computed / near.asked


def test_little_memory_forgets_but_stays_right(tracker, sequences):
    shared = SharedOutputs(tracker, memory_bytes=300_000)
    for parameters in PARAMETERS[:2]:
        expected = full_run(tracker, sequences[0], parameters)
        np.testing.assert_array_equal(shared.track(sequences[0], parameters).boxes_xywh, expected)
    assert shared.forgotten > 0 and shared._bytes <= 300_000


@settings(max_examples=60)
@given(
    x=st.floats(-20, 100), y=st.floats(-20, 80), move=st.tuples(*[st.floats(-0.7, 0.7)] * 2),
    side=st.integers(3, 60), flavour=st.sampled_from(["pysot", "mmtracking"]),
)  # fmt: skip
def test_crops_of_one_key_are_equal_in_every_pixel(x, y, move, side, flavour):
    preprocessing = SiamesePreprocessing(flavour)
    centres = np.array([x, y]), np.array([x, y]) + move
    keys = [crop_key(centre, side, 31, preprocessing) for centre in centres]
    first, second = (crop(FRAME, centre, side, 31, np.array([7.5, 99, 3]), preprocessing) for centre in centres)
    if keys[0] == keys[1]:
        np.testing.assert_array_equal(first, second)


@settings(max_examples=100)
@given(
    centre=st.tuples(st.floats(0, 1000), st.floats(0, 1000)),
    size=st.tuples(st.floats(10, 500), st.floats(10, 500)),
    tolerance=st.floats(1, 16),
)
def test_the_lattice_keeps_its_tolerance(centre, size, tolerance):
    preprocessing, box = SiamesePreprocessing(), np.array([*centre, *size])
    _, region = Lattice(tolerance).snap(box, 255, preprocessing)
    snapped = crop_sides(region[2:], preprocessing)[1]
    side = crop_sides(box[2:], preprocessing)[1]
    zoom = 255 / snapped
    assert np.abs(region[:2] - box[:2]).max() * zoom <= tolerance + 1e-6
    # Each border by the change of size; sides are rounded to whole pixels of the frame.
    assert abs(side - snapped) / 2 * zoom <= tolerance + zoom


def test_realigned_boxes_keep_their_place_in_the_frame():
    preprocessing = SiamesePreprocessing()
    box, region = np.array([100.0, 50, 40, 30]), np.array([104.0, 47, 36, 36])
    seen = Decoded(np.ones(1, np.float32), np.array([[10, -6, 60, 70]], np.float32), 25)

    def in_frame(decoded, around):
        zoom = 127 / np.sqrt((around[2] + around[2:].sum() / 2) * (around[3] + around[2:].sum() / 2))
        return decoded.boxes_cxcywh[0] / zoom + np.array([*around[:2], 0, 0])

    moved = realigned(seen, region, box, preprocessing)
    np.testing.assert_allclose(in_frame(moved, box), in_frame(seen, region), rtol=1e-5)


def test_bad_values_are_one_sentence(tracker, sequences):
    with pytest.raises(ConfigError, match="--sharing-tolerance -1: expected a number of pixels from 0 up"):
        SharedOutputs(tracker, -1)
    with pytest.raises(ConfigError, match="searched for penalty_k, window_influence, lr alone"):
        SharedOutputs(tracker).track(sequences[0], {"speed": 3})
    with pytest.raises(ConfigError, match=r"lr is 1\.5"):
        SharedOutputs(tracker).track(sequences[0], {"lr": 1.5})

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dmtrack.boxes import xyxy_to_xywh
from dmtrack.data.benchmarks import open_benchmark
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol, get_protocol, protocols_of, register
from dmtrack.evaluation.results import SequenceResult
from dmtrack.evaluation.scoring import combine, score_result, score_sequence

names = st.sampled_from(sorted(protocols_of(Protocol)))


@pytest.mark.parametrize("case", ["eval_41", "eval_42"])
def test_reference_evaluator_is_reproduced(shared_folder, case):
    golden = np.load(shared_folder / "golden" / "dmtrack" / "dev" / f"{case}.npz")
    protocol = get_protocol({21: "dmtrack-paper", 101: "dmtrack-paper-101"}[int(golden["nbins"])])
    truth = xyxy_to_xywh(golden["anno"], inclusive=True)
    predicted = xyxy_to_xywh(golden["pred"], inclusive=True)
    score = score_sequence(protocol, case, truth, np.ones(len(truth), bool), predicted)
    np.testing.assert_array_equal(score.counted, golden["mask"])
    np.testing.assert_allclose(score.iou, golden["iou"], atol=1e-6)
    np.testing.assert_allclose(score.center_distance, golden["center_error"], atol=1e-6)
    np.testing.assert_allclose(score.observed.success, golden["succ_curve"], atol=1e-6)
    np.testing.assert_allclose(score.observed.precision, golden["prec_curve"], atol=1e-6)
    assert score.scores["success"] == pytest.approx(float(golden["success_score"]), abs=1e-6)
    assert score.scores["precision"] == pytest.approx(float(golden["precision_20"]), abs=1e-6)
    assert score.scores["success_rate"] == pytest.approx(float(golden["success_rate"]), abs=1e-6)


@given(names, st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_a_perfect_tracker_gets_the_documented_value(name, frames, seed):
    random = np.random.default_rng(seed)
    truth = np.concatenate([random.uniform(1, 500, (frames, 2)), random.uniform(2, 200, (frames, 2))], axis=1)
    truth = np.round(truth)  # whole pixels, which rounding keeps
    present = random.random(frames) < 0.7
    present[[0, -1]] = True
    truth[~present] = np.nan
    protocol = get_protocol(name)
    for flagged in (True, False):
        score = score_sequence(
            protocol, "s", truth, present, np.nan_to_num(truth), flagged=flagged, image_size_wh=(800, 800)
        )
        # The last of the thresholds is never exceeded where the comparison is strict; frames that a rule makes misses
        # or measures although they have no true box are never hit.
        count = len(protocol.success_thresholds)
        seen = present[score.counted].mean()
        assert score.scores["success"] == pytest.approx(seen * (count - protocol.success_strict) / count)
        hit_by_rule = (score.center_distance == -1).mean()
        if protocol.precision_thresholds:
            assert score.scores["precision"] == pytest.approx(seen + hit_by_rule)
        assert score.scores.get("ao", seen) == pytest.approx(seen)
        assert score.scores.get("sr75", seen) == pytest.approx(seen)


@given(
    names, arrays(np.float64, st.tuples(st.integers(0, 5), st.just(4)), elements=st.floats(allow_nan=True, width=32))
)
@pytest.mark.filterwarnings("error")
def test_nothing_to_count_is_left_out_without_dividing_by_zero(name, results):
    protocol = get_protocol(name)
    absent = score_sequence(protocol, "absent", np.full(results.shape, np.nan), np.zeros(len(results), bool), results)
    single = score_sequence(protocol, "single", [[5, 5, 9, 9]], [True], [[5, 5, 9, 9]])
    seen = score_sequence(protocol, "seen", [[5, 5, 9, 9]] * 3, [True] * 3, [[5, 5, 9, 9]] * 3)
    counts_absent, counts_first = absent.counted.any(), protocol.first_frame != "skipped"
    assert all(np.isnan(value) != counts_absent for value in absent.scores.values())
    if counts_absent:
        assert absent.scores["success"] == 0 and absent.scores["precision"] in (0, 1)
    total = combine(protocol, "t", "b", [absent, single, seen])
    assert ("absent" in total.uncounted, "single" in total.uncounted) == (not counts_absent, not counts_first)
    if not counts_absent:
        assert total.scores == pytest.approx(dict(seen.scores))
    assert not any(np.isnan(value) for value in total.scores.values())
    assert np.isnan(combine(protocol, "t", "b", []).scores["success"])


@given(names, st.integers(1, 40), st.integers(0, 2**32 - 1))
@pytest.mark.filterwarnings("error")
def test_any_boxes_get_scores_between_zero_and_one(name, frames, seed):
    random = np.random.default_rng(seed)
    truth = random.uniform(-20, 90, (frames, 4))
    results = truth + random.normal(0, 20, truth.shape)
    for boxes in (truth, results):
        boxes[random.random(frames) < 0.2] = random.choice([np.nan, 0.0, -1.0])
    results[random.random(frames) < 0.1] = np.inf
    present = random.random(frames) < 0.8
    score = score_sequence(get_protocol(name), "s", truth, present, results, first_pixel=1, image_size_wh=(80, 60))
    assert len(score.iou) == len(score.center_distance) == score.counted.sum()
    assert all(0 <= value <= 1 for value in score.scores.values()) or not score.counted.any()


def test_rules_of_the_headline_protocol():
    truth = [[10, 10, 20, 20], [10, 10, 20, 20], [np.nan] * 4, [0, 0, 20, 20]]
    results = [[0, 0, 1, 1], [10, 10, 20, 10], [5, 5, 5, 5], [0, 0, 20, 20]]
    score = score_sequence(get_protocol("dmtrack-visible"), "s", truth, [True, True, False, True], results)
    np.testing.assert_array_equal(score.counted, [False, True, False, True])
    # IoU 0.5 exceeds thresholds 0 to .45 (10 of 21), IoU 1 all but the last (20 of 21).
    assert score.scores["success"] == pytest.approx((10 + 20) / 2 / 21)


def test_paper_protocol_drops_frames_at_the_border_and_counts_the_first():
    truth = [[10, 10, 20, 20], [0, 5, 20, 20], [5, 5, 20, 20]]
    score = score_sequence(get_protocol("dmtrack-paper"), "s", truth, [True] * 3, np.full((3, 4), np.nan))
    np.testing.assert_array_equal(score.counted, [True, False, True])
    assert score.scores["success_rate"] == 0.5


def test_lengths_must_agree():
    with pytest.raises(EvaluationError, match="'s': 2 result boxes for 3 frames"):
        score_sequence(get_protocol("dmtrack-visible"), "s", np.ones((3, 4)), np.ones(3, bool), np.ones((2, 4)))


def test_speed_is_the_mean_of_frame_rates():
    boxes = [[1, 1, 5, 5]] * 2
    score = score_sequence(get_protocol("dmtrack-visible"), "s", boxes, [True] * 2, boxes, [0.1, 0.05])
    assert score.frames_per_second == pytest.approx(15)


def test_protocols_are_found_by_name():
    with pytest.raises(EvaluationError, match="did you mean 'dmtrack-paper'"):
        get_protocol("dmtrack-papr")
    with pytest.raises(EvaluationError, match="two different protocols"):
        register(dataclasses.replace(get_protocol("dmtrack-paper"), precision_at=10.0))
    with pytest.raises(EvaluationError, match="none of the protocol's 51 thresholds"):
        register(dataclasses.replace(get_protocol("dmtrack-paper"), name="mine", precision_at=10.5))


def lasot_score(root, protocol, results):
    sequence = open_benchmark("lasot", root, images=False)["cup-9"]
    return sequence, score_result(get_protocol(protocol), sequence, SequenceResult(results(sequence)))


def test_case_of_an_invalid_box_that_no_flag_marks(shared_folder):
    case = shared_folder / "cases" / "invalid_unflagged_box"
    boxes = np.loadtxt(case / "results" / "cup-9.txt", delimiter=",") - [1, 1, 0, 0]
    sequence, score = lasot_score(case / "annos", "lasot-official", lambda _: boxes)
    assert score.scores["precision"] == score.scores["normalized_precision"] == 1
    assert round(score.scores["success"], 4) == 0.9048
    assert not sequence.present[10] and sequence.labelled_present[10]


@pytest.mark.parametrize(
    "box", ["613,731,247,-11", "1,1,-1,-1", "30,30,0,20", "30,30,20,0", "0,0,0,0", "nan,nan,nan,nan"]
)
@pytest.mark.parametrize("flag", [0, 1])
def test_only_labels_make_a_frame_absent(box, flag, tmp_path):
    """LaSOT's toolkit: an invalid box is no overlap, but a hit by distance where no flag is set."""
    (tmp_path / "absent").mkdir()
    lines = [f"{10 + 2 * frame},20,30,40" for frame in range(10)]
    lines[4] = box
    (tmp_path / "cup-9.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "absent" / "cup-9.txt").write_text("\n".join(str(flag * (frame == 4)) for frame in range(10)))
    (tmp_path / "testing_set.txt").write_text("cup-9\n")
    far = [100.0, 100, 30, 40]
    _, score = lasot_score(
        tmp_path, "lasot-official", lambda sequence: np.where(sequence.present[:, None], sequence.boxes_xywh, far)
    )
    assert score.scores["precision"] == pytest.approx(1 - 0.1 * flag)
    assert score.scores["success"] == pytest.approx(0.9 * 20 / 21)

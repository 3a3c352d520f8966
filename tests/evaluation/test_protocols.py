"""Each rule, on boxes small enough to count by hand."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures import one_pass
from dmtrack.evaluation.measures.frames import apply_rules
from dmtrack.evaluation.protocols import (
    DMTRACK_VISIBLE,
    PROTOCOLS,
    CurveMeasure,
    Protocol,
    get_protocol,
    protocols_of,
    register,
)
from dmtrack.evaluation.protocols.describing import RULES, describe_rule
from dmtrack.evaluation.scoring import combine, score_sequence

NAN = [np.nan] * 4
BOX = [10.0, 10.0, 20.0, 20.0]


def score(name, truth, results, present=None, **facts):
    protocol = get_protocol(name) if isinstance(name, str) else name
    return score_sequence(protocol, "s", truth, [True] * len(truth) if present is None else present, results, **facts)


def test_absent_frames_are_a_miss_or_dropped_or_measured():
    truth, results, present = [BOX, BOX, NAN, NAN], [BOX] * 4, [True, True, False, False]
    for name, precision in {"lasot-official": 0.5, "pysot": 0.5, "tlp": 1.0, "dmtrack-visible": 1.0}.items():
        assert score(name, truth, results, present).scores["precision"] == precision
    assert score("got10k", truth, results, present).scores["ao"] == 1.0


@pytest.mark.parametrize(
    ("name", "precision", "normalized"),
    [("uav123-official", 1, None), ("pytracking-uav123", 1, 1), ("pytracking", 0.5, 1), ("pysot", 1, 1)],
)
def test_frames_without_annotation_are_hits_by_rule(name, precision, normalized):
    scores = score(name, [BOX, NAN], [BOX, BOX], [True, False], flagged=False).scores
    assert scores["precision"] == precision
    assert scores.get("normalized_precision") == normalized
    assert scores["success"] == pytest.approx(10 / 21)


def test_the_got10k_toolkit_drops_what_uav123_does_not_annotate():
    scores = score("got10k-toolkit-uav123", [BOX, NAN], [BOX, BOX], [True, False], flagged=False).scores
    assert scores["success"] == pytest.approx(20 / 21) and scores["precision"] == 1


def test_boxes_at_the_border_in_the_benchmarks_own_pixel_numbers():
    truth = [BOX, [0, 10, 20, 20]]  # 0-based; in a file that counts from 1 its left is 1
    assert score("lasot-official", truth, truth, first_pixel=1).scores["success"] == pytest.approx(20 / 21)
    assert score("lasot-official", truth, truth, first_pixel=0).scores["success"] == pytest.approx(10 / 21)
    outside = [BOX, [-15, 10, 20, 20]]  # the centre is at -5
    assert score("pysot", outside, [BOX, [80, 80, 20, 20]]).scores["precision"] == 1
    assert score("otb-official", outside, [BOX, [80, 80, 20, 20]]).scores["precision"] == 0.5


def test_invalid_results_are_replaced_by_the_last_valid_one():
    results = [[90, 90, 20, 20], NAN, [0, 0, 0, 5], BOX, [5, 5, -3, 8]]
    ruled = apply_rules(get_protocol("lasot-official"), [BOX] * 5, [True] * 5, results)
    np.testing.assert_array_equal(ruled.results_xywh, [BOX, results[0], results[0], BOX, BOX])
    np.testing.assert_array_equal(ruled.replaced, [False, True, True, False, True])
    ruled = apply_rules(get_protocol("pytracking"), [BOX] * 5, [True] * 5, results)
    np.testing.assert_array_equal(ruled.replaced, [False, False, True, False, False])
    unannotated = apply_rules(get_protocol("uav123-official"), [BOX, NAN], [True, False], [BOX, NAN], flagged=False)
    assert not unannotated.replaced.any()


def test_first_frame_skipped_truth_or_given():
    wrong_first = [[200, 200, 5, 5], BOX]
    values = {name: score(name, [BOX, BOX], wrong_first).scores["precision"] for name in ("pysot", "lasot-official")}
    assert values == {"pysot": 0.5, "lasot-official": 1.0}
    assert score("dmtrack-visible", [BOX, BOX], wrong_first).counted.tolist() == [False, True]


def test_trackingnet_rounds_and_integrates():
    truth, results = [BOX, BOX], [BOX, [10.4, 9.6, 20.4, 19.6]]
    scores = score("trackingnet-official", truth, results).scores
    assert scores == pytest.approx(dict.fromkeys(scores, 1.0))
    # One frame 10 px off: precise at 17 of 21 thresholds, from the fifth on; by trapezoids (16.5 / 20).
    far = score("trackingnet-official", [BOX, BOX], [BOX, [20, 10, 20, 20]]).scores["precision"]
    assert far == pytest.approx((1 + 16.5 / 20) / 2)


def test_got10k_clips_pools_frames_and_reads_cover():
    # Beyond the right border of an image of 25 px only the inner part of both boxes is compared.
    clipped = score("got10k", [BOX, BOX], [BOX, [10, 10, 60, 20]], image_size_wh=(25, 40)).scores
    assert clipped["ao"] == 1.0 and clipped["sr75"] == 1.0
    assert score("got10k", [BOX, BOX], [BOX, [10, 10, 60, 20]]).scores["ao"] == pytest.approx(1 / 3)
    hidden = score("got10k", [BOX] * 3, [BOX, BOX, [90, 90, 5, 5]], cover=[8, 8, 0])
    assert hidden.counted.tolist() == [False, True, False] and hidden.scores["ao"] == 1.0
    long, short = score("got10k", [BOX] * 4, [BOX] * 4), score("got10k", [BOX] * 2, [BOX, [90, 90, 5, 5]])
    assert combine(get_protocol("got10k"), "t", "b", [long, short]).scores["ao"] == pytest.approx(3 / 4)


def test_sequences_that_are_zero_everywhere_are_left_out():
    # In the toolkits' files the first frame counts with the true box, so only an absent target gives a zero curve.
    lost = score("lasot-official", [NAN, NAN], [BOX] * 2, [False, False])
    good = score("lasot-official", [BOX] * 2, [BOX] * 2)
    assert combine(get_protocol("lasot-official"), "t", "b", [lost, good]).scores["precision"] == 1
    assert combine(get_protocol("lasot-official"), "t", "b", [lost]).scores["precision"] == 0
    lost, good = (replace(item) for item in (lost, good))
    assert combine(get_protocol("pytracking"), "t", "b", [lost, good]).scores["precision"] == 0.5


def test_normalised_precision_of_the_got10k_toolkit_has_a_smallest_side():
    truth = [BOX, [10, 10, 0, 0]]
    scores = score("got10k-toolkit", truth, truth).scores
    assert scores["normalized_precision"] == 1.0
    assert score("pysot", truth, [BOX, [10, 10, 0, 0]]).scores["normalized_precision"] == 0.5


def test_negative_sizes_of_results():
    results = [BOX, [40, 20, -40, 0]]  # centre at 20 as it stands, at 40 where -40 counts as 0
    assert score(replace(DMTRACK_VISIBLE, name="a"), [BOX] * 2, results).center_distance == pytest.approx([20])
    kept = replace(DMTRACK_VISIBLE, name="b", negative_sizes="kept")
    assert score(kept, [BOX] * 2, results).center_distance == pytest.approx([0])


def test_longest_run():
    iou = np.array([1, 1, 0, 1, 0, 0, 1, np.nan])
    assert one_pass.longest_run(iou, 1.0) == 2 / 8
    assert one_pass.longest_run(iou, 0.75) == 4 / 8
    assert one_pass.longest_run(np.ones(7), 0.95) == 1
    assert one_pass.longest_run(np.zeros(3), 0.95) == 0
    assert np.isnan(one_pass.longest_run([], 0.95))
    random = np.random.default_rng(3).random(200)
    for share in (0.3, 0.5, 0.95):
        runs = [j - i for i in range(200) for j in range(i, 201) if (random[i:j] > 0.5).sum() >= share * (j - i) - 1e-9]
        assert one_pass.longest_run(random, share) == max(runs) / 200


def test_every_rule_of_every_protocol_can_be_read():
    named = {field for group in RULES.values() for field in group}
    assert named == {field.name for field in fields(Protocol)} - {"name", "description", "source"}
    for protocol in protocols_of(Protocol).values():
        assert protocol.source and protocol.description
        assert all(describe_rule(protocol, rule) for rule in RULES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first_frame": "skiped"}, "first_frame='skiped' is unknown; known: skipped, truth, given"),
        ({"distance_condition": "centre"}, "distance_condition='centre' is unknown"),
        ({"measures": (CurveMeasure("a", "A", "success", "mean"),) * 2}, "the same key"),
        ({"measures": (CurveMeasure("a", "A", "success", "median"),)}, "reading 'median' of 'a' is unknown"),
        ({"measures": (CurveMeasure("a", "A", "success", "longest-run"),)}, "needs a share"),
        ({"success_thresholds": ()}, None),
        (
            {"precision_thresholds": (), "measures": (CurveMeasure("p", "P", "precision", "mean"),)},
            "'precision', which has no thresholds",
        ),
    ],
)
def test_impossible_protocols_are_refused(changes, message):
    protocol = replace(DMTRACK_VISIBLE, name="impossible", **changes)
    if message is None:
        assert "success" not in register(protocol).headings()
        PROTOCOLS.pop("impossible")
        return
    with pytest.raises(EvaluationError, match=message):
        register(protocol)

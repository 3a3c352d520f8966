"""Long-term measures: precision and recall over confidences, and reports of presence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.long_term import (
    LongTermRun,
    PresenceCounts,
    best_geometric_mean,
    confidence_thresholds,
    count_presence,
    precision_recall,
    score_long_term,
    score_presence,
)
from dmtrack.evaluation.measures.overlap import region_overlaps
from dmtrack.evaluation.protocols.challenges import OXUVA, VOT_LT, VOT_LT_PYSOT

NAN = float("nan")
BOX, AWAY = [20.0, 20.0, 40.0, 40.0], [100.0, 100.0, 30.0, 30.0]
NONE = [NAN] * 4
START = [1.0, NAN, NAN, NAN]
SIZE = (200, 160)


def run(truth, results, confidence):
    return LongTermRun("s", np.array(truth), np.array(results), np.array(confidence), SIZE)


def test_precision_recall_and_f_by_hand():
    # Surest: right; then wrong place; then the target is absent; then right.
    lasting = run([BOX, BOX, BOX, NONE, BOX], [START, BOX, AWAY, BOX, BOX], [NAN, 0.9, 0.8, 0.7, 0.6])
    score = score_long_term(VOT_LT, [lasting])
    assert score.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.6, -np.inf]
    assert score.precision == pytest.approx([1, 1, 1 / 2, 1 / 3, 2 / 4, 2 / 4])
    assert score.recall == pytest.approx([0, 1 / 4, 1 / 4, 1 / 4, 2 / 4, 2 / 4])
    assert score.scores == pytest.approx({"f_score": 0.5, "precision": 0.5, "recall": 0.5}) and score.best == 4


def test_a_confidence_that_is_no_number():
    lasting = run([BOX] * 3, [START, BOX, BOX], [NAN, 0.5, NAN])
    thresholds = np.array([-0.5, -np.inf])
    assert precision_recall(VOT_LT, lasting, thresholds)[0] == pytest.approx([1, 1])
    # PySOT counts NaN as 0, and the lowest threshold asks for more than 0.
    assert precision_recall(VOT_LT_PYSOT, lasting, thresholds)[0] == pytest.approx([2 / 3, 1])


def test_a_perfect_tracker_and_none_at_all():
    perfect = run([BOX, BOX, NONE, BOX], [BOX, BOX, AWAY, BOX], [1, 0.9, 0.1, 0.8])
    assert score_long_term(VOT_LT, [perfect]).scores["f_score"] == pytest.approx(1)
    for protocol in (VOT_LT, VOT_LT_PYSOT):
        never = run([NONE] * 3, [BOX] * 3, [0.5] * 3)
        one = run([BOX], [START], [NAN])
        empty = run(np.zeros((0, 4)), np.zeros((0, 4)), [])
        assert np.isnan(score_long_term(protocol, [never]).scores["f_score"])
        assert score_long_term(protocol, [one]).scores["f_score"] == 0
        assert np.isnan(score_long_term(protocol, []).scores["f_score"])
        assert np.isnan(score_long_term(protocol, [empty]).scores["f_score"])
    # A sequence without target has a precision, but no recall to average.
    assert score_long_term(VOT_LT, [perfect, run([NONE] * 2, [BOX] * 2, [0.0, 0.0])]).scores["recall"] == 1


def test_the_ranks_of_thresholds():
    confidences = np.arange(1000.0)
    official, pysot = (confidence_thresholds(confidences, 100, ranks) for ranks in ("vot-toolkit", "pysot"))
    assert len(official) == len(pysot) == 100
    assert official[[1, -2]].tolist() == [989, 9] and pysot[[1, -2]].tolist() == [990, 9]
    assert (np.diff(official) < 0).all() and (np.diff(pysot) < 0).all()


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([BOX, NONE]),
            st.sampled_from([BOX, AWAY, NONE, [30.0, 30.0, 40.0, 40.0]]),
            st.sampled_from([NAN, 0.0, 0.25, 0.5, 1.0]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_curves_equal_a_loop_over_thresholds(frames):
    truth, results, confidence = (np.array(column) for column in zip(*frames, strict=True))
    thresholds = np.array([np.inf, 1.0, 0.5, 0.3, 0.0, -np.inf])
    for protocol in (VOT_LT, VOT_LT_PYSOT):
        precision, recall = precision_recall(protocol, run(truth, results, confidence), thresholds)
        overlaps = np.nan_to_num(region_overlaps(protocol.overlap, truth, results, SIZE))
        visible = np.isfinite(truth[:, 0]).sum()
        for threshold, p, r in zip(thresholds, precision, recall, strict=True):
            reported = confidence >= threshold
            if protocol is VOT_LT_PYSOT:
                known = np.nan_to_num(confidence)
                reported = known > 0 if threshold == -np.inf else known >= threshold
            expected = overlaps[reported].mean() if reported.any() else 1.0
            np.testing.assert_allclose(p, expected, atol=1e-12)
            np.testing.assert_allclose(r, overlaps[reported].sum() / visible if visible else NAN, atol=1e-12)


def test_presence_by_hand():
    half = [20.0, 20.0, 40.0, 20.0]  # IoU is 0.5: right
    counts = count_presence(
        OXUVA,
        truth_xywh=[BOX, BOX, BOX, BOX, NONE, NONE, BOX],
        present=[True, True, True, True, False, False, True],
        results_xywh=[AWAY, half, AWAY, BOX, BOX, NONE, BOX],
        reported=[True, True, True, False, True, False, True],
        annotated=[True] * 6 + [False],
    )
    assert counts == PresenceCounts(1, 2, 1, 1)
    score = score_presence([counts, PresenceCounts(1, 0, 1, 0)])
    assert score["tpr"] == 0.5 and score["tnr"] == pytest.approx(2 / 3)
    assert score["gm"] == score["max_gm"] == pytest.approx((1 / 3) ** 0.5)
    with pytest.raises(EvaluationError, match="2, 2, 1, 2, 2 frames"):
        count_presence(OXUVA, [BOX] * 2, [True] * 2, [BOX], [True] * 2)


def test_nothing_to_report_divides_by_nothing():
    always = score_presence([PresenceCounts(4, 0, 0, 2)])
    assert always["gm"] == 0 and always["max_gm"] == pytest.approx(0.5)
    for counts in ([], [PresenceCounts(3, 1, 0, 0)], [PresenceCounts(0, 0, 2, 2)]):
        assert np.isnan(score_presence(counts)["max_gm"])
    nothing = count_presence(OXUVA, np.zeros((0, 4)), [], np.zeros((0, 4)), [])
    assert nothing == PresenceCounts() == count_presence(OXUVA, [BOX], [True], [BOX], [True])


@settings(max_examples=100)
@given(st.floats(0, 1), st.floats(0, 1))
def test_saying_absent_at_random_in_closed_form(tpr, tnr):
    p = np.linspace(0, 1, 2001)
    tried = np.sqrt((1 - p) * tpr * ((1 - p) * tnr + p)).max()
    assert tried - 1e-12 <= best_geometric_mean(tpr, tnr) <= tried + 1e-4

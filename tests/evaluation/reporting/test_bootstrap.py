from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting import paired_bootstrap
from dmtrack.evaluation.reporting.bootstrap import draw_sequences, weighted_means
from dmtrack.evaluation.reporting.loading import build_report
from dmtrack.evaluation.reporting.significance import assess
from dmtrack.evaluation.scoring import pooled_curves


def test_the_interval_of_normal_differences_is_the_one_of_the_textbook():
    random = np.random.default_rng(5)
    b = random.uniform(0.2, 0.8, 400)
    a = b + random.normal(0.03, 0.1, 400)
    interval = paired_bootstrap(a, b, rounds=4000, seed=1)
    half = 1.96 * np.std(a - b, ddof=1) / np.sqrt(400)
    assert interval.value == pytest.approx(np.mean(a - b))
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.06)
    assert interval.excludes_zero and interval.p_value < 0.01 and interval.sequences == 400


def test_nine_of_ten_intervals_hold_the_truth_at_that_level():
    random = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        differences = random.normal(0.02, 0.1, 60)
        interval = paired_bootstrap(differences, np.zeros(60), rounds=300, seed=trial, level=0.9)
        held += interval.low <= 0.02 <= interval.high
    assert 0.84 <= held / 300 <= 0.95


def test_the_same_seed_gives_the_same_interval_and_blocks_do_not_show():
    a, b = np.random.default_rng(2).uniform(size=(2, 50))
    assert paired_bootstrap(a, b, seed=3) == paired_bootstrap(a, b, seed=3)
    assert paired_bootstrap(a, b, seed=3) != paired_bootstrap(a, b, seed=4)
    draws = np.concatenate(list(draw_sequences(7, 9000, 0)))
    assert draws.shape == (9000, 7) and (draws.sum(axis=1) == 7).all()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(-0.5, 0.5))
def test_shifting_both_trackers_changes_nothing_and_swapping_them_only_the_sign(values, shift):
    b = np.array(values)
    a = b[::-1]
    one = paired_bootstrap(a, b, rounds=50)
    moved = paired_bootstrap(a + shift, b + shift, rounds=50)
    swapped = paired_bootstrap(b, a, rounds=50)
    assert (one.value, one.low, one.high) == pytest.approx((moved.value, moved.low, moved.high), abs=1e-9)
    assert (one.low, one.high) == pytest.approx((-swapped.high, -swapped.low), abs=1e-9)


def test_a_tracker_against_itself_is_no_difference():
    a = np.random.default_rng(1).uniform(size=30)
    interval = paired_bootstrap(a, a)
    assert (interval.low, interval.value, interval.high) == (0, 0, 0)
    assert not interval.excludes_zero and interval.p_value == 1


def test_uncounted_sequences_are_left_out_and_one_sequence_has_no_interval():
    interval = paired_bootstrap([0.5, np.nan, 0.7], [0.4, np.nan, 0.5], rounds=20)
    assert interval.value == pytest.approx(0.15) and interval.sequences == 2
    alone = paired_bootstrap([0.5], [0.4])
    assert alone.value == pytest.approx(0.1) and not alone.is_known and not alone.excludes_zero
    nothing = paired_bootstrap([np.nan], [np.nan])
    assert np.isnan(nothing.value) and not nothing.is_known


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(EvaluationError, match="3 numbers and 2"):
        paired_bootstrap([1, 2, 3], [1, 2])
    with pytest.raises(EvaluationError, match="number 1 is NaN for one"):
        paired_bootstrap([1, np.nan], [1, 2])
    with pytest.raises(EvaluationError, match="at least one round"):
        paired_bootstrap([1, 2], [1, 2], rounds=0)
    with pytest.raises(EvaluationError, match="share between 0 and 1"):
        paired_bootstrap([1, 2], [1, 2], level=95)
    with pytest.raises(EvaluationError, match="2 weights of at least 0"):
        paired_bootstrap([1, 2], [1, 2], weights=[1, -1])


def test_weights_make_it_the_mean_over_frames():
    interval = paired_bootstrap([1.0, 0.0], [0.0, 0.0], rounds=10, weights=[3, 1])
    assert interval.value == pytest.approx(0.75)


@pytest.mark.parametrize("name", ["dmtrack-visible", "lasot-official", "got10k", "trackingnet-official", "tlp"])
def test_every_round_is_what_scoring_the_drawn_sequences_gives(name, sequences, trackers):
    protocol = get_protocol(name)
    report = build_report("made-up", protocol, sequences, trackers)
    # One sequence of zero curves, which some protocols leave out, and one that counts for none.
    lost = report.scores[0].sequences[0]
    zeros = dataclasses.replace(
        lost.observed, success=0 * lost.observed.success, direct=dict.fromkeys(lost.observed.direct, 0.0)
    )
    items = list(report.scores[0].sequences)
    items[0] = dataclasses.replace(lost, observed=zeros, scores=zeros.scores(protocol))
    report = Report("made-up", protocol, (dataclasses.replace(report.scores[0], sequences=tuple(items)),))
    few = assess(report, rounds=25, seed=7)
    draws = next(draw_sequences(len(items), 25, 7))
    for key in protocol.headings():
        expected = [
            pooled_curves(protocol, [item for item, n in zip(items, row, strict=True) for _ in range(int(n))]).scores(
                protocol
            )[key]
            for row in draws
        ]
        interval = few.intervals["mine"][key]
        assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])), abs=1e-12)


def test_many_trackers_and_rounds_take_no_time():
    values = np.random.default_rng(0).uniform(size=(280, 40))
    blocks = [weighted_means(draws, values, np.ones_like(values)) for draws in draw_sequences(280, 1000, 0)]
    assert np.concatenate(blocks).shape == (1000, 40)


def test_statements_say_what_the_intervals_say(study):
    statements = [item.statement() for item in study.significance.of("success")]
    assert statements[0].startswith("theirs_1 is better than mine by ") and "95 % interval" in statements[0]
    assert len(statements) == 3 and "200 rounds" in statements[0]
    for item in study.significance.comparisons:
        assert item.interval.value >= 0 and item.statement().startswith("No significant") != item.interval.excludes_zero
    assert "fewer than 20 sequences" in study.significance.explanation()


def test_trackers_on_other_sequences_are_not_compared(study):
    short = dataclasses.replace(study.report.scores[1], sequences=study.report.scores[1].sequences[1:])
    report = dataclasses.replace(study.report, scores=(study.report.scores[0], short))
    with pytest.raises(EvaluationError, match=r"different sequences \(s0\)"):
        assess(report)

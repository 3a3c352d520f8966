"""Accuracy, robustness and expected average overlap, on runs short enough to count by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.eao import Fragment, expected_overlaps
from dmtrack.evaluation.measures.supervised import VotRuns, score_vot
from dmtrack.evaluation.measures.trajectory import Trajectory, write_trajectory
from dmtrack.evaluation.protocols import VotProtocol, get_protocol, protocols_of, register
from dmtrack.evaluation.protocols.challenges import (
    VOT2018,
    VOT2018_MMTRACKING,
    VOT2018_UNSUPERVISED,
)
from dmtrack.evaluation.readers.text import read_trajectory

NAN = float("nan")
BOX = [20.0, 20.0, 40.0, 40.0]
AWAY = [150.0, 20.0, 40.0, 40.0]
SIZE = (200, 160)


def special(code):
    return [float(code), NAN, NAN, NAN]


def runs(*trajectories, truth=None):
    truth = [BOX] * len(trajectories[0]) if truth is None else truth
    return VotRuns("s", np.array(truth), SIZE, tuple(Trajectory(np.array(rows)) for rows in trajectories))


def test_accuracy_leaves_out_ten_frames_from_each_start():
    half = [20.0, 20.0, 40.0, 19.5]
    trajectory = [special(1), *[half] * 9, *[BOX] * 3]
    for protocol in (VOT2018, VOT2018_MMTRACKING):
        assert score_vot(protocol, [runs(trajectory)]).scores["accuracy"] == pytest.approx(1)
    short = [special(1), *[BOX] * 5]
    assert np.isnan(score_vot(VOT2018, [runs(short)]).scores["accuracy"])
    assert score_vot(VOT2018_MMTRACKING, [runs(short)]).scores["accuracy"] == 0


def test_accuracy_pools_frames_or_sequences():
    half = [20.0, 20.0, 40.0, 20.0]
    good = [special(1), *[BOX] * 29]
    poor = [special(1), *[BOX] * 9, *[half] * 2]
    exact = replace(VOT2018, accuracy_overlap=VOT2018_MMTRACKING.accuracy_overlap)
    assert score_vot(exact, [runs(good), runs(poor)]).scores["accuracy"] == pytest.approx((20 + 2 * 0.5) / 22)
    pooled = score_vot(VOT2018_MMTRACKING, [runs(good), runs(poor)]).scores["accuracy"]
    assert pooled == pytest.approx((30 * 1 + 12 * 0.5) / 42)


def test_repetitions_are_one_run_together():
    lost = [special(1), BOX, special(2), *[special(0)] * 4, special(1), BOX, BOX]
    kept = [special(1), *[BOX] * 9]
    both = score_vot(VOT2018, [runs(lost, kept)])
    assert both.scores["lost"] == 0.5
    assert both.scores["robustness"] == pytest.approx(5)
    assert both.sequences[0].failures == 0.5
    # The length of 1 frame: 1 in all three fragments, so in the mean; of 2: 0.5, 1 and 1.
    assert both.curve[:2] == pytest.approx([1, 2.5 / 3])


def test_the_two_ways_of_cutting_runs():
    lost = [special(1), BOX, BOX, special(2), *[special(0)] * 4, special(1), *[BOX] * 5]
    official = score_vot(VOT2018, [runs(lost)]).curve
    mmtracking = score_vot(VOT2018_MMTRACKING, [runs(lost)]).curve
    # Fragment 1 has two frames, then zeros; fragment 2 has five frames.
    assert official[:6] == pytest.approx([1, 1, (2 / 3 + 1) / 2, (2 / 4 + 1) / 2, (2 / 5 + 1) / 2, 2 / 6])
    assert mmtracking == pytest.approx([1, 1, (2 / 3 + 1) / 2, (2 / 4 + 1) / 2, (2 / 5 + 1) / 2])
    assert len(official) == 13


def test_a_start_one_frame_beyond_the_sequence():
    lost = [special(1), BOX, BOX, special(2), *[special(0)] * 4]
    score = score_vot(VOT2018, [runs(lost)])
    assert score.curve == pytest.approx([1, 1, 2 / 3, 2 / 4, 2 / 5, 2 / 6, 2 / 7])


def test_the_window_of_the_year():
    year = replace(VOT2018, eao_window=(2, 4))
    lost = [special(1), BOX, BOX, special(2), *[special(0)] * 4]
    assert score_vot(year, [runs(lost)]).scores["eao"] == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    assert np.isnan(score_vot(VOT2018, [runs(lost)]).scores["eao"])  # no run of 99 frames
    assert VOT2018.eao_window == (99, 355) and VOT2018_MMTRACKING.eao_window == (100, 356)


def test_average_overlap_without_restarts():
    boxes = np.array([AWAY, BOX, AWAY, BOX, [NAN] * 4])
    trajectory = Trajectory.without_restarts(boxes)
    score = score_vot(VOT2018_UNSUPERVISED, [runs(trajectory.regions)])
    assert score.scores == {"average_overlap": pytest.approx(0.5)}


def test_nothing_to_score_divides_by_nothing():
    for name, protocol in protocols_of(VotProtocol).items():
        assert name == protocol.name and protocol.description and protocol.source and protocol.headings()
        if isinstance(protocol, VotProtocol):
            one = score_vot(protocol, [runs([special(1)])])
            absent = score_vot(protocol, [runs([special(1), BOX, BOX], truth=[[NAN] * 4] * 3)])
            for score in (score_vot(protocol, []), one, absent):
                assert set(score.scores) == set(protocol.headings())


@settings(max_examples=40)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=4), st.integers(1, 3))
def test_a_perfect_tracker_gets_one(lengths, repetitions):
    trajectories = [[special(1), *[BOX] * (length - 1)] for length in lengths]
    for protocol in (VOT2018, VOT2018_MMTRACKING):
        score = score_vot(protocol, [runs(*[rows] * repetitions) for rows in trajectories])
        assert score.scores["lost"] == 0 == score.scores["robustness"]
        if max(lengths) > 100:
            assert score.scores["eao"] == pytest.approx(1)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.booleans(), st.floats(0.1, 2)), max_size=6
    ),
    st.integers(0, 12),
)
def test_the_curve_is_the_weighted_mean_over_padded_fragments(pieces, frames):
    fragments = [Fragment(np.array(values), failed, weight) for values, failed, weight in pieces]
    curve = expected_overlaps(fragments, frames)
    for length, value in enumerate(curve, start=1):
        terms = []
        for values, failed, weight in pieces:
            after_start = values[1:] + [0.0] * (length if failed else 0)
            if len(after_start) >= length:
                terms.append((np.mean(after_start[:length]), weight))
        expected = np.average([m for m, _ in terms], weights=[w for _, w in terms]) if terms else NAN
        np.testing.assert_allclose(value, expected, atol=1e-12)


def test_trajectories_survive_their_file(tmp_path):
    rows = np.full((4, 8), NAN)
    rows[0, 0] = 1
    rows[1, :4] = [1.25, 2.5, 30.125, 40]
    rows[2] = [1, 2, 11, 2.5, 11, 12, 1, 12.0625]
    rows[3, 0] = 2
    path = tmp_path / "s_001.txt"
    write_trajectory(path, Trajectory(rows))
    assert path.read_text().splitlines()[0] == "1" and path.read_text().splitlines()[3] == "2"
    np.testing.assert_allclose(read_trajectory(path).regions, rows, atol=5e-5)
    path.write_bytes(b"\xef\xbb\xbf1.0000\r\n10\t20\t30\t40\r\n0\r\n\r\n")
    assert read_trajectory(path).codes.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("1\n10,20,nan,40\n", "line 2 holds a NaN"),
        ("1\n10,20,inf,40\n", "line 2 is infinite"),
        ("1\n10:20:30:40\n", "line 2: .* no number"),
        ("1\n\n10,20,30,40\n", "line 2"),
        ("1\n10,20,30\n", "line 2: '10,20,30'; expected a code"),
        ("1\n1,2,3,4,5\n", "line 2: '1,2,3,4,5'; expected a code"),
        ("7\n", "line 1: '7'; expected a code"),
        ("1\nm0,0,3,3,2,5\n", "is a mask"),
    ],
)
def test_files_that_are_no_trajectory(tmp_path, text, complaint):
    path = tmp_path / "s_001.txt"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=complaint):
        read_trajectory(path)
    with pytest.raises(EvaluationError, match="is missing"):
        read_trajectory(tmp_path / "other.txt")


def test_refusals(tmp_path):
    with pytest.raises(EvaluationError, match="repetition 2 has 3 frames, the truth has 2"):
        runs([special(1), BOX], [special(1), BOX, BOX])
    with pytest.raises(EvaluationError, match="no trajectory"):
        VotRuns("s", np.array([BOX]), SIZE, ())
    with pytest.raises(EvaluationError, match="code 3"):
        Trajectory(np.array([special(1), special(3)]))
    with pytest.raises(EvaluationError, match="not written"):
        write_trajectory(tmp_path / "s.txt", Trajectory(np.array([special(1), [NAN] * 4])))
    with pytest.raises(EvaluationError, match="did you mean 'vot2018'"):
        get_protocol("vot-2018")
    with pytest.raises(EvaluationError, match="two different protocols"):
        register(replace(VOT2018, skip=6))
    with pytest.raises(EvaluationError, match="eao_window"):
        register(replace(VOT2018, name="backwards", eao_window=(5, 2)))

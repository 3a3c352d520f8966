"""Lengths that differ are refused with the rule that is needed, or aligned by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack import evaluate
from dmtrack.data.benchmarks import open_benchmark
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers import ALIGNMENTS, read_results
from dmtrack.evaluation.readers.alignment import align


def cut(text, start, stop):
    return "".join(text.splitlines(keepends=True)[start:stop])


@pytest.mark.parametrize(
    ("start", "stop", "rule", "frames"),
    [(0, 3, "common-prefix", range(3)), (2, 5, "drop-first", range(2, 5)), (1, 5, "drop-first", range(1, 5))],
)
def test_rules_that_score_fewer_frames(write, lines, sequence, start, stop, rule, frames):
    one = sequence("a")
    folder = write({"a.txt": cut(lines(one), start, stop)})
    with pytest.raises(EvaluationError, match=rf"a.txt holds {stop - start} boxes for the 5 frames .*'{rule}'"):
        read_results(folder, [one])
    found = read_results(folder, [one], align=rule)
    assert found.frames == {"a": frames}
    part = found.cut(one)
    np.testing.assert_array_equal(found.results["a"].boxes_xywh, part.boxes_xywh)
    assert len(part) == len(part.present) == len(frames) and part.read_frame(0) == frames.start
    assert any(f"aligned by rule '{rule}'" in note for note in found.notes)


def test_rules_that_score_all_frames(write, lines, sequence):
    one = sequence("a")
    text = lines(one)
    early = write({"a.txt": cut(text, 0, 4), "a_time.txt": "0.1\n" * 4})
    repeated = read_results(early, [one], align="repeat-last").results["a"]
    np.testing.assert_array_equal(repeated.boxes_xywh[4], one.boxes_xywh[3])
    missed = read_results(early, [one], align={"a": "pad-misses"})
    assert np.isnan(missed.results["a"].boxes_xywh[4]).all() and np.isnan(missed.results["a"].seconds[4])
    assert missed.cut(one) is one
    late = write({"a.txt": cut(text, 1, 5)}, "late")
    np.testing.assert_array_equal(read_results(late, [one], align="add-first").results["a"].boxes_xywh, one.boxes_xywh)


@pytest.mark.parametrize(
    ("start", "stop", "says"),
    [
        (0, 4, "nearest to frame 1, so it stops 1 early and the rule needed is align='common-prefix'"),
        (1, 5, "nearest to frame 2, so the rule needed is align='add-first' .* or align='drop-first'"),
        (2, 5, r"nearest to frame 3, so the rule needed is align='drop-first' \(the first 2 frames"),
    ],
)
def test_one_row_too_few_names_the_rule(write, lines, sequence, start, stop, says):
    folder = write({"a.txt": cut(lines(sequence("a")), start, stop)})
    with pytest.raises(EvaluationError, match=says):
        read_results(folder, [sequence("a")])


@pytest.mark.parametrize(("start", "rule"), [(0, "common-prefix"), (1, "drop-first")])
def test_one_row_too_many_names_the_rule(write, lines, sequence, start, rule):
    short = sequence("a", 5 - start)
    text = lines(sequence("a", 6 - start)) if not start else "0,0,9,9\n" + lines(short)
    folder = write({"a.txt": text})
    with pytest.raises(EvaluationError, match=rf"boxes for the {5 - start} frames of sequence 'a'; .*align='{rule}'"):
        read_results(folder, [short])
    assert len(read_results(folder, [short], align=rule).results["a"].boxes_xywh) == len(short)


def test_all_that_do_not_fit_are_named_at_once_with_their_rules(write, lines, sequence, shared_folder):
    names = ("a", "b", "c", "d")
    parts = {"a": (0, 5), "b": (0, 3), "c": (1, 5), "d": (2, 5)}
    folder = write({f"{name}.txt": cut(lines(sequence(name)), *parts[name]) for name in names})
    options = "--align b=common-prefix --align c=add-first --align d=drop-first"
    with pytest.raises(
        EvaluationError, match=rf"3 of 4 .* b\.txt \(3 boxes for 5 frames\), c\.txt \(4 .*, d\.txt \(3 .* {options}"
    ):
        read_results(folder, map(sequence, names))
    with pytest.raises(
        EvaluationError, match=r"2 of 4 .*c\.txt \(4 boxes for 5 frames\), d\.txt \(.*'add-first' cannot"
    ):
        read_results(folder, map(sequence, names), align={"b": "common-prefix", "d": "add-first"})
    case = shared_folder / "cases" / "length_mismatches_one_at_a_time"
    with pytest.raises(EvaluationError, match=r"3 of 4 .*: cup-2.txt \(.*, cup-3.txt \(.*, cup-4.txt \("):
        read_results(case / "results", list(open_benchmark("lasot", case / "annos", images=False)))


def test_those_of_all_trackers_are_named_at_once(write, lines, sequence):
    short, late = cut(lines(sequence("a")), 0, 4), cut(lines(sequence("a")), 2, 5)
    one = write({"a.txt": short, "b.txt": cut(lines(sequence("b")), 1, 5)}, "one")
    two = write({"a.txt": late, "b.txt": lines(sequence("b"))}, "two")
    whole = write({"a.txt": lines(sequence("a"))}, "whole")
    with pytest.raises(EvaluationError, match=r"one.*two") as caught:
        evaluate([sequence("a"), sequence("b")], [one, whole, two])
    says = str(caught.value)
    assert "3 of 5 results" in says and "one/a.txt (4 boxes for 5" in says and "two/a.txt (3 boxes for 5" in says
    assert "speak for --align b=add-first (" in says and "of a the trackers need different rules" in says


def test_a_rule_that_does_not_fit_or_exist_is_refused(write, lines, sequence):
    folder = write({"a.txt": lines(sequence("a", 6))})
    with pytest.raises(EvaluationError, match=r"which the rule 'repeat-last' .* cannot make fit"):
        read_results(folder, [sequence("a")], align="repeat-last")
    with pytest.raises(EvaluationError, match="unknown alignment 'drop-frist'; did you mean 'drop-first'"):
        read_results(folder, [sequence("a")], align="drop-frist")
    with pytest.raises(EvaluationError, match="is for sequence 'b', which the benchmark does not have"):
        read_results(folder, [sequence("a")], align={"b": "drop-first"})


@given(st.integers(1, 50), st.integers(1, 50), st.sampled_from(list(ALIGNMENTS)))
def test_every_covered_frame_gets_a_row_that_exists(rows, frames, rule):
    aligned = align(rows, frames, rule)
    if aligned is not None:
        assert len(aligned.rows) == len(aligned.frames) <= frames
        assert aligned.frames.start >= 0 and aligned.frames.stop <= frames
        assert aligned.rows.max() < rows and aligned.rows.min() >= -2

"""`explain_result`: which frames count how, and which rules make scores differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.data.sequences import Annotation, Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.explain import NUMBERS, explain_result
from dmtrack.evaluation.protocols import Protocol, get_protocol, protocols_of
from dmtrack.evaluation.results import SequenceResult

BOX = [10.0, 10.0, 20.0, 20.0]


def no_frame(index):
    raise AssertionError("explaining reads no image")


def sequence(truth, present):
    annotated = np.array(truth, dtype=np.float64)
    here = np.array(present)
    boxes = np.where(here[:, None], annotated, np.nan)
    return Sequence("s", boxes, here, no_frame, annotation=Annotation(annotated, index_base=1))


@pytest.fixture
def video():
    """Six frames: 3 and 4 flagged absent, 4 with a box all the same; the result of frame 5 is lost."""
    truth = [BOX, BOX, [-1, -1, 0, 0], BOX, BOX, [-1, 10, 20, 20]]
    return sequence(truth, [True, True, False, False, True, True])


RESULT = SequenceResult(np.array([BOX, BOX, BOX, BOX, [np.nan] * 4, [-1, 10, 20, 20]]))


def test_frames_are_grouped_by_what_is_true_and_what_becomes_of_them(video):
    protocols = [get_protocol(name) for name in ("lasot-official", "dmtrack-visible", "dmtrack-paper")]
    explanation = explain_result(video, RESULT, protocols)
    found = {(group.what, tuple(group.frames)): tuple(group.fates.values()) for group in explanation.groups}
    assert found == {
        ("first frame", (0,)): ("counted with the true box", "dropped", "counted with the true box"),
        ("target visible", (1,)): ("measured", "measured", "measured"),
        ("target flagged absent", (2,)): ("miss", "dropped", "dropped"),
        ("target flagged absent, yet annotated", (3,)): ("miss", "dropped", "measured"),
        ("result is no number", (4,)): ("measured with the box before", *["miss (no number in the result)"] * 2),
        ("true box at the left or top border", (5,)): ("miss for IoU, hit for distances", "measured", "dropped"),
    }
    assert explanation.view("lasot-official").counts() == {
        "counted": 6,
        "measured": 3,
        "miss by rule": 3,
        "hit by rule": 1,
        "dropped": 0,
        "replaced": 1,
    }


def test_each_step_names_its_rule_and_frames(video):
    protocols = [get_protocol(name) for name in ("lasot-official", "dmtrack-visible")]
    explanation = explain_result(video, RESULT, protocols)
    steps = {step.rule: step for step in explanation.steps("lasot-official", "dmtrack-visible")}
    assert {rule: step.frames.tolist() for rule, step in steps.items()} == {
        "first frame": [0],
        "absent frames": [2, 3],
        "invalid true box": [5],
        "invalid result": [4],
    }
    # 2 of 5 counted frames are hit before the absent ones are dropped, 2 of 3 afterwards, at 20 of 21 thresholds.
    assert steps["absent frames"].changes["headline"] == pytest.approx((2 / 3 - 2 / 5) * 20 / 21)
    assert steps["absent frames"].before == "counted, a miss everywhere (flagged absent)"
    assert not explanation.steps("lasot-official", "lasot-official")


@given(
    st.sampled_from(sorted(protocols_of(Protocol))),
    st.sampled_from(sorted(protocols_of(Protocol))),
    st.integers(0, 2**32 - 1),
)
def test_steps_add_up_to_the_difference(first, second, seed):
    random = np.random.default_rng(seed)
    truth = random.uniform(-5, 60, (30, 4))
    truth[:3] = BOX
    results = truth + random.normal(0, 5, truth.shape)
    results[random.random(30) < 0.1] = np.nan
    video = sequence(truth, np.r_[[True] * 3, random.random(27) < 0.8])
    explanation = explain_result(video, SequenceResult(results), {get_protocol(first), get_protocol(second)})
    steps = explanation.steps(first, second)
    total = explanation.view(first).changes_to(explanation.view(second))
    for which in NUMBERS:
        changes = [step.changes[which] for step in steps]
        if None not in changes and total[which] is not None:
            assert sum(changes) == pytest.approx(total[which])
    assert sorted(np.concatenate([group.frames for group in explanation.groups])) == list(range(30))


def test_lengths_and_protocols_are_checked(video):
    with pytest.raises(EvaluationError, match="'s': 2 result boxes for 6 frames"):
        explain_result(video, SequenceResult(np.ones((2, 4))), [get_protocol("pysot")])
    with pytest.raises(EvaluationError, match="no protocol"):
        explain_result(video, RESULT, [])
    with pytest.raises(EvaluationError, match="under 'tlp'"):
        explain_result(video, RESULT, [get_protocol("pysot")]).steps("pysot", "tlp")
    remark = explain_result(video, RESULT, [get_protocol("got10k")]).remarks[0]
    assert "got10k clips to the image" in remark

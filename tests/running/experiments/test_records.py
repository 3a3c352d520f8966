"""Result files: what is written is what is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dmtrack.data.sequences import Annotation, Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.results import SequenceResult
from dmtrack.running.experiments.oxuva import _prediction_text, read_predictions
from dmtrack.running.experiments.records import FlatRecords, RepeatedRecords

BOXES = arrays(np.float64, st.tuples(st.integers(2, 6), st.just(4)), elements=st.floats(-1e4, 1e4))
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("kind", [FlatRecords, RepeatedRecords])
@QUIET
@given(boxes=BOXES)
def test_boxes_and_times_come_back(kind, boxes, tmp_path):
    records = kind(tmp_path)
    seconds = np.linspace(0.1, 1, len(boxes))
    records.write("t", "s", 1, SequenceResult(boxes, seconds))
    (result,) = records.read("t", "s")
    np.testing.assert_allclose(result.boxes_xywh, boxes, atol=5.1e-4)
    np.testing.assert_allclose(result.seconds, seconds, atol=1e-8)


@QUIET
@given(boxes=BOXES, data=st.data())
def test_predictions_of_oxuva_come_back(boxes, data, tmp_path):
    present = np.array([True, *data.draw(st.lists(st.booleans(), min_size=len(boxes) - 1, max_size=len(boxes) - 1))])
    numbers = np.arange(len(boxes)) * 30
    frame = np.zeros((360, 640, 3), np.uint8)
    sequence = Sequence(
        "v_o",
        boxes,
        present,
        lambda _: frame,
        (640, 360),
        annotation=Annotation(frame_numbers=numbers),
        video_name="v",
        track_id="o",
    )
    (tmp_path / "p.csv").write_text(_prediction_text(sequence, boxes, np.full(len(boxes), 0.5), present))
    found, said = read_predictions(tmp_path / "p.csv", sequence)
    np.testing.assert_array_equal(said, present)
    np.testing.assert_allclose(found[present], boxes[present], atol=1e-3)
    assert np.isnan(found[~present]).all()


def test_repetitions_are_counted_without_gaps(tmp_path):
    records = RepeatedRecords(tmp_path)
    for repetition in (1, 2, 4):
        records.write("t", "s", repetition, SequenceResult(np.ones((2, 4)), np.ones(2)))
    assert records.count("t", "s") == 2 and not records.same_so_far("t", "s")
    with pytest.raises(EvaluationError, match=r"s_001.txt is missing: 'u' has no result of sequence 's'"):
        records.read("u", "s")

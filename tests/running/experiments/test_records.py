"""Result files: what is written is what is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dmtrack.data.sequences import Annotation, Sequence
from dmtrack.evaluation.results import OWN_FILES, FileNames, ResultStore, SequenceResult
from dmtrack.running.experiments.base import Experiment
from dmtrack.running.experiments.long_term import _prediction_text, read_predictions

BOXES = arrays(np.float64, st.tuples(st.integers(2, 6), st.just(4)), elements=st.floats(-1e4, 1e4))
FLAT = FileNames("{label}.txt", "times/{label}_{kind}.txt", ("time",), 1, {"Jogging-1": "Jogging.1"})
QUIET = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("files", [OWN_FILES, Experiment.files, FLAT])
@QUIET
@given(boxes=BOXES)
def test_boxes_and_times_come_back(files, boxes, tmp_path):
    store = ResultStore(tmp_path / str(files.nested), files)
    seconds = np.linspace(0.1, 1, len(boxes))
    store.write("s", SequenceResult(boxes, seconds))
    result = store.read("s")
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
    store = ResultStore(tmp_path)
    for run in (1, 2, 4):
        store.at(run).write("s", SequenceResult(np.full((2, 4), float(run)), np.full(2, run / 8)))
    runs = store.runs("s")
    assert [run.read("s").boxes_xywh[0, 0] for run in runs] == [1, 2]
    assert [run.read("s").seconds[0] for run in runs] == [0.125, 0.25]
    assert not store.runs("t")


def test_flat_files_count_pixels_from_one_and_say_so_in_the_manifest(tmp_path):
    store = ResultStore(tmp_path, FLAT)
    store.start({"tracker": "t", "sequences": {"name": "otb100", "split": "all"}})
    store.write("Jogging-1", SequenceResult(np.array([[4.0, 6, 20, 16]]), np.ones(1), np.ones(1)))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.txt")) == [
        "Jogging.1.txt",
        "times/Jogging.1_time.txt",
    ]
    assert (tmp_path / "Jogging.1.txt").read_text() == "5.000,7.000,20.000,16.000\n"
    again = ResultStore(tmp_path)  # what does not know of the layout reads it in the manifest
    assert again.files == FLAT and again.read("Jogging-1").boxes_xywh.tolist() == [[4, 6, 20, 16]]
    again.start({"tracker": "t", "sequences": {"name": "otb100", "split": "test"}})
    again.start({"tracker": "u"}, restart=True)
    assert not again.exists("Jogging-1") and again.identity() == {"tracker": "u"}

from __future__ import annotations

import json

import numpy as np
import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.results import ResultStore, SequenceResult

IDENTITY = {"tracker": "t", "config_sha256": "a" * 64, "weights_sha256": "b" * 64}
RESULT = SequenceResult(
    np.array([[1.5, 2, 3, 4], [2, 3, 4, 5.125]]), np.array([0.5, 0.25]), np.array([1, 0.125]), np.array([True, False])
)


def test_layout_is_that_of_got10k(tmp_path):
    store = ResultStore(tmp_path / "mine")
    store.start(IDENTITY)
    store.write("a", RESULT)
    folder = tmp_path / "mine" / "a"
    assert (folder / "a_001.txt").read_text() == "1.500,2.000,3.000,4.000\n2.000,3.000,4.000,5.125\n"
    assert (folder / "a_time.txt").read_text() == "0.50000000\n0.25000000\n"
    back = store.read("a")
    for field in ("boxes_xywh", "seconds", "scores", "present"):
        np.testing.assert_array_equal(getattr(back, field), getattr(RESULT, field))
    manifest = json.loads((tmp_path / "mine" / "manifest.json").read_text())
    assert manifest["identity"] == IDENTITY and "torch" in manifest["software"]
    assert sorted(path.name for path in folder.iterdir()) == [
        f"a_{kind}.txt" for kind in ("001", "present", "score", "time")
    ]


def test_other_weights_never_mix(tmp_path):
    ResultStore(tmp_path).start(IDENTITY)
    ResultStore(tmp_path).write("a", RESULT)
    ResultStore(tmp_path).start(IDENTITY)
    changed = {**IDENTITY, "weights_sha256": "c" * 64}
    with pytest.raises(EvaluationError, match=r"weights_sha256 was bbbbbbbbbbbb, is cccccccccccc.*--restart"):
        ResultStore(tmp_path).start(changed)
    (tmp_path / "notes.txt").write_text("mine")
    ResultStore(tmp_path).start(changed, restart=True)
    assert not ResultStore(tmp_path).exists("a") and (tmp_path / "notes.txt").exists()


def test_results_of_unknown_origin_are_not_continued(tmp_path):
    ResultStore(tmp_path).write("a", RESULT)
    with pytest.raises(EvaluationError, match=r"without a manifest\.json"):
        ResultStore(tmp_path).start(IDENTITY)


def test_same_name_of_another_sequence_is_noticed(tmp_path, fakes):
    store = ResultStore(tmp_path / "r")
    sequence = fakes.make("a", 2, 0)
    assert not store.has(sequence)
    store.write("a", SequenceResult(sequence.boxes_xywh))
    assert store.has(sequence)
    for other in (fakes.make("a", 3, 0), fakes.make("a", 2, 1)):
        with pytest.raises(EvaluationError, match="another sequence 'a'"):
            store.has(other)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected 4"),
        ("1,2,3\n", "expected 4"),
        ("1,2,3,x\n", "expected 4 numbers separated by commas, got '1,2,3,x'"),
        ("1,2,3,4\n1,2\n", "2: expected 4 numbers"),
    ],
)
def test_broken_files_are_named(tmp_path, content, message):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a_001.txt").write_text(content)
    with pytest.raises(EvaluationError, match=rf"a_001\.txt.*{message}"):
        ResultStore(tmp_path).read("a")


def test_missing_result_and_short_times_are_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"a_001\.txt cannot be read"):
        ResultStore(tmp_path).read("a")
    ResultStore(tmp_path).write("a", RESULT)
    (tmp_path / "a" / "a_time.txt").write_text("0.5\n")
    with pytest.raises(EvaluationError, match="1 lines for 2 boxes"):
        ResultStore(tmp_path).read("a")

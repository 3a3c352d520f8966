from __future__ import annotations

import functools
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.results import ResultStore
from dmtrack.running.one_sequence import track_sequence
from dmtrack.running.runner import RunProgress, run
from dmtrack.running.workers import check_gpus, worker_environment


class Log(RunProgress):
    def __init__(self):
        super().__init__()
        self.events = []

    def started(self, sequences, frames, done):
        self.events.append(("started", sequences, frames, done))

    def ended(self, sequence, result=None, reason=None):
        kind, what = ("finished", len(result.boxes_xywh)) if reason is None else ("failed", reason)
        self.events.append((kind, sequence.name, what))


def store_in(folder, **identity):
    store = ResultStore(folder)
    store.start(identity)
    return store


def test_scores_and_presence_are_kept_per_frame(fakes):
    result = track_sequence(fakes.Oracle(), fakes.make("s", 6, 0))
    np.testing.assert_array_equal(result.scores, [1, 0.75, 0.25, 0.25, 0.75, 0.75])
    np.testing.assert_array_equal(result.present, [True, True, False, False, True, True])
    assert result.seconds.shape == (6,)


def test_a_tracker_of_got10k_runs_unchanged(fakes):
    result = track_sequence(fakes.Foreign(), fakes.make("s", 6, 0))
    assert result.scores is None and result.boxes_xywh.shape == (6, 4)


def test_a_second_run_does_only_what_is_missing(tmp_path, fakes):
    store = store_in(tmp_path / "r")
    broken = functools.partial(fakes.Oracle, breaks_at=8)
    first = Log()
    failures = run(store, broken, fakes.open_sequences, progress=first)
    assert failures == {"s3": "ValueError: no such luck"}
    assert first.events[0] == ("started", 4, 30, 0) and first.events[-1][0] == "failed"
    assert "no such luck" in (tmp_path / "r" / "s3" / "error.txt").read_text()
    before = (tmp_path / "r" / "s0" / "s0_001.txt").stat().st_mtime_ns

    second = Log()
    assert run(store, fakes.Oracle, fakes.open_sequences, progress=second) == {}
    assert second.events[0] == ("started", 4, 9, 3)
    assert sorted(event[1] for event in second.events[1:]) == ["s0", "s1", "s2", "s3"]
    assert (tmp_path / "r" / "s0" / "s0_001.txt").stat().st_mtime_ns == before
    assert not (tmp_path / "r" / "s3" / "error.txt").exists()


def test_processes_give_the_same_boxes_and_survive_a_failure(tmp_path, fakes):
    build = functools.partial(fakes.Oracle, error=1.25, breaks_at=8)
    serial, parallel = store_in(tmp_path / "serial"), store_in(tmp_path / "parallel")
    assert run(serial, build, fakes.open_sequences) == run(parallel, build, fakes.open_sequences, processes=2)
    for name in ("s0", "s1", "s2"):
        first, second = serial.read(name), parallel.read(name)
        np.testing.assert_array_equal(first.boxes_xywh, second.boxes_xywh)
        np.testing.assert_array_equal(first.scores, second.scores)
    assert not parallel.exists("s3") and not multiprocessing.active_children()


def test_a_dead_worker_is_an_error_of_one_sentence(tmp_path, fakes):
    with pytest.raises(EvaluationError, match="a worker process died"):
        run(store_in(tmp_path / "r"), fakes.Dying, fakes.open_sequences, processes=2)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_worker_is_replaced_and_its_sequence_tried_once_more(tmp_path, fakes):
    store = store_in(tmp_path / "r")
    build = functools.partial(fakes.Killed, tmp_path)
    failures = run(store, build, fakes.open_sequences, processes=2, gpus=2)
    assert failures == {"s3": "the process that tracked it died 2 times (SIGKILL, out of memory?)"}
    assert all(store.exists(name) for name in ("s0", "s1", "s2")) and not multiprocessing.active_children()
    assert "SIGKILL" in (store.folder / "s3" / "error.txt").read_text()
    assert set((tmp_path / "gpus").read_text().split()) == {"0", "1"}


@pytest.mark.parametrize(
    ("visible", "gpus", "expected"),
    [
        (None, 3, ["0", "1", "2", "0", "1"]),
        ("4,6", 2, ["4", "6", "4", "6", "4"]),
        ("4,6,7", 2, ["4", "6", "4", "6", "4"]),
        ("GPU-ab", 1, ["GPU-ab"] * 5),
        ("4,6", 0, [None] * 5),
    ],
)
def test_processes_take_the_gpus_in_turn(monkeypatch, visible, gpus, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [worker_environment(slot, gpus).get("CUDA_VISIBLE_DEVICES") for slot in range(5)] == expected


@pytest.mark.parametrize(
    ("gpus", "there", "sentence"),
    [(2, 0, "no GPU that PyTorch can use; leave --gpus out"), (8, 4, "has 4 GPUs; give --gpus 4")],
)
def test_more_gpus_than_there_are_is_one_sentence(gpus, there, sentence):
    with pytest.raises(EvaluationError, match=sentence):
        check_gpus(gpus, there)
    check_gpus(there, there)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import evaluation_fakes as fakes
from dmtrack.evaluation.results import ResultStore
from dmtrack.running.runner import run
if __name__ == "__main__":
    store = ResultStore(sys.argv[2])
    store.start({})
    run(store, fakes.Slow, fakes.open_sequences, processes=2)
"""


def test_after_sigkill_no_worker_is_left_and_finished_sequences_are_kept(tmp_path, fakes):
    (tmp_path / "script.py").write_text(SCRIPT)
    folder = tmp_path / "r"
    arguments = [sys.executable, tmp_path / "script.py", Path(fakes.__file__).parent, folder]
    # The workers inherit the pipe: it ends when the last of them has.
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while len(list(folder.glob("*/*_001.txt"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        assert process.communicate(timeout=30) == (b"", None)
    log = Log()
    assert run(store_in(folder), fakes.Oracle, fakes.open_sequences, progress=log) == {}
    assert log.events[0][3] == 2 and len(log.events) == 5


def test_ctrl_c_ends_the_workers(tmp_path, fakes):
    class Impatient(RunProgress):
        def ended(self, sequence, result=None, reason=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(store_in(tmp_path / "r"), fakes.Oracle, fakes.open_sequences, processes=2, progress=Impatient())
    assert not multiprocessing.active_children()


def test_what_cannot_be_run_is_said(tmp_path, fakes):
    store = store_in(tmp_path / "r")
    with pytest.raises(EvaluationError, match="two sequences are called 'a'"):
        run(store, fakes.Oracle, lambda: [fakes.make("a", 3, 0), fakes.make("a", 3, 1)])
    with pytest.raises(EvaluationError, match="no sequence to track"):
        run(store, fakes.Oracle, list)
    with pytest.raises(EvaluationError, match="0 processes"):
        run(store, fakes.Oracle, fakes.open_sequences, processes=0)
    sequence = fakes.make("a", 5, 0)
    sequence.boxes_xywh[0] = np.nan
    with pytest.raises(EvaluationError, match="no box in its first frame"):
        track_sequence(fakes.Oracle(), sequence)

"""Restarts after failures, and real time, on runs short enough to count by hand."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.supervised import VotRuns, score_vot
from dmtrack.evaluation.protocols.challenges import VOT2018, VOT2018_REALTIME
from dmtrack.running.supervised import missed_frames, run_supervised

NAN = float("nan")
BOX = [20.0, 20.0, 40.0, 40.0]
AWAY = [150.0, 20.0, 40.0, 40.0]
SIZE = (200, 160)


class Scripted:
    """Gives the true box, except in the frames where it is told to be lost."""

    def __init__(self, lost=(), seconds=0.0):
        self.lost, self.seconds, self.started = set(lost), seconds, []

    def init(self, image, box):
        self.started.append((int(image[0, 0, 0]), tuple(box)))

    def update(self, image):
        time.sleep(self.seconds)
        return AWAY if int(image[0, 0, 0]) in self.lost else BOX


def sequence(frames, boxes=None):
    boxes = np.array([BOX] * frames if boxes is None else boxes, dtype=np.float64)
    return Sequence(
        "s", boxes, np.isfinite(boxes[:, 0]), lambda index: np.full((SIZE[1], SIZE[0], 3), index, dtype=np.uint8)
    )


def test_a_run_with_restarts_in_codes():
    tracker = Scripted(lost=(3, 12))
    trajectory, seconds = run_supervised(tracker, sequence(15), VOT2018)
    assert trajectory.codes.tolist() == [1, -1, -1, 2, 0, 0, 0, 0, 1, -1, -1, -1, 2, 0, 0]
    assert [frame for frame, _ in tracker.started] == [0, 8]
    assert (seconds[trajectory.codes == 0] == 0).all()
    score = score_vot(VOT2018, [VotRuns("s", np.array([BOX] * 15), SIZE, (trajectory,))])
    assert score.scores["lost"] == 2 and score.scores["robustness"] == pytest.approx(200 / 15)


def test_a_failure_at_the_end_and_a_start_where_the_truth_is_unknown():
    boxes = [BOX, BOX, BOX, *[[NAN] * 4] * 6, BOX]
    trajectory, _ = run_supervised(Scripted(lost=(2,)), sequence(10, boxes), VOT2018)
    assert trajectory.codes.tolist() == [1, -1, 2, 0, 0, 0, 0, 0, 0, 1]
    last, _ = run_supervised(Scripted(lost=(4,)), sequence(5), VOT2018)
    assert last.codes.tolist() == [1, -1, -1, -1, 2]
    runs = VotRuns("s", np.array([BOX] * 5), SIZE, (last,))
    assert np.isfinite(score_vot(VOT2018, [runs]).scores["robustness"])


def test_failures_are_judged_by_the_polygon_and_starts_by_the_box():
    diamond = np.tile([40, 20, 60, 40, 40, 60, 20, 40], (4, 1)).astype(float)

    class Corner(Scripted):
        def update(self, image):
            return [20, 20, 4, 4]  # in the box around the diamond, but not in the diamond

    tracker = Corner()
    trajectory, _ = run_supervised(tracker, sequence(4), VOT2018, truth=diamond)
    assert trajectory.codes.tolist() == [1, 2, 0, 0] and tracker.started == [(0, tuple(BOX))]
    assert run_supervised(Corner(), sequence(4), VOT2018)[0].codes.tolist() == [1, -1, -1, -1]


def test_what_is_no_answer():
    class Silent(Scripted):
        def update(self, image):
            return [1, 2, 3]

    with pytest.raises(EvaluationError, match=r"Silent\.update gave"):
        run_supervised(Silent(), sequence(3), VOT2018)

    class Unsure(Scripted):
        def update(self, image):
            return [NAN] * 4

    assert run_supervised(Unsure(), sequence(3), VOT2018)[0].codes.tolist() == [1, 2, 0]


def test_real_time_by_the_frame():
    at = 1 / 20
    assert [missed_frames(factor * at, 20) for factor in (0, 1, 1.5, 2, 2.5, 3, 3.1)] == [0, 0, 0, 0, 1, 1, 2]


def test_a_slow_tracker_misses_frames_in_real_time():
    protocol = replace(VOT2018_REALTIME, realtime_grace=0, realtime_fps=100.0)
    _, seconds = run_supervised(Scripted(seconds=0.025), sequence(12), protocol)
    # 2.5 frames of work or more: at least every second frame is missed.
    assert 0 < (seconds[1:] > 0.02).sum() <= 6
    _, seconds = run_supervised(Scripted(seconds=0.025), sequence(12), VOT2018)
    assert (seconds[1:] > 0.02).all()

from __future__ import annotations

import importlib
from functools import partial

import numpy as np
import pytest

from dmtrack.api import load_tracker
from dmtrack.association.detections import Detections
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.cli.main import main
from dmtrack.config.choices import BASELINES, baseline_class
from dmtrack.data.sequences import Sequence
from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.media.images import write_image
from dmtrack.running.baselines import DetectionOracle, StaticBox
from dmtrack.running.one_sequence import track_sequence
from dmtrack.running.sweeps.settings import NamedTracker
from dmtrack.running.trackers import TrackerChoice
from dmtrack.tracking.base import Tracker, TrackResult
from dmtrack.tracking.opencv_trackers import ALGORITHMS


class Fixed(Tracker):
    """Gives the same candidates in every frame."""

    def __init__(self, boxes_xywh: list[list[float]]) -> None:
        super().__init__("fixed")
        self.candidates = Detections.from_xywh(
            np.array(boxes_xywh).reshape(-1, 4), np.linspace(0.9, 0.1, len(boxes_xywh))
        )

    def init(self, image, box):
        self.last = np.asarray(box, dtype=float)

    def step(self, image):
        assert image.shape == (48, 64, 3)
        best = self.candidates.boxes_xywh[0] if len(self.candidates.scores) else self.last
        return TrackResult(best, 0.9, True, self.candidates)


def blank(index: int, size: tuple[int, int]) -> np.ndarray:
    return np.zeros((*size, 3), np.uint8)


def a_sequence(boxes_xywh: list[list[float]]) -> Sequence:
    boxes = np.array(boxes_xywh, dtype=float)
    return Sequence("s", boxes, np.isfinite(boxes).all(axis=1), partial(blank, size=(48, 64)))


NAN = [np.nan] * 4


def test_the_oracle_takes_the_candidate_that_overlaps_most_and_knows_absence():
    sequence = a_sequence([[0, 0, 10, 10], [20, 20, 10, 10], NAN, [40, 0, 10, 10], [0, 30, 5, 5]])
    candidates = [[0, 0, 10, 10], [22, 20, 10, 10], [20, 21, 10, 10], [41, 0, 10, 10]]
    result = track_sequence(DetectionOracle(Fixed(candidates)), sequence)
    assert result.boxes_xywh[1:].tolist() == [candidates[2], candidates[0], candidates[3], candidates[0]]
    assert result.present.tolist() == [True, True, False, True, True]
    assert result.scores[1] == pytest.approx(0.9 - 2 * 0.8 / 3)
    assert result.seconds is None  # nobody should report the speed of an oracle


def test_the_oracle_is_never_worse_than_its_tracker():
    rng = np.random.default_rng(3)
    boxes = np.concatenate([rng.uniform(0, 30, (20, 2)), rng.uniform(5, 20, (20, 2))], axis=1)
    tracker = Fixed(np.concatenate([rng.uniform(0, 30, (8, 2)), rng.uniform(5, 20, (8, 2))], axis=1).tolist())
    sequence = a_sequence(boxes.tolist())

    def overlaps(candidate):
        found = track_sequence(candidate, sequence).boxes_xywh
        return paired_iou_xyxy(xywh_to_xyxy(found), xywh_to_xyxy(boxes))

    assert (overlaps(DetectionOracle(tracker)) >= overlaps(tracker) - 1e-6).all()


def test_without_candidates_the_trackers_own_answer_stands():
    sequence = a_sequence([[3, 3, 10, 10], [20, 20, 10, 10]])
    result = track_sequence(DetectionOracle(Fixed([])), sequence)
    assert result.boxes_xywh[1].tolist() == [3, 3, 10, 10]


def test_an_oracle_without_the_truth_refuses():
    oracle = DetectionOracle(Fixed([[0, 0, 1, 1]]))
    with pytest.raises(EvaluationError, match="needs the truth"):
        oracle.init(np.zeros((48, 64, 3), np.uint8), (0, 0, 4, 4))


def test_the_static_box_stays():
    result = track_sequence(StaticBox(), a_sequence([[3, 3, 10, 10], [20, 20, 10, 10], NAN]))
    assert (result.boxes_xywh == [3, 3, 10, 10]).all()


def test_the_names_of_baselines_are_known_wherever_a_tracker_is_named(tmp_path):
    tracker = load_tracker("static")
    assert isinstance(tracker, StaticBox) and isinstance(TrackerChoice("static").build(), StaticBox)
    assert NamedTracker(TrackerChoice("static")).is_plugin
    for number in range(3):
        write_image(tmp_path / "frames" / f"{number}.png", np.zeros((40, 60, 3), np.uint8))
    out = tmp_path / "out"
    arguments = ["track", str(tmp_path / "frames"), "--box", "4,5,8,9", "--tracker", "static", "--output", str(out)]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--no-video"])
    assert end.value.code in (0, None)
    rows = (out / "boxes.csv").read_text().splitlines()[1:]
    assert len(rows) == 3 and all(",4,5,8,9," in row.replace(".000", "").replace(".0,", ",") for row in rows)


def test_short_names_stand_for_classes_that_exist():
    assert {name.removeprefix("opencv:") for name in BASELINES if name.startswith("opencv:")} == {
        kind.__name__ for kind in ALGORITHMS
    }
    for target in BASELINES.values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
    assert baseline_class("my_module:Mine") is None
    with pytest.raises(ConfigError, match="did you mean 'opencv:CSRT'"):
        baseline_class("opencv:CRST")

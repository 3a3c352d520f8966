"""VOT with restarts, long-term VOT and OxUvA, on synthetic data in the official layouts."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from dmtrack.data.sources.vot import boxes_of_same_area_xywh
from dmtrack.data.writers import WRITERS
from dmtrack.errors import EvaluationError
from dmtrack.running.experiments import ExperimentOxUvA, ExperimentVOT, ExperimentVOTLT


def test_supervised_restarts_five_frames_after_a_failure(tmp_path, folders, make_moving, still, capsys):
    # The still box reaches to column 24.5, where the target begins at 25 in frame 6.
    WRITERS["vot"]([make_moving("fast", 12, 3.5), make_moving("slow", 12, 0.5)], tmp_path / "data")
    experiment = ExperimentVOT(tmp_path / "data", experiments=("supervised", "unsupervised"), **folders)
    performance = experiment.run(still).report(["still"])["still"]
    printed = " ".join(capsys.readouterr().out.split()).replace("- ", "-")
    assert "protocol vot2018 " in printed and "protocol vot2018-unsupervised " in printed
    folder = folders["result_dir"] / "VOT2018/still"
    lines = (folder / "baseline/fast/fast_001.txt").read_text().split()
    assert lines[0] == "1" and lines[6:] == ["2", "0", "0", "0", "0", "1"]
    assert lines[1] == "3.5000,5.5000,21.0000,17.0000"  # the start box is one pixel longer than the target
    assert (folder / "unsupervised/slow/slow_001.txt").read_text().split()[:2] == ["1", "3.5000,5.5000,21.0000,17.0000"]
    supervised = performance["experiments"]["supervised"]
    assert supervised["protocol"] == performance["protocol"] == "vot2018"
    assert supervised["seq_wise"]["fast"]["failures"] == 1 and supervised["seq_wise"]["slow"]["failures"] == 0
    assert performance["robustness"] == pytest.approx(100 / 24)
    assert performance["experiments"]["unsupervised"]["protocol"] == "vot2018-unsupervised"
    report = folders["report_dir"] / "VOT2018/still"
    assert json.loads((report / "performance.json").read_text())["still"] == performance
    assert (report / "eao_curve.png").is_file()
    calls = still.calls
    experiment.run(still)
    assert still.calls == calls


def test_frames_directly_in_the_folder_and_smallest_start_box(tmp_path, folders, make_moving, still):
    WRITERS["vot"]([make_moving("a", 4)], tmp_path / "data")
    for path in (tmp_path / "data/a/color").iterdir():
        path.rename(tmp_path / "data/a" / path.name)
    (tmp_path / "data/a/color").rmdir()
    ExperimentVOT(tmp_path / "data", experiments="supervised", start_box="upright", **folders).run(still)
    lines = (folders["result_dir"] / "VOT2018/still/baseline/a/a_001.txt").read_text().split()
    assert lines == ["1", *["4.0000,6.0000,20.0000,16.0000"] * 3]


def test_regions_keep_four_decimals_as_in_got10k(tmp_path, folders, make_moving, foreign):
    WRITERS["vot"]([make_moving("a", 3)], tmp_path / "data")
    foreign.update = lambda image: np.array([4.00774, 6.0, 20.0, 16.0])
    ExperimentVOT(tmp_path / "data", experiments="unsupervised", **folders).run(foreign)
    lines = (folders["result_dir"] / "VOT2018/foreign/unsupervised/a/a_001.txt").read_text().split()
    assert lines == ["1", *["4.0077,6.0000,20.0000,16.0000"] * 2]


def test_real_time_makes_a_slow_tracker_miss_frames(tmp_path, folders, make_moving, still, monkeypatch):
    WRITERS["vot"]([make_moving("a", 8)], tmp_path / "data")
    now = [0.0]
    original = still.step

    def slow(image):
        now[0] += 0.13  # at 25 frames per second three frames pass, and a part of the fourth
        return original(image)

    still.step = slow
    monkeypatch.setattr("dmtrack.running.one_sequence.time.perf_counter", lambda: now[0])
    experiment = ExperimentVOT(tmp_path / "data", experiments="realtime", **folders).run(still)
    # Three late answers are forgiven, frames 1 to 3; the one of frame 4 costs frames 5 and 6.
    assert still.seen == 5
    performance = experiment.report("still")["still"]
    assert performance["protocol"] == "vot2018-realtime-25fps"
    assert performance["speed_fps"] == pytest.approx(1 / 0.13, rel=1e-4)


def test_trackers_that_are_not_deterministic_run_until_three_are_the_same(tmp_path, folders, make_moving, foreign):
    WRITERS["vot"]([make_moving("a", 4)], tmp_path / "data")
    foreign.is_deterministic = False
    ExperimentVOT(tmp_path / "data", experiments="supervised", **folders).run(foreign)
    folder = folders["result_dir"] / "VOT2018/foreign/baseline/a"
    assert len(list(folder.glob("a_0*.txt"))) == 3
    assert np.loadtxt(folder / "a_time.txt", delimiter=",").shape == (4, 3)


def test_unknown_experiments_are_named(tmp_path, make_moving, folders):
    WRITERS["vot"]([make_moving("a", 4)], tmp_path / "data")
    with pytest.raises(EvaluationError, match="unknown experiment 'supervise'"):
        ExperimentVOT(tmp_path / "data", experiments="supervise", **folders)


def test_long_term_takes_scores_of_either_kind_of_tracker(tmp_path, folders, make_moving, still, foreign):
    WRITERS["vot-lt"]([make_moving("a", 8, 0.0, absent=(5, 6, 7))], tmp_path / "data")
    foreign.update = lambda image: [*foreign.box, 0.25]
    performance = ExperimentVOTLT(tmp_path / "data", **folders).run(still).run(foreign).report(["still", "foreign"])
    folder = folders["result_dir"] / "VOT-LT2018"
    values = (folder / "still/longterm/a/a_001_confidence.value").read_text().split("\n")
    assert values[:3] == ["", "0.900000", "0.800000"] and len(values) == 9
    assert "0.250000" in (folder / "foreign/longterm/a/a_001_confidence.value").read_text()
    # A perfect box in frames 1 to 4, whose confidences are the highest: precision 1 there, recall 4 of 5 visible.
    assert performance["still"]["overall"]["precision"] == pytest.approx(1.0)
    assert performance["still"]["overall"]["recall"] == pytest.approx(4 / 5)
    assert performance["foreign"]["overall"]["precision"] == pytest.approx(4 / 7)
    assert performance["still"]["protocol"] == "vot-lt"
    assert (folders["report_dir"] / "VOT-LT2018/still/precision_recall.png").is_file()
    (folder / "still/longterm/a/a_001_confidence.value").write_text("\n0.5\n")
    with pytest.raises(EvaluationError, match="2 confidences for 8 frames"):
        ExperimentVOTLT(tmp_path / "data", **folders).report("still")


def test_oxuva_dev_is_scored(tmp_path, folders, make_moving, still, foreign, capsys):
    sequence = make_moving("vid0001", 8, 0.0, absent=(4, 5, 6, 7))
    WRITERS["oxuva"]([sequence], tmp_path / "data", annotated_every=2)
    performance = ExperimentOxUvA(tmp_path / "data", **folders).run(still).run(foreign).report()
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines() if line.startswith(("still", "foreign"))] == [
        ["still", *["1.000"] * 4],
        ["foreign", "0.500", "0.000", "1.000", "0.000"],  # MaxGM, GM, TPR, TNR
    ]
    lines = (folders["result_dir"] / "OxUvA/dev/still/vid0001_obj0000.csv").read_text().splitlines()
    assert lines[0] == "vid0001,obj0000,1,true,0.900000,0.062500,0.375000,0.125000,0.458333" and len(lines) == 7
    assert lines[3].startswith("vid0001,obj0000,4,false,")
    # Annotated are frames 0, 2, 4, 6; frame 0 is given, and the still tracker says absent from frame 4 on.
    assert performance["still"]["overall"] == {"tpr": 1.0, "tnr": 1.0, "gm": 1.0, "max_gm": 1.0}
    assert performance["foreign"]["overall"]["tnr"] == 0.0
    assert performance["foreign"]["overall"]["max_gm"] == pytest.approx(0.5)
    path = folders["result_dir"] / "OxUvA/dev/still/vid0001_obj0000.csv"
    path.write_text("\n".join(lines[:3]))
    with pytest.raises(EvaluationError, match=r"no prediction for frame 4 .*\(2 are missing\)"):
        ExperimentOxUvA(tmp_path / "data", **folders).report("still")
    path.write_text("vid0001,obj0000,1,perhaps,0.9,0,1,0,1\n")
    with pytest.raises(EvaluationError, match=r"csv, line 1: expected video,object,frame"):
        ExperimentOxUvA(tmp_path / "data", **folders).report("still")


def test_oxuva_test_is_packed(tmp_path, folders, make_moving, still):
    WRITERS["oxuva"]([make_moving("vid0002", 4)], tmp_path / "data", split="test")
    performance = ExperimentOxUvA(tmp_path / "data", "test", **folders).run(still).report("still")
    with zipfile.ZipFile(performance["still"]["submission"]) as archive:
        assert archive.namelist() == ["vid0002_obj0000.csv"]


def test_a_foreign_tracker_may_say_presence(tmp_path, folders, make_moving, foreign):
    WRITERS["oxuva"]([make_moving("v", 4, 0.0)], tmp_path / "data", annotated_every=1)
    foreign.update = lambda image: (foreign.box, 0.3, False)
    performance = ExperimentOxUvA(tmp_path / "data", **folders).run(foreign).report("foreign")
    assert performance["foreign"]["overall"]["tpr"] == 0.0
    foreign.name, foreign.update = "wrong", lambda image: (1, 2)
    with pytest.raises(EvaluationError, match=r"tracker wrong: update\(\) gave \(1, 2\)"):
        ExperimentOxUvA(tmp_path / "data", **folders).run(foreign)


def test_start_boxes_have_the_area_of_the_polygon():
    square = np.array([[10.0, 0.0, 20.0, 10.0, 10.0, 20.0, 0.0, 10.0]])  # standing on a corner, area 200
    left, top, width, height = boxes_of_same_area_xywh(square)[0]
    assert width == height == pytest.approx(np.sqrt(200) + 1)
    assert (left + width / 2, top + height / 2) == pytest.approx((10, 10))

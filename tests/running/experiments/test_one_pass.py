"""Experiments in one pass, on synthetic data in the official layouts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dmtrack.data.writers import WRITERS
from dmtrack.errors import EvaluationError, MediaError
from dmtrack.running.experiments import (
    ExperimentGOT10k,
    ExperimentLaSOT,
    ExperimentOTB,
    ExperimentTLP,
    ExperimentTrackingNet,
    ExperimentUAV123,
    ExperimentVOTLT,
)
from dmtrack.running.experiments.one_pass import got10k_name

NAMES = {"lasot": ("cat-1", "dog-2"), "otb": ("Bolt", "Woman"), "uav123": ("uav2", "uav4"), "tlp": ("Alladin", "Bike")}
EXPERIMENTS = {
    "lasot": lambda root, folders: ExperimentLaSOT(root, **folders),
    "otb": lambda root, folders: ExperimentOTB(root, 2015, **folders),
    "uav123": lambda root, folders: ExperimentUAV123(root, **folders),
    "tlp": lambda root, folders: ExperimentTLP(root, **folders),
    "trackingnet": lambda root, folders: ExperimentTrackingNet(root, "TRAIN_0", **folders),
    "got10k": lambda root, folders: ExperimentGOT10k(root, **folders),
}
PROTOCOLS = {
    "lasot": "lasot-official",
    "otb": "otb-official",
    "uav123": "uav123-official",
    "tlp": "tlp",
    "trackingnet": "trackingnet-official",
    "got10k": "got10k",
}
FILES = {
    "lasot": "LaSOT/still/cat-1.txt",
    "otb": "OTB2015/still/Bolt.txt",
    "uav123": "UAV123/still/uav2.txt",
    "tlp": "TLP/still/Alladin.txt",
    "trackingnet": "TrackingNet/still/a.txt",
    "got10k": "GOT-10k/still/a/a_001.txt",
}


def write(layout, root, make_moving, **options):
    first, second = NAMES.get(layout, ("a", "b"))
    WRITERS[layout]([make_moving(first), make_moving(second, speed=2.0)], root, **options)


@pytest.mark.parametrize("layout", EXPERIMENTS)
def test_run_and_report(layout, tmp_path, folders, make_moving, still, capsys):
    write(layout, tmp_path / "data", make_moving)
    experiment = EXPERIMENTS[layout](tmp_path / "data", folders)
    performance = experiment.run(still).report()
    printed = capsys.readouterr().out
    assert f"protocol {PROTOCOLS[layout]}" in " ".join(printed.split())
    assert f"scores and figures: {experiment.report_dir / 'still'}" in printed
    assert "still" in printed.split("tracker", 1)[1] and str(folders["result_dir"]) in printed
    mine = performance["still"]
    assert mine["protocol"] == PROTOCOLS[layout] and mine["split"] and mine["stride"] == 1
    folder = experiment.report_dir / "still"
    assert json.loads((folder / "performance.json").read_text()) == performance
    assert (folder / "success.png").stat().st_size > 10_000
    boxes = np.loadtxt(folders["result_dir"] / FILES[layout], delimiter=",")
    base = experiment.benchmark.index_base
    np.testing.assert_allclose(boxes, [[4 + base, 6 + base, 20, 16]] * 8)
    # The first sequence moves a pixel per frame: IoU (20 - i) / (20 + i).
    overlap = (20 - np.arange(8)) / (20 + np.arange(8))
    if layout == "got10k":
        fast = (20 - 2 * np.arange(8)) / (20 + 2 * np.arange(8))
        assert mine["overall"]["ao"] == pytest.approx(np.mean([overlap[1:], fast[1:]]), abs=1e-6)
        assert mine["overall"]["sr"] == mine["overall"]["sr50"] == pytest.approx(9 / 14)
    else:
        first = mine["seq_wise"][NAMES.get(layout, ("a", "b"))[0]]
        middle = np.mean(overlap >= 0.5 if layout == "trackingnet" else overlap > 0.5)
        assert first["success_rate"] == pytest.approx(middle)
        assert len(first["success_curve"]) == 21


def test_finished_sequences_are_skipped_and_failing_ones_are_named(tmp_path, folders, make_moving, still):
    write("otb", tmp_path / "data", make_moving)
    experiment = ExperimentOTB(tmp_path / "data", **folders)
    original = still.init

    def fail_on_second(image, box):
        if still.calls == 1:
            still.calls += 1
            raise RuntimeError("no luck")
        original(image, box)

    still.init = fail_on_second
    with pytest.raises(EvaluationError, match=r"failed on 1 of 2 sequences of OTB-100, first on 'Woman': .*no luck"):
        experiment.run(still)
    assert "RuntimeError: no luck" in (folders["result_dir"] / "OTB2015/still/errors/Woman.log").read_text()
    with pytest.raises(EvaluationError, match=r"'still' has no result of sequence 'Woman'; run it first"):
        experiment.report("still")
    still.init = original
    assert experiment.run(still).report("still")["still"]["sequences"] == 2
    assert still.calls == 3
    assert not (folders["result_dir"] / "OTB2015/still/errors/Woman.log").exists()
    experiment.run(still)
    assert still.calls == 3


def test_results_of_another_identity_are_refused(tmp_path, folders, make_moving, still):
    write("otb", tmp_path / "data", make_moving)
    experiment = ExperimentOTB(tmp_path / "data", **folders)
    experiment.run(still, identity={"weights_sha256": "a" * 64})
    assert experiment.report("still")["still"]["weights_sha256"] == "a" * 64
    with pytest.raises(EvaluationError, match="weights_sha256 changed"):
        experiment.run(still, identity={"weights_sha256": "b" * 64})


def test_malformed_results_are_one_sentence(tmp_path, folders, make_moving, still):
    write("otb", tmp_path / "data", make_moving)
    experiment = ExperimentOTB(tmp_path / "data", **folders).run(still)
    path = folders["result_dir"] / "OTB2015/still/Bolt.txt"
    path.write_text("1,2,3,4\n" * 7)
    with pytest.raises(EvaluationError, match=r"Bolt.txt holds 7 boxes for the 8 frames of sequence 'Bolt'"):
        experiment.report("still")
    short = folders["result_dir"] / "OTB2015/still/Woman.txt"
    short.write_text("1,2,3,4\n" * 9)
    with pytest.raises(EvaluationError, match=r"'Bolt', .*Woman.txt holds 9 boxes .* 'Woman'; remove these files"):
        experiment.report("still")
    path.write_text("1,2,3,4\n" * 7 + "1,2,x,4\n")
    with pytest.raises(EvaluationError, match=r"Bolt.txt:8: expected 4 numbers"):
        experiment.report("still")
    with pytest.raises(EvaluationError, match="no tracker to report on"):
        ExperimentOTB(tmp_path / "data", **folders).report()


def test_part_of_a_published_list_is_said(tmp_path, folders, make_moving, still):
    write("otb", tmp_path / "data", make_moving)
    mine = ExperimentOTB(tmp_path / "data", 2013, protocol="got10k-toolkit", **folders).run(still).report("still")
    assert mine["still"]["protocol"] == "got10k-toolkit"
    assert "Basketball" in mine["still"]["missing_sequences"] and len(mine["still"]["missing_sequences"]) == 49
    assert ExperimentOTB(tmp_path / "data", 2013, **folders).scope == "all, 2 of 51 sequences"


def test_got10k_repeats_trackers_that_are_not_deterministic(tmp_path, folders, make_moving, foreign):
    write("got10k", tmp_path / "data", make_moving)
    foreign.is_deterministic = False
    step = iter(range(1000))
    foreign.update = lambda image: np.add(foreign.box, (0, 0, 0, 0.01 * next(step)))
    experiment = ExperimentGOT10k(tmp_path / "data", **folders).run(foreign)
    folder = folders["result_dir"] / "GOT-10k/foreign/a"
    assert sorted(path.name for path in folder.iterdir()) == ["a_001.txt", "a_002.txt", "a_003.txt", "a_time.txt"]
    assert np.loadtxt(folder / "a_time.txt", delimiter=",").shape == (8, 3)
    mine = experiment.report("foreign")["foreign"]
    assert mine["seq_wise"]["a"]["length"] == 21  # three times seven frames
    assert mine["overall"]["ao"] == pytest.approx(np.mean([item["ao"] for item in mine["seq_wise"].values()]))


def test_hidden_truth_gives_a_package(tmp_path, folders, make_moving, still, capsys):
    write("trackingnet", tmp_path / "data", make_moving, split="TEST")
    performance = ExperimentTrackingNet(tmp_path / "data", **folders).run(still).report("still")
    package = folders["report_dir"] / "TrackingNet/still/still.zip"
    assert performance["still"]["submission"] == str(package) and package.is_file()
    assert "not all 511" in performance["still"]["remarks"][0]
    printed = capsys.readouterr().out
    assert f"still: 2 sequences packed for the server in {package}" in printed
    assert "not all 511" in " ".join(printed.split())


def test_names_of_targets_in_the_files_of_got10k():
    assert [got10k_name(name) for name in ("Jogging-1", "Skating2-2", "Human4-2", "Bolt")] == [
        "Jogging.1",
        "Skating2.2",
        "Human4",
        "Bolt",
    ]


def test_unknown_versions_are_named(tmp_path):
    with pytest.raises(EvaluationError, match="unknown version 2014; expected 2013 or 2015"):
        ExperimentOTB(tmp_path, 2014)
    with pytest.raises(EvaluationError, match="expected 'val' or 'test'"):
        ExperimentGOT10k(tmp_path, "train")


def test_visualize_shows_every_frame_with_a_box(tmp_path, folders, make_moving, still, foreign, monkeypatch):
    WRITERS["vot-lt"]([make_moving("a")], tmp_path / "data")
    pictures = []

    class Window:
        def __init__(self, title):
            pictures.append(title)

        def show(self, picture):
            pictures.append(picture)
            return len(pictures) < 6

        def close(self):
            pictures.append("closed")

    monkeypatch.setattr("dmtrack.media.viewer.why_no_windows", lambda: None)
    monkeypatch.setattr("dmtrack.media.viewer.PreviewWindow", Window)
    ExperimentVOTLT(tmp_path / "data", **folders).run(still, visualize=True)
    assert pictures[0] == "still on VOT2018-LT (all)" and pictures[-1] == "closed"
    assert [picture.shape for picture in pictures[1:-1]] == [(48, 64, 3)] * 5  # then the window asked to stop
    monkeypatch.setattr("dmtrack.media.viewer.why_no_windows", lambda: "there is no display")
    with pytest.raises(MediaError, match="nothing can be visualised here because there is no display"):
        ExperimentVOTLT(tmp_path / "data", **folders).run(foreign, visualize=True)
    with pytest.raises(MediaError, match="nothing can be visualised"):
        still.track([tmp_path / "a.jpg"], (1, 2, 3, 4), visualize=True)

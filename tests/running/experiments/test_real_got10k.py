"""Both ways with the real toolkit: its trackers in our experiments, ours in its own, and the same result files."""

from __future__ import annotations

import numpy as np
import pytest

from dmtrack.data.sources.published_lists import published_otb_names
from dmtrack.data.writers import WRITERS
from dmtrack.running.experiments import ExperimentGOT10k, ExperimentOTB, ExperimentUAV123, ExperimentVOT

pytest.importorskip("got10k", reason="the package got10k is not installed")
pytest.importorskip("matplotlib")
import got10k.experiments
import got10k.trackers


class Drifting(got10k.trackers.Tracker):
    """A tracker that knows got10k and nothing of us: follows the target's speed at a guess, and looks at the image."""

    def __init__(self) -> None:
        super().__init__(name="Drifting", is_deterministic=True)

    def init(self, image, box):
        assert image.mode == "RGB"
        self.box = np.array(box)

    def update(self, image):
        image = np.asarray(image)
        self.box = np.add(self.box, (0.5 + image.mean() / 1e4, 0.25, 0.0, -0.1))
        return self.box


class OwnTrack(Drifting):
    """Some trackers read the files themselves."""

    def track(self, img_files, box, visualize=False):
        boxes = np.tile(np.asarray(box), (len(img_files), 1))
        boxes[:, 0] += [len(path.rsplit("/", 1)[-1]) for path in img_files]
        return boxes, np.full(len(img_files), 0.5)


@pytest.fixture()
def otb_root(tmp_path, make_moving):
    """Three sequences; the other folders of the list are empty, because got10k downloads where one is missing."""
    root = tmp_path / "OTB"
    WRITERS["otb"]([make_moving("Bolt"), make_moving("Woman", 8, 2.0), make_moving("Jogging", 8, 1.5)], root)
    rect = root / "Jogging/groundtruth_rect.txt"
    for target in "12":
        (root / f"Jogging/groundtruth_rect.{target}.txt").write_text(rect.read_text())
    rect.unlink()
    for name in published_otb_names("otb100"):
        (root / name.split("-")[0]).mkdir(exist_ok=True)
    return root


def their_folders(folders):
    return {key: str(value) for key, value in folders.items()}


def same_files(first, second):
    """Relative paths and contents of all files but those of times."""

    def read(folder):
        return {
            str(path.relative_to(folder)): path.read_text().split()
            for path in sorted(folder.rglob("*.txt"))
            if not path.name.endswith("_time.txt")
        }

    assert read(first) == read(second) and read(first)


def paths(folders, name):
    return {key: value.with_name(f"{value.name}_{name}") for key, value in folders.items()}


def test_their_tracker_gets_the_same_files_and_scores_in_otb(otb_root, folders):
    theirs = got10k.experiments.ExperimentOTB(str(otb_root), 2015, **their_folders(paths(folders, "theirs")))
    theirs.run(Drifting())
    expected = theirs.report(["Drifting"])["Drifting"]
    ours = ExperimentOTB(otb_root, 2015, protocol="got10k-toolkit", **paths(folders, "ours")).run(Drifting())
    found = ours.report(["Drifting"])["Drifting"]
    same_files(paths(folders, "theirs")["result_dir"], paths(folders, "ours")["result_dir"])
    for key in ("success_score", "precision_score", "success_rate", "success_curve", "precision_curve"):
        np.testing.assert_allclose(found["overall"][key], expected["overall"][key], atol=1e-12)
    assert set(found["seq_wise"]) == {"Bolt", "Woman", "Jogging-1", "Jogging-2"}
    assert found["seq_wise"]["Woman"]["success_score"] == expected["seq_wise"]["Woman"]["success_score"]
    # What one has run, the other reports on.
    mixed = ExperimentOTB(otb_root, 2015, protocol="got10k-toolkit", **paths(folders, "theirs"))
    assert mixed.report("Drifting")["Drifting"]["overall"]["success_score"] == found["overall"]["success_score"]


def test_their_tracker_gets_the_same_files_and_scores_in_got10k(tmp_path, make_moving, folders):
    WRITERS["got10k"]([make_moving("a"), make_moving("b", 8, 2.0, absent=(3,))], tmp_path / "GOT-10k")
    theirs = got10k.experiments.ExperimentGOT10k(
        str(tmp_path / "GOT-10k"), "val", **their_folders(paths(folders, "theirs"))
    )
    theirs.run(Drifting())
    expected = theirs.report(["Drifting"])["Drifting"]
    ours = ExperimentGOT10k(tmp_path / "GOT-10k", **paths(folders, "ours")).run(Drifting())
    found = ours.report(["Drifting"])["Drifting"]
    same_files(paths(folders, "theirs")["result_dir"], paths(folders, "ours")["result_dir"])
    for key in ("ao", "sr", "succ_curve"):
        np.testing.assert_allclose(found["overall"][key], expected["overall"][key], atol=1e-12)
    assert found["seq_wise"]["b"]["ao"] == pytest.approx(expected["seq_wise"]["b"]["ao"])


def test_a_tracker_with_a_track_of_its_own_is_given_the_files(otb_root, folders):
    ExperimentOTB(otb_root, 2013, **folders).run(OwnTrack())
    boxes = np.loadtxt(folders["result_dir"] / "OTB2013/Drifting/Bolt.txt", delimiter=",")
    assert boxes[0].tolist() == [5 + len("0001.jpg"), 7, 20, 16]
    assert np.loadtxt(folders["result_dir"] / "OTB2013/Drifting/times/Bolt_time.txt").tolist() == [0.5] * 8


def test_their_tracker_in_vot_starts_with_the_same_boxes(tmp_path, make_moving, folders):
    WRITERS["vot"]([make_moving("a")], tmp_path / "ours")
    WRITERS["vot"]([make_moving("a")], tmp_path / "theirs")
    for path in (tmp_path / "theirs/a/color").iterdir():  # that version wants the frames beside the annotation
        path.rename(tmp_path / "theirs/a" / path.name)
    theirs = got10k.experiments.ExperimentVOT(
        str(tmp_path / "theirs"), 2018, experiments="unsupervised", **their_folders(paths(folders, "theirs"))
    )
    theirs.run(Drifting())
    ExperimentVOT(tmp_path / "ours", experiments="unsupervised", **paths(folders, "ours")).run(Drifting())
    same_files(paths(folders, "theirs")["result_dir"], paths(folders, "ours")["result_dir"])


def test_our_tracker_runs_in_their_otb(otb_root, folders, still):
    experiment = got10k.experiments.ExperimentOTB(str(otb_root), 2013, **their_folders(folders))
    experiment.run(still)
    assert experiment.report([still.name])["still"]["overall"]["success_score"] > 0.3
    assert still.calls == 4


def test_our_tracker_runs_in_their_uav123(tmp_path, folders, make_moving, still):
    root = tmp_path / "UAV123"
    WRITERS["uav123"]([make_moving("uav2"), make_moving("uav4", 8, 2.0, absent=(5,))], root)
    for name in ("a", "b", "c"):  # it takes a root with fewer than four entries for an empty one
        (root / name).mkdir()
    experiment = got10k.experiments.ExperimentUAV123(str(root), **their_folders(folders))
    for name in ("uav2", "uav4"):
        experiment.dataset.seq_metas["UAV123"][name]["end_frame"] = 8
    experiment.run(still)
    theirs = experiment.report([still.name])["still"]["overall"]
    ours = ExperimentUAV123(root, protocol="got10k-toolkit-uav123", **folders).report("still")["still"]["overall"]
    assert ours["success_score"] == pytest.approx(theirs["success_score"])
    assert ours["precision_score"] == pytest.approx(theirs["precision_score"])


def test_our_tracker_runs_in_their_got10k(tmp_path, folders, make_moving, still):
    WRITERS["got10k"]([make_moving("a"), make_moving("b", 8, 2.0)], tmp_path / "GOT-10k")
    experiment = got10k.experiments.ExperimentGOT10k(str(tmp_path / "GOT-10k"), "val", **their_folders(folders))
    experiment.run(still)
    theirs = experiment.report([still.name])["still"]["overall"]
    ours = ExperimentGOT10k(tmp_path / "GOT-10k", **folders).report("still")["still"]["overall"]
    assert ours["ao"] == pytest.approx(theirs["ao"]) and ours["sr"] == pytest.approx(theirs["sr"])


def test_our_network_runs_in_their_got10k(tmp_path, folders, make_moving):
    import dmtrack

    WRITERS["got10k"]([make_moving("a", 3)], tmp_path / "GOT-10k")
    tracker = dmtrack.load_tracker("dmtrackGS_tiny", device="cpu")
    experiment = got10k.experiments.ExperimentGOT10k(str(tmp_path / "GOT-10k"), "val", **their_folders(folders))
    experiment.run(tracker)
    assert np.isfinite(experiment.report([tracker.name])[tracker.name]["overall"]["ao"])

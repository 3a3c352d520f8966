"""`dmtrack search` from end to end, on detections that were made up and on a small SiamRPN++."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from dmtrack.association.detections import Detections
from dmtrack.cli.main import app
from dmtrack.config import load_config
from dmtrack.data.sequences import Sequence
from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.running.cached_tracker import describe
from dmtrack.running.detection_file import write_detections
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.running.sweeps.running import cache_of
from dmtrack.running.trackers import TrackerChoice
from dmtrack.search.space import Range, Space
from dmtrack.search.tracks import ReplayedDetections, origin_of, policy_of, with_parameters
from dmtrack.tracking.reid import ReIDTracker

REID = ("--set", "tracker.type=ReIDTracker")
SET = ("--synthetic", "plain", "--count", "4", "--frames", "8", "--seed", "3")
NARROW = ("--only", "--range", "association.reach=0.05,1,log", "--range", "association.score_weight=0.5,4,0.5")


def command(*arguments):
    return CliRunner().invoke(app, ["search", *arguments])


def detections(sequence, rng):
    """The target and a look-alike that wanders, whose score is sometimes higher."""
    frames = []
    for box in np.nan_to_num(sequence.boxes_xywh, nan=20.0):
        boxes = np.array([box, box + np.array([40 + rng.normal(0, 3), 25, 0, 0])])
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1).astype(np.float32)
        scores = np.array([0.6, rng.uniform(0.3, 0.8)], np.float32)
        order = np.argsort(-scores)
        frames.append(Detections(corners[order], scores[order]))
    return frames


def store(folder, seed):
    """What `dmtrack cache build` would store, without the network."""
    from dmtrack.running.sweeps.benchmarks import Generated

    choice = BenchmarkChoice("synthetic", generated=Generated("plain", seed, 4, 8))
    cache = cache_of(folder, choice, describe(TrackerChoice(overrides=("tracker.type=ReIDTracker",))).detections)
    cache.start({})
    rng = np.random.default_rng(seed)
    for sequence in choice.opener()():
        header = {"identity": dict(cache.identity), "first_box_xywh": sequence.boxes_xywh[0].tolist()}
        write_detections(cache.path(sequence.name), header, detections(sequence, rng))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (3, 4):
        store(tmp_path / "cache", seed)
    return tmp_path


def test_replay_study_config_tables_and_plots(place, monkeypatch):
    arguments = (*SET, *REID, *NARROW, "--trials", "21", "--held-out-seed", "4", "--no-prune")
    done = command(*arguments, "--output", "out")
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads((place / "out/search.json").read_text())
    assert found["trials"] == {"complete": 21}
    assert [item["relation"] for item in found["comparisons"]] == ["tuned on these", "held out"]
    provenance = found["provenance"]
    assert provenance["benchmark"] == "synthetic-plain-seed3-4x8" and provenance["seeds"] == {
        "sequences": 3,
        "sampler": 0,
    }
    assert (
        len(provenance["weights_sha256"]) == 64
        and provenance["config_hash"]
        and not found["best"]["tuned_on_test_split"]
    )
    assert found["sharing"]["exact"] and found["sharing"]["network_passes"] == 0
    best = load_config(str(place / "out/best.py"))
    chosen = {name.split(".")[1]: value for name, value in found["best"]["parameters"].items()}
    assert {name: best["tracker"]["association"][name] for name in chosen} == chosen
    rows = list(csv.DictReader((place / "out/trials.csv").open()))
    assert len(rows) == 21 and max(float(row["success"]) for row in rows) == found["best"]["value"]
    for name in ("importance.png", "importance.pdf", "slices.png", "slices.pdf"):
        assert (place / "out" / name).stat().st_size > 1000
    table = (place / "out/table.md").read_text()
    assert f"| {provenance['tracker']} | searched | synthetic-plain-seed4-4x8 (4, held out) |" in table

    monkeypatch.setattr("dmtrack.search.outputs.save_figure", lambda *_: [])  # once is enough
    again = command(*arguments, "--output", "out")
    assert "21 trials are in out/study.db already" in " ".join(again.output.split())
    other = command(*arguments, "--output", "out", "--range", "association.cost_limit=4,20")
    assert "is of another search space" in str(other.exception)
    more = command(*arguments[:-4], "24", "--held-out-seed", "4", "--output", "out", "--processes", "2")
    assert more.exit_code == 0, (more.output, more.exception)
    assert sum(json.loads((place / "out/search.json").read_text())["trials"].values()) >= 24


def test_the_test_split_marks_every_file(place, monkeypatch):
    monkeypatch.setattr("dmtrack.search.splits._OWN", ())
    monkeypatch.setattr(
        "dmtrack.search.splits.BENCHMARKS", {"synthetic": type("B", (), {"title": "Made up", "splits": ("all",)})}
    )
    arguments = (*SET, *REID, *NARROW, "--trials", "3", "--output", "out")
    refused = command(*arguments)
    assert isinstance(refused.exception, EvaluationError)
    assert "Made up's split 'all' is the one that trackers are compared on" in str(refused.exception)
    assert not (place / "out").exists()
    allowed = command(*arguments, "--allow-test-split")
    assert allowed.exit_code == 0, allowed.exception
    written = [path.name for path in (place / "out").iterdir() if "study.db" not in path.name]
    assert written and all("_tuned_on_test_split" in name for name in written)
    assert "TUNED ON THE TEST SPLIT" in (place / "out/table_tuned_on_test_split.md").read_text()
    assert "were tuned on the test split" in (place / "out/best_tuned_on_test_split.py").read_text()
    assert "tuned on the test split" in " ".join(allowed.output.split())


def test_full_runs_are_what_a_replay_replays(place):
    """Also where the config has no section of the searched keys; values of one trial, with a network and without."""
    common = (*SET, *REID, "--only", "--range", "association.reach=0.1,1,log", "--trials", "2", "--no-prune")
    shutil.rmtree(place / "cache")
    for output, sharing in (("full", "--no-sharing"), ("replayed", "--sharing")):
        done = command(*common, "--output", output, sharing)
        assert done.exit_code == 0, (done.output, done.exception)
    full, replayed = (json.loads((place / name / "search.json").read_text()) for name in ("full", "replayed"))
    assert full["trials"] == {"complete": 2} and full["sharing"]["network_passes"] == 2 * 4 * 8
    assert full["best"] == replayed["best"] and full["comparisons"] == replayed["comparisons"]


def test_a_whole_number_in_a_config_does_not_make_its_parameter_one():
    choice = TrackerChoice(overrides=("tracker.type=ReIDTracker", "tracker.association=dict(reach=1)"))
    origin = origin_of(choice)
    assert not origin.is_whole("association.reach") and origin.is_whole("association.max_tracklets")
    space = Space((Range("association.reach", 0.1, 2.0), Range("association.jump_cost", 1.0, 50.0)))
    assert origin.current(space)["association.reach"] == 1 and "association.jump_cost" in origin.current(space)


def test_all_trials_crash_is_one_sentence(place, monkeypatch):
    def crash(self, sequence, parameters):
        raise MemoryError("too much")

    monkeypatch.setattr(ReplayedDetections, "track", crash)
    result = command(*SET, *REID, *NARROW, "--trials", "3")
    assert "none of 3 trials has a value; the first crashed with: MemoryError: too much" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--range", "association.reach"), "expected KEY=LOW,HIGH"),
        (("--range", "association.reach=1,0.1"), "is reversed"),
        (("--range", "association.reech=0,1", "--only"), "unknown key 'association.reech' of"),
        (("--range", "association.unseen_score=0,1.5", "--only"), "association.unseen_score is 1.5"),
        (("--sampler", "grid"), "(ReIDTracker) with sampler grid; give --range"),
        (("--sampler", "grid", "--range", "association.reach=0.1,1"), "a grid needs a step for association.reach"),
        (("--published", "uav"), "did you mean 'uav123'"),
        (("--metric", "sucess"), "did you mean 'success'"),
        (("--sharing-tolerance", "4"), "is for SiamRPN++ alone"),
        (("--held-out-share", "0.3", "--held-out-seed", "4"), "exclude each other"),
        (("--held-out-seed", "3"), "is the seed that is tuned on"),
    ],
)
def test_bad_input_is_one_sentence(place, arguments, message):
    result = command(*SET, *REID, *arguments)
    assert isinstance(result.exception, (ConfigError, EvaluationError)), result.output
    assert message in str(result.exception)


def test_without_optuna_the_first_thing_said_is_how_to_get_it(place, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    result = command(*SET)
    assert "needs Optuna, which is not installed; run `pip install 'dmtrack[search]'`" in str(result.exception)


def test_replay_takes_any_store():
    """The protocol is small: what opens sequences, and an iterable of detections with a template."""

    class Frames(list):
        template_embedding = np.zeros(0, np.float16)

    sequence = Sequence("s", np.tile([10.0, 10, 20, 20], (5, 1)), np.ones(5, bool), lambda index: None)
    frames = Frames(detections(sequence, np.random.default_rng(0)))
    opener = type("Store", (), {"open": lambda self, sequence: frames})()
    replayed = ReplayedDetections(ReIDTracker, {"type": "ReIDTracker"}, opener)
    boxes = replayed.track(sequence, {"association.reach": 0.3}).boxes_xywh
    np.testing.assert_allclose(boxes, sequence.boxes_xywh)
    policy_of(ReIDTracker, {"type": "ReIDTracker"}, {"association.reach": 0.1})
    with pytest.raises(ConfigError, match="did you mean 'reach'"):
        policy_of(ReIDTracker, {"type": "ReIDTracker"}, {"association.reech": 0.1})
    settings = {"association": {"reach": 1}, "name": "x"}
    assert with_parameters(settings, {"association.reach": 2})["association"]["reach"] == 2
    assert settings["association"]["reach"] == 1

"""`dmtrack mot track`: from a video and a det.txt, or a model, to identities."""

import itertools
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from dmtrack.association.detections import Tracks
from dmtrack.cli.main import app
from dmtrack.config import build, load_config
from dmtrack.errors import ConfigError, DMTrackError, OutputError
from dmtrack.media.drawing import TARGETS_RGB
from dmtrack.media.images import write_image
from dmtrack.media.video import open_frames
from dmtrack.registry import MODELS
from dmtrack.running.many_targets import Everything
from dmtrack.tracking.multi_object import MultiObjectTracker
from dmtrack.weights import save_weights

CONFIG = """
model = dict(
    type="FairMOT", backbone=dict(type="YOLOv5s"), embedding_channels=8, head_channels=16, activation="silu",
    test_cfg=dict(most=5, least_score=0.0), preprocessing=dict(size_wh=(128, 64)),
)
"""


def run(*arguments):
    result = CliRunner().invoke(app, ["mot", "track", *arguments])
    if result.exception and not isinstance(result.exception, (SystemExit, typer.Exit)):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def in_frame(patched, number, happens):
    """Something happens while the tracker is at a frame, counted from 1."""
    step, steps = MultiObjectTracker.step, itertools.count(1)

    def step_and(tracker, image):
        if next(steps) == number:
            happens()
        return step(tracker, image)

    patched.setattr(MultiObjectTracker, "step", step_and)


@pytest.fixture
def sequence(tmp_path, monkeypatch):
    """Two squares that pass each other, in the layout of MOTChallenge."""
    monkeypatch.chdir(tmp_path)
    lines = []
    for frame in range(10):
        image = np.full((60, 120, 3), 30, np.uint8)
        for x, y in ((4 + 6 * frame, 5), (90 - 6 * frame, 35)):
            image[y : y + 20, x : x + 12] = 220
            lines.append(f"{frame + 1},-1,{x + 1},{y + 1},12,20,0.9")
        write_image(tmp_path / "seq" / "img1" / f"{frame + 1:06d}.png", image)
    (tmp_path / "seq" / "det").mkdir()
    (tmp_path / "seq" / "det" / "det.txt").write_text("\n".join(lines))
    return tmp_path / "seq"


@pytest.mark.parametrize("policy", ["ByteTrack", "sort"])
def test_a_sequence_with_its_det_txt(sequence, policy):
    more = ("--set", "policy.min_hits=0") if policy == "sort" else ()
    printed = run("seq", "--detections", "seq/det/det.txt", "--policy", policy, *more)
    folder = sequence.parent / "results" / "mot" / "seq"
    rows = np.loadtxt(folder / "tracks.txt", delimiter=",")
    assert rows.shape == (20, 10)
    assert sorted({*rows[:, 0]}) == list(range(1, 11))
    for top in (6, 36):  # pixels from 1; one identity per square from the first frame to the last
        own = rows[np.abs(rows[:, 3] - top) < 1]
        assert (len(own), len({*own[:, 1]})) == (10, 1)
        assert np.abs(own[:, 4:6] - (12, 20)).max() < 1
    document = json.loads((folder / "tracks.json").read_text())
    assert (document["frames"], document["identities"], document["boxes"]) == (10, 2, 20)
    assert len(list(open_frames(folder / "annotated.mp4"))) == 10
    assert "2 identities" in printed


def test_a_model_with_its_weights(sequence):
    (sequence.parent / "small.py").write_text(CONFIG)
    save_weights("small.safetensors", build(load_config("small.py")["model"], MODELS))
    run("seq", "--config", "small.py", "--weights", "small.safetensors", "--no-video", "--output", "out")
    document = json.loads((sequence.parent / "out" / "tracks.json").read_text())
    assert (document["config"], document["precision"], document["frames"]) == ("small.py", "fp32", 10)
    assert (document["tracker"], document["policy"]["min_score"]) == ("JDE", 0.4)


def test_the_policy_of_a_config_and_another_one(sequence):
    policy = 'tracker = dict(type="TrackByDetection", policy=dict(type="Sort", min_hits=0))\n'
    (sequence.parent / "small.py").write_text(CONFIG + policy)
    save_weights("small.safetensors", build(load_config("small.py")["model"], MODELS))
    given = ("seq", "--config", "small.py", "--weights", "small.safetensors", "--no-video", "--output", "out")
    for more, tracker, setting in (
        ((), "Sort", ("min_hits", 0)),
        (("--set", "tracker.policy.min_hits=1"), "Sort", ("min_hits", 1)),
        (("--policy", "bytetrack", "--set", "policy.track_buffer=7"), "ByteTrack", ("track_buffer", 7)),
    ):
        run(*given, *more, "--overwrite")
        document = json.loads((sequence.parent / "out" / "tracks.json").read_text())
        assert (document["tracker"], document["policy"][setting[0]]) == (tracker, setting[1])


def test_a_part_of_a_sequence_has_the_detections_of_its_frames(sequence):
    run("seq", "--detections", "seq/det/det.txt", "--no-video", "--start-frame", "4", "--end-frame", "7")
    folder = sequence.parent / "results" / "mot" / "seq"
    rows = np.loadtxt(folder / "tracks.txt", delimiter=",")
    assert sorted({*rows[:, 0]}) == [5, 6, 7, 8]
    first = rows[rows[:, 0] == 5]
    np.testing.assert_allclose(sorted(first[:, 2]), [4 + 6 * 4 + 1, 90 - 6 * 4 + 1])
    document = json.loads((folder / "tracks.json").read_text())
    assert (document["start_frame"], document["end_frame"], document["frames"]) == (4, 7, 4)


def test_another_policy_does_not_overwrite_the_first(sequence):
    for policy in ("ByteTrack", "Sort", "ByteTrack"):
        run("seq", "--detections", "seq/det/det.txt", "--policy", policy, "--no-video")
    results = Path("results", "mot")
    assert sorted(path.name for path in results.iterdir()) == ["seq", "seq-2"]
    with pytest.raises(OutputError, match="--overwrite"):
        run(
            "seq", "--detections", "seq/det/det.txt", "--policy", "Sort", "--no-video", "--output", str(results / "seq")
        )


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (("--detections", "seq/det/det.txt", "--start-frame", "10"), DMTrackError, "no frame 10"),
        (("--detections", "seq/det/det.txt", "--output", "seq/det/det.txt"), DMTrackError, "cannot write to folder"),
        (("--detections", "seq/det/det.txt", "--config", "dmtrackGS_tiny"), ConfigError, "either --config"),
        (("--detections", "none.txt"), DMTrackError, "none.txt"),
        (("--detections", "seq/det/det.txt", "--policy", "bytetrak"), ConfigError, "did you mean 'ByteTrack'"),
        (("--detections", "seq/det/det.txt", "--policy", "JDE"), DMTrackError, "no embeddings"),
        (("--detections", "seq/det/det.txt", "--policy", "DistractorAware"), ConfigError, "first box is given"),
        (("--detections", "seq/det/det.txt", "--set", "policy.max_ago=3"), ConfigError, "max_ago"),
        (("--detections", "long.txt"), DMTrackError, "detections of 30 frames, but .* has 10"),
        (
            ("--detections", "long.txt", "--start-frame", "2", "--end-frame", "5"),
            DMTrackError,
            "30 frames, but .* has 10",
        ),
        (("--config", "dmtrackGS_tiny"), ConfigError, "searches for one target"),
    ],
)
def test_what_cannot_be_is_one_sentence(sequence, options, error, says):
    (sequence.parent / "long.txt").write_text("30,-1,1,1,5,5,0.9\n")
    with pytest.raises(error, match=says):
        run("seq", *options, "--no-video")


def test_detections_of_a_model_of_several_classes_give_the_very_tracks_of_the_model(sequence):
    """`mot detect` writes the classes, and association by `--detections` keeps them apart."""
    Path("small.py").write_text(
        "model = dict(type='YOLOX', depth=0.33, width=0.125, classes=('person', 'car'), "
        "preprocessing=dict(size_wh=(128, 64)), test_cfg=dict(least_score=0.0))\n"
    )
    torch.manual_seed(0)
    settings = load_config("small.py")
    save_weights("small.safetensors", build(settings["model"], MODELS), {"config": dict(settings)})
    model = ("--config", "small.py", "--weights", "small.safetensors")
    done = CliRunner().invoke(app, ["mot", "detect", "seq", *model, "--output", "det.txt"])
    found = np.loadtxt("det.txt", delimiter=",")
    assert done.exit_code == 0 and f"wrote det.txt: {len(found)} boxes" in done.output
    assert found.shape[1] == 10 and set(found[:, 0]) == set(range(1, 11)) and set(found[:, 7]) == {1, 2}
    every = [f"policy.{key}=0.0" for key in ("track_score", "low_score", "birth_margin")]
    rules = ("--policy", "ByteTrack", *(word for one in every for word in ("--set", one)), "--no-video")
    run("seq", *model, *rules, "--output", "direct")
    run("seq", "--detections", "det.txt", *rules, "--output", "given")
    direct, given = (np.loadtxt(f"{folder}/tracks.txt", delimiter=",") for folder in ("direct", "given"))
    # Boxes were rounded to hundredths of a pixel on the way.
    assert len(direct) == len(given) > 50 and np.abs(direct - given).max() < 0.1
    kinds = {}
    for identity, kind in given[:, [1, 7]].tolist():
        assert kinds.setdefault(identity, kind) == kind
    assert set(kinds.values()) == {1, 2}
    assert json.loads(Path("direct/tracks.json").read_text())["classes"] == ["person", "car"]
    with pytest.raises(DMTrackError, match=r"person, car apart.*set model\.classes"):
        run("seq", *model, "--set", "model.classes=('car', 'person')", "--no-video", "--output", "other")


def test_interpolate_fills_gaps_and_compares_scores_as_numbers(tmp_path):
    rows = [(frame, 1, 10 * frame, 5, 20, 40, 0.8, 2, -1, -1) for frame in (1, 2, 3, 4, 7, 8, 40)]
    rows += [(frame, 2, 300, 5, 20, 40, 0.6, -1, -1, -1) for frame in (1, 2, 3)]
    source, target = tmp_path / "tracks.txt", tmp_path / "filled.txt"
    source.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    command = ["mot", "interpolate", str(source), "--output", str(target), "--least-score"]
    done = CliRunner().invoke(app, [*command, "0.7"])
    filled = np.loadtxt(target, delimiter=",")
    # Frames 5 and 6 are filled; the gap to frame 40 is too long, and the other track is too unsure.
    assert filled[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 40]
    assert filled[4, 2] == 50
    assert filled[4, 6:8].tolist() == [0.8, 2]
    # The published rule int(score) >= 0.5 would have left nothing of these 10 rows.
    assert sum(int(row[6]) >= 0.5 for row in rows) == 0
    assert "7 of 10 rows, 2 filled, 1 identities" in done.output
    refused = CliRunner().invoke(app, [*command, "0.9"])
    assert isinstance(refused.exception, DMTrackError)
    assert "no row reaches --least-score 0.9 (the best score is 0.8)" in str(refused.exception)
    for text, says in (("", "has no rows"), ("1,1,nan,5,20,40,0.8\n", "line 1"), ("1,1,1,5,2,4,1\n" * 2, "twice")):
        source.write_text(text)
        refused = CliRunner().invoke(app, command[:-1])
        assert isinstance(refused.exception, DMTrackError) and says in str(refused.exception)


@pytest.mark.parametrize("limit", ["--least-rows", "--longest-gap"])
def test_interpolate_refuses_negative_limits_and_writes_nothing(tmp_path, limit):
    source, target = tmp_path / "tracks.txt", tmp_path / "filled.txt"
    source.write_text("1,1,10,5,20,40,0.8,-1,-1,-1\n3,1,30,5,20,40,0.8,-1,-1,-1\n")
    command = ["mot", "interpolate", str(source), "--output", str(target)]
    refused = CliRunner().invoke(app, [*command, limit, "-1"])
    assert refused.exit_code == 2 and limit in refused.output and "Traceback" not in refused.output
    assert not target.exists()
    assert CliRunner().invoke(app, [*command, limit, "0"]).exit_code == 0


def test_a_refused_first_frame_leaves_nothing(sequence):
    with pytest.raises(DMTrackError, match="no embeddings"):
        run("seq", "--detections", "seq/det/det.txt", "--policy", "JDE")
    assert not Path("results", "mot", "seq").exists()


@pytest.mark.parametrize("policy", ["ByteTrack", "OCSort", "Sort"])
def test_a_stopped_run_goes_on_to_the_very_tracks(sequence, policy, monkeypatch):
    given = ("seq", "--detections", "seq/det/det.txt", "--policy", policy)
    run(*given, "--output", "whole")
    with monkeypatch.context() as patched:
        in_frame(patched, 6, lambda: signal.raise_signal(signal.SIGTERM))
        CliRunner().invoke(app, ["mot", "track", *given, "--output", "out"])
    assert json.loads(Path("out", "tracks.json").read_text())["frames"] == 6
    with pytest.raises(OutputError, match="go on with --resume"):
        run(*given, "--output", "out")
    assert Path("out", "unfinished.safetensors").exists()
    detections = Path("seq", "det", "det.txt")
    before = detections.read_text()
    detections.write_text(before.replace(",0.9", ",0.8"))
    with pytest.raises(OutputError, match=r"has detections with SHA-256 .* the same options and files"):
        run(*given, "--output", "out", "--resume")
    detections.write_text(before)
    run(*given, "--output", "out", "--resume")
    assert sorted(path.name for path in Path("out").iterdir()) == ["annotated.mp4", "tracks.json", "tracks.txt"]
    assert Path("out", "tracks.txt").read_bytes() == Path("whole", "tracks.txt").read_bytes()
    assert len(list(open_frames(Path("out", "annotated.mp4")))) == 10
    document, whole = (json.loads(Path(name, "tracks.json").read_text()) for name in ("out", "whole"))
    assert all(document[key] == whole[key] for key in ("frames", "identities", "boxes", "ended_by"))


def test_classes_of_a_file_are_kept_apart(sequence):
    """A person, and from the sixth frame on a car in its place, are two things."""
    for later, known in ((1, {(1, -1)}), (3, {(1, 1), (2, 3)})):
        kinds = [1] * 5 + [later] * 5
        Path("det.txt").write_text(
            "\n".join(f"{frame},-1,20,10,30,30,0.9,{kind},-1,-1" for frame, kind in enumerate(kinds, 1))
        )
        run("seq", "--detections", "det.txt", "--no-video", "--output", "out", "--overwrite")
        rows = np.loadtxt("out/tracks.txt", delimiter=",")
        assert {(int(row[1]), int(row[7])) for row in rows} == known


def test_classes_and_trails_are_drawn(sequence):
    with open_frames("seq/img1") as source:
        everything = Everything(None, source, classes=("person", "car"), trails=3)
        frame = np.full((60, 120, 3), 128, np.uint8)
        for left in (10, 30, 50, 70):
            tracks = Tracks.from_xywh(
                np.array([[left, 30.0, 10, 20]]), np.ones(1), classes=np.array([1]), ids=np.array([7])
            )
            drawn = everything.annotate(frame, tracks)
        # The line goes from the feet of two frames ago to those of this one.
        colour = (drawn == np.array(TARGETS_RGB[7 % len(TARGETS_RGB)])).all(axis=2)
        columns = np.flatnonzero(colour[49:52, :60].any(axis=0))
        assert (columns.min(), columns.max()) == (pytest.approx(35, abs=2), 59)


def test_a_run_goes_on_behind_frames_in_which_nothing_was(sequence, monkeypatch):
    lines = Path("seq/det/det.txt").read_text().splitlines()
    Path("late.txt").write_text("\n".join(line for line in lines if int(line.split(",")[0]) > 7))
    given = ("seq", "--detections", "late.txt", "--no-video")
    run(*given, "--output", "whole")
    with monkeypatch.context() as patched:
        in_frame(patched, 5, lambda: signal.raise_signal(signal.SIGTERM))
        CliRunner().invoke(app, ["mot", "track", *given, "--output", "out"])
    printed = run(*given, "--output", "out", "--resume")
    assert "going on in out behind 5 frames" in printed
    assert sorted(path.name for path in Path("out").iterdir()) == ["tracks.json", "tracks.txt"]
    assert Path("out", "tracks.txt").read_bytes() == Path("whole", "tracks.txt").read_bytes()


def test_an_error_that_ends_a_run_stands_in_its_file(sequence, monkeypatch):
    def fail():
        raise RuntimeError("out of memory")

    in_frame(monkeypatch, 4, fail)
    with pytest.raises(RuntimeError):
        run("seq", "--detections", "seq/det/det.txt", "--no-video", "--output", "out")
    document = json.loads(Path("out", "tracks.json").read_text())
    assert (document["frames"], document["ended_by"]) == (3, "error: out of memory")

"""`dmtrack mot track`: from a video and a det.txt, or a model, to identities."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from dmtrack.cli.main import app
from dmtrack.config import build, load_config
from dmtrack.errors import ConfigError, DMTrackError, OutputError
from dmtrack.media.images import write_image
from dmtrack.media.video import open_frames
from dmtrack.registry import MODELS
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
        (("--config", "dmtrackGS_tiny"), ConfigError, "searches for one target"),
    ],
)
def test_what_cannot_be_is_one_sentence(sequence, options, error, says):
    (sequence.parent / "long.txt").write_text("30,-1,1,1,5,5,0.9\n")
    with pytest.raises(error, match=says):
        run("seq", *options, "--no-video")


def test_interpolate_fills_gaps_and_compares_scores_as_numbers(tmp_path):
    rows = [(frame, 1, 10 * frame, 5, 20, 40, 0.8, -1, -1, -1) for frame in (1, 2, 3, 4, 7, 8, 40)]
    rows += [(frame, 2, 300, 5, 20, 40, 0.6, -1, -1, -1) for frame in (1, 2, 3)]
    source, target = tmp_path / "tracks.txt", tmp_path / "filled.txt"
    source.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    command = ["mot", "interpolate", str(source), "--output", str(target), "--least-score"]
    done = CliRunner().invoke(app, [*command, "0.7"])
    filled = np.loadtxt(target, delimiter=",")
    # Frames 5 and 6 are filled; the gap to frame 40 is too long, and the other track is too unsure.
    assert filled[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 40]
    assert filled[4, 2] == 50
    assert filled[4, 6] == 0.8
    # The published rule int(score) >= 0.5 would have left nothing of these 10 rows.
    assert sum(int(row[6]) >= 0.5 for row in rows) == 0
    assert "7 of 10 rows, 2 filled, 1 identities" in done.output
    refused = CliRunner().invoke(app, [*command, "0.9"])
    assert isinstance(refused.exception, DMTrackError)
    assert "no row reaches --least-score 0.9 (the best score is 0.8)" in str(refused.exception)

"""A workspace for the VOT toolkit; and the toolkit itself, where one is installed in an environment of its own."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from dmtrack.cli.main import main
from dmtrack.data.sources import VOT
from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.data.writers import WRITERS

STACK = """
title: two generated sequences
experiments:
  unsupervised:
    type: unsupervised
    repetitions: 1
    analyses:
      - type: average_accuracy
      - type: f_curve
"""


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["vot", *map(str, arguments)])
    return int(caught.value.code or 0)


@pytest.fixture()
def sequences(tmp_path: Path) -> Path:
    # On these the tracker is sure: where two answers are as good, the last digit of the first box decides.
    made = SyntheticSequences(count=2, frames=12, seed=4, size_wh=(320, 192), distractors=0)
    WRITERS["vot"]([made[0], made[1]], tmp_path / "sequences")
    return tmp_path / "sequences"


def toolkit() -> list[str]:
    """How the toolkit is started: `DMTRACK_VOT_PYTHON` is the Python of its environment."""
    python = os.environ.get("DMTRACK_VOT_PYTHON")
    if python:
        return [python, "-m", "vot"]
    program = shutil.which("vot")
    if program is None:
        pytest.skip("no VOT toolkit: set DMTRACK_VOT_PYTHON to the Python of an environment with vot-toolkit 0.9")
    return [program]


def test_a_workspace_names_our_program_and_links_the_frames(sequences, tmp_path, capsys):
    output = tmp_path / "work"
    (tmp_path / "stack.yaml").write_text(STACK)
    assert run("workspace", sequences, output, "--stack", tmp_path / "stack.yaml", "--name", "ours") == 0
    assert f"vot evaluate --workspace {output} ours" in capsys.readouterr().out
    assert yaml.safe_load((output / "config.yaml").read_text()) == {
        "registry": ["./trackers.ini"],
        "stack": str(tmp_path / "stack.yaml"),
    }
    trackers = configparser.ConfigParser()
    trackers.read(output / "trackers.ini")
    command = shlex.split(trackers["ours"]["command"])
    assert command[:3] == [sys.executable, "-m", "dmtrack.tracking.trax_client"]
    assert trackers["ours"]["protocol"] == "trax"
    written, given = VOT(output / "sequences"), VOT(sequences)
    assert written.names == given.names
    np.testing.assert_array_equal(written[0].boxes_xywh, given[0].boxes_xywh)
    np.testing.assert_array_equal(written[1].read_frame(3), given[1].read_frame(3))
    properties = (output / "sequences" / given.names[0] / "sequence").read_text()
    assert "channels.color=color/%08d.jpg\n" in properties and "length=12\n" in properties
    assert run("workspace", sequences, output) == 2
    assert "is a workspace already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--name", "our tracker"), "letters, digits, - and _"),
        (("--region", "mask"), "expected rectangle or polygon"),
    ],
)
def test_bad_options_are_one_sentence(options, message, sequences, tmp_path, capsys):
    assert run("workspace", sequences, tmp_path / "work", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_frames_with_gaps_are_refused(sequences, tmp_path, capsys):
    next(sequences.glob("*/color/00000005.jpg")).unlink()
    assert run("workspace", sequences, tmp_path / "work") == 2
    assert "expected 00000005.jpg as frame 5" in capsys.readouterr().err


def test_the_client_lists_its_options(capsys):
    assert run("client", "--help") == 0
    assert "--weights" in capsys.readouterr().out


def test_the_toolkit_drives_our_tracker_and_analyses_it(sequences, tmp_path):
    vot = toolkit()
    pytest.importorskip("trax", reason="vot-trax is not installed (pip install 'dmtrack[vot]')")
    output = tmp_path / "work"
    (tmp_path / "stack.yaml").write_text(STACK)
    assert run("workspace", sequences, output, "--stack", tmp_path / "stack.yaml", "--name", "ours") == 0
    environment = {**os.environ, "VOT_RESULTS_BINARY": "0"}

    def call(command: str, *options: str) -> str:
        line = [*vot, command, "--workspace", str(output), *options]
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=300, env=environment, cwd=tmp_path, check=True
        )
        return done.stdout + done.stderr

    assert "Evaluation concluded" in call("evaluate", "ours")
    from dmtrack.running.one_sequence import track_sequence
    from dmtrack.tracking.loading import assemble_tracker

    tracker = assemble_tracker().tracker
    for sequence in VOT(sequences):
        folder = output / "results" / "ours" / "unsupervised" / sequence.name
        rows = (folder / f"{sequence.name}_001.txt").read_text().split()
        boxes = np.array([[float(value) for value in row.split(",")] for row in rows[1:]])
        ours = track_sequence(tracker, sequence)
        np.testing.assert_allclose(boxes, ours.boxes_xywh[1:], atol=2e-3)
        confidences = np.loadtxt(folder / f"{sequence.name}_001_confidence.value")
        np.testing.assert_allclose(confidences, ours.scores, atol=1e-5)
    call("analysis", "ours", "--format", "json", "--name", "checked")
    results = json.loads((output / "analysis" / "checked.json").read_text())["results"]["unsupervised"]["results"]
    assert 0.3 < results[0][0][0] <= 1.0

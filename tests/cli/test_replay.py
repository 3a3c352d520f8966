from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import dmtrack
from dmtrack.cli.main import app
from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.media.images import read_image

SET = ("--synthetic", "distractors", "--count", "2", "--frames", "12", "--seed", "700001")
REID = ("--config", "reid.py")
CONFIG = """
_base_ = "{base}"
tracker = dict(_delete_=True, type="ReIDTracker", presence_threshold=0.2, association=dict(jump_cost=4.0))
"""


def command(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config of the shipped detector and the policy, and the detections of two sequences."""
    folder = tmp_path_factory.mktemp("replay")
    base = Path(__file__).resolve().parents[2] / "configs" / "dmtrackGS_tiny.py"
    (folder / "reid.py").write_text(CONFIG.format(base=base))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = command("cache", "build", *SET, *REID, "--weights", weights())
    assert result.exit_code == 0, (result.output, result.exception)
    return folder


def weights() -> Path:
    return Path(dmtrack.__file__).parent / "assets" / "dmtrackGS_tiny.safetensors"


@pytest.fixture
def folder(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(built)
    return built


def replay(*arguments: Any) -> Any:
    return command("replay", *SET, *REID, "--weights", weights(), *arguments)


def test_a_replay_is_the_live_run_without_the_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = command("test", *SET, *REID, "--weights", weights(), "--results", "live", "--json", "live.json")
    assert live.exit_code == 0, (live.output, live.exception)
    monkeypatch.setattr("dmtrack.tracking.loading.build", None)  # what makes networks of configs
    result = replay("--json", "replay.json")
    assert result.exit_code == 0, (result.output, result.exception)
    title = "synthetic-distractors-seed700001-2x12"
    for name in ("synthetic_distractors_0000", "synthetic_distractors_0001"):
        for kind in ("001", "score", "present"):
            path = f"{title}/reid/{name}/{name}_{kind}.txt"
            assert (folder / "replay" / path).read_bytes() == (folder / "live" / path).read_bytes()
        assert read_image(folder / "replay" / title / "reid" / f"{name}.png").shape[1] > 1000
        assert "</html>" in (folder / "replay" / title / "reid" / f"{name}.html").read_text(encoding="utf-8")
    (found,) = json.loads((folder / "replay.json").read_text())["replays"]
    scores = json.loads((folder / "live.json").read_text())["trackers"]["reid"]
    assert found["scores"]["success"] == pytest.approx(scores["success"], abs=1e-12)
    assert found["frames"] == 24 and found["frames_per_second"] > 100
    assert "frames/s" in result.output and "success" in result.output


def test_settings_of_the_policy_change_the_answers_and_one_sequence_can_be_chosen(folder: Path) -> None:
    one = ("--sequence", "synthetic_distractors_0001", "--no-timeline", "--output")
    assert replay(*one, "usual").exit_code == 0
    changed = replay(*one, "changed", "--set", "tracker.association.unseen_score=0.01", "--set",
                     "tracker.association.min_score=0.5", "--set", "tracker.presence_threshold=0.9")  # fmt: skip
    assert changed.exit_code == 0, (changed.output, changed.exception)
    stored = {
        name: sorted(path.name for path in (folder / name).glob("*/*/*/*_001.txt")) for name in ("usual", "changed")
    }
    assert stored["usual"] == stored["changed"] == ["synthetic_distractors_0001_001.txt"]
    scores = [np.loadtxt(next((folder / name).glob("*/*/*/*_score.txt"))) for name in ("usual", "changed")]
    assert not np.array_equal(*scores)
    assert not list((folder / "usual").rglob("*.html"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ("--set", "tracker.max_candidates=7"),
            EvaluationError,
            "k was 100, is 7); build it with `dmtrack cache build` and the same options, or replay with --set",
        ),
        (("--sequence", "synthetic_distractors_0009"), EvaluationError, "has no sequence 'synthetic_distractors_0009'"),
        (("--cache", "elsewhere"), EvaluationError, "elsewhere is no folder of stored detections"),
        (("--count", "3"), EvaluationError, "dmtrack cache build"),
        (("--set", "tracker.association.reech=1"), ConfigError, "reech"),
    ],
)
def test_bad_input_is_one_sentence(folder: Path, arguments: tuple[str, ...], error: Any, message: str) -> None:
    result = replay(*arguments, "--output", "bad")
    assert isinstance(result.exception, error), (result.output, result.exception)
    assert message in str(result.exception) and result.exception.exit_code == 2


def test_detections_of_other_weights_are_refused(folder: Path) -> None:
    content = load_file(weights())
    first = next(iter(content))
    content[first] = content[first] + 1
    with safe_open(weights(), "pt") as opened:
        metadata = opened.metadata()
    save_file(content, folder / "other.safetensors", metadata)
    result = command("replay", *SET, *REID, "--weights", "other.safetensors")
    assert isinstance(result.exception, EvaluationError), (result.output, result.exception)
    assert "weights changed" in str(result.exception) and "dmtrack cache build" in str(result.exception)


def test_a_lost_file_of_detections_is_named(folder: Path) -> None:
    path = next(folder.glob("cache/*/*/synthetic_distractors_0001.detections"))
    content = path.read_bytes()
    path.unlink()
    try:
        result = replay("--output", "lost")
        assert "has no detections in 'synthetic_distractors_0001'" in str(result.exception)
    finally:
        path.write_bytes(content)


def test_a_tracker_without_tracklets_has_boxes_and_no_timeline(folder: Path) -> None:
    plain = ("replay", *SET, "--output", "plain", "--weights", weights())
    built = command("cache", "build", *SET, "--weights", weights())
    assert built.exit_code == 0, built.exception
    assert command(*plain).exit_code == 0
    assert not list((folder / "plain").rglob("*.html"))
    refused = command(*plain, "--timeline")
    assert isinstance(refused.exception, EvaluationError)
    assert "keeps no tracklets" in str(refused.exception)

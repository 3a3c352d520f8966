from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from dmtrack.cli.main import app
from dmtrack.errors import ConfigError, EvaluationError

SET = ("--synthetic", "plain", "--count", "2", "--frames", "4", "--seed", "3")


def command(*arguments):
    return CliRunner().invoke(app, arguments)


def test_build_show_and_test_without_the_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    built = command("cache", "build", *SET)
    assert built.exit_code == 0, (built.output, built.exception)
    assert "2 sequences, 8 frames of synthetic-plain-seed3-2x4" in " ".join(built.output.split())
    again = command("cache", "build", *SET)
    assert "2 of 2 sequences are stored already" in again.output
    shown = command("cache", "show", "cache", "--json", "c.json")
    assert shown.exit_code == 0, shown.exception
    (facts,) = json.loads((tmp_path / "c.json").read_text())
    assert (facts["sequences"], facts["frames"], facts["k"]) == (2, 8, 100) and facts["bytes_per_frame"] < 2004 + 400
    file = next(tmp_path.glob("cache/*/*/*.detections"))
    assert "first_box_xywh" in command("cache", "show", str(file)).output

    live = command("test", *SET, "--results", "live", "--json", "live.json")
    assert live.exit_code == 0, live.exception
    monkeypatch.setattr("dmtrack.tracking.loading.build", None)  # what makes networks of configs
    cached = command("test", *SET, "--cache", "cache", "--results", "cached", "--json", "cached.json")
    assert cached.exit_code == 0, (cached.output, cached.exception)
    for path in (tmp_path / "live").glob("*/*/*/*.txt"):
        if not path.name.endswith("_time.txt"):
            assert path.read_bytes() == (tmp_path / "cached" / path.relative_to(tmp_path / "live")).read_bytes()
    scores = [
        json.loads((tmp_path / f"{name}.json").read_text())["trackers"]["dmtrackReID_tiny"]
        for name in ("live", "cached")
    ]
    assert scores[0]["success"] == scores[1]["success"] and scores[1]["frames_per_second"] is None

    changed = ("test", *SET, "--cache", "cache", "--set", "tracker.max_candidates=7")
    assert "k was 100, is 7" in str(command(*changed).exception)
    assert "config changed" in str(command("test", *SET, "--cache", "cache", "--precision", "bf16").exception)
    # What `auto` is on this machine decides whether the stored detections are its own.
    auto = ("test", *SET, "--cache", "cache", "--results", "auto", "--precision", "auto", "--device", "cpu")
    monkeypatch.setattr("dmtrack.tracking.device.has_fast_bf16", lambda: True)
    assert "config changed" in str(command(*auto).exception)
    monkeypatch.setattr("dmtrack.tracking.device.has_fast_bf16", lambda: False)
    assert command(*auto).exit_code == 0
    mixed = command("test", *SET, "--cache", "cache", "--results", "live")
    assert "detections was None, is stored" in str(mixed.exception)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("show", "nowhere"), EvaluationError, "nowhere holds no stored detections"),
        (("build",), EvaluationError, "--data FOLDER, --synthetic plain"),
        (("build", *SET, "--config", "dmtrackGS_tin"), ConfigError, "dmtrackGS_tiny"),
        (("build", *SET, "--config", "own:Tracker"), EvaluationError, "sees images"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, arguments, error, message):
    monkeypatch.chdir(tmp_path)
    result = command("cache", *arguments)
    assert isinstance(result.exception, error), result.output
    assert message in str(result.exception)

from __future__ import annotations

import json
import sys

import pytest
from typer.testing import CliRunner

from dmtrack.cli import demo as demo_command
from dmtrack.cli.main import app
from dmtrack.errors import ConfigError, OutputError

TRACKER = """
class Still:
    name, is_deterministic = "still", True
    def init(self, image, box):
        self.box = box
    def update(self, image):
        return self.box
"""


@pytest.fixture
def own_tracker(tmp_path, monkeypatch):
    (tmp_path / "demo_trackers.py").write_text(TRACKER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo_command, "QUICK", (2, 4, 2))
    yield "demo_trackers:Still"
    sys.modules.pop("demo_trackers", None)
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]


def demo(*arguments):
    return CliRunner().invoke(app, ["demo", *arguments])


def test_everything_is_written_and_every_link_leads_somewhere(tmp_path, own_tracker):
    result = demo("--quick", "--config", own_tracker, "--processes", "1", "--output", "out")
    assert result.exit_code == 0, (result.output, result.exception)
    assert str(tmp_path / "out" / "index.html") in result.output
    page = (tmp_path / "out" / "index.html").read_text()
    for kind in ("plain", "distractors"):
        for name in ("tracked.mp4", "tracked.jpg", "success.png", "success_dark.png", "precision.png"):
            assert f"{kind}/{name}" in page and (tmp_path / "out" / kind / name).stat().st_size > 1000
        assert (tmp_path / "out" / kind / "success.pdf").exists()
    stored = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert [one["protocol"] for one in stored["sets"]] == ["dmtrack-visible"] * 2
    assert "seed 900001" in stored["facts"]["sequences"]
    # A second demo replaces the first one, whatever made it.
    (tmp_path / "demo_trackers.py").write_text(TRACKER + "# changed\n")
    assert demo("--quick", "--config", own_tracker, "--processes", "1", "--output", "out").exit_code == 0


def test_what_is_wrong_is_said_before_any_work(tmp_path, own_tracker):
    assert isinstance(demo("--config", "demo_trackers:Stil").exception, ConfigError)
    (tmp_path / "file").write_text("")
    assert isinstance(demo("--config", own_tracker, "--output", "file/out").exception, OutputError)


def test_a_full_disk_is_one_sentence_and_keeps_what_was_tracked(tmp_path, own_tracker):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # too little for a plot
    try:
        result = demo("--quick", "--config", own_tracker, "--processes", "1", "--output", "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(result.exception, OutputError) and "free some space" in str(result.exception)
    assert len(list((tmp_path / "out" / "results").rglob("*_001.txt"))) > 0

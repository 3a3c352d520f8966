"""Experiments and `dmtrack test` share results: what one has run, the other resumes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import dmtrack
from dmtrack.cli.main import app
from dmtrack.data.writers import WRITERS
from dmtrack.errors import EvaluationError
from dmtrack.running.experiments import ExperimentGOT10k, ExperimentLaSOT

TRACKER = """
from pathlib import Path

class Counting:
    name, is_deterministic = "counting", True
    def init(self, image, box):
        self.box = box
        with Path("starts").open("a") as opened:
            opened.write("x")
    def update(self, image):
        return self.box
"""


@pytest.fixture
def starts(tmp_path, monkeypatch, make_moving):
    """How often the tracker was started; its module and two benchmarks lie in the working folder."""
    (tmp_path / "counting_tracker.py").write_text(TRACKER)
    monkeypatch.chdir(tmp_path)
    WRITERS["lasot"]([make_moving("cat-1"), make_moving("dog-2", speed=2.0)], tmp_path / "lasot_data")
    WRITERS["got10k"]([make_moving("a"), make_moving("b", speed=2.0)], tmp_path / "got10k_data")
    yield lambda: len((tmp_path / "starts").read_text())
    sys.modules.pop("counting_tracker", None)
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]


def run_command(layout, *arguments):
    given = ["--layout", layout, "--data", f"{layout}_data", "--tracker", "counting_tracker:Counting", *arguments]
    return CliRunner().invoke(app, ["test", *given])


@pytest.mark.parametrize(
    ("layout", "make", "first"),
    [
        ("lasot", ExperimentLaSOT, "results/LaSOT/counting/cat-1.txt"),
        ("got10k", ExperimentGOT10k, "results/GOT-10k/counting/a/a_001.txt"),
    ],
)
def test_the_command_resumes_what_an_experiment_has_run(layout, make, first, starts, tmp_path):
    tracker = dmtrack.load_tracker("counting_tracker:Counting")
    performance = make(f"{layout}_data").run(tracker).report("counting")["counting"]
    assert starts() == 2
    (tmp_path / first).unlink()
    result = run_command(layout, "--protocol", performance["protocol"], "--json", "scores.json")
    assert result.exit_code == 0, result.output
    assert starts() == 3 and "1 of 2 sequences are stored already" in result.output
    assert (tmp_path / first).is_file() and not (tmp_path / "results" / layout).exists()
    again = make(f"{layout}_data").run(tracker).report("counting")["counting"]
    assert starts() == 3 and again["overall"].keys() == performance["overall"].keys()
    for key in set(again["overall"]) - {"speed_fps"}:
        assert again["overall"][key] == performance["overall"][key]


@pytest.mark.parametrize(("layout", "make"), [("lasot", ExperimentLaSOT), ("got10k", ExperimentGOT10k)])
def test_an_experiment_resumes_what_the_command_has_run(layout, make, starts, tmp_path):
    assert run_command(layout).exit_code == 0
    assert starts() == 2
    tracker = dmtrack.load_tracker("counting_tracker:Counting")
    performance = make(f"{layout}_data").run(tracker).report("counting")["counting"]
    assert starts() == 2 and not (tmp_path / "results/LaSOT").exists() and not (tmp_path / "results/GOT-10k").exists()
    assert np.isfinite([value for value in performance["overall"].values() if isinstance(value, float)]).all()


def test_results_of_another_code_are_refused(starts, tmp_path):
    ExperimentLaSOT("lasot_data").run(dmtrack.load_tracker("counting_tracker:Counting"))
    sys.modules.pop("counting_tracker")
    (tmp_path / "counting_tracker.py").write_text(TRACKER + "# changed\n")
    with pytest.raises(EvaluationError, match="code_sha256 changed"):
        ExperimentLaSOT("lasot_data").run(dmtrack.load_tracker("counting_tracker:Counting"))
    result = run_command("lasot")
    assert result.exit_code != 0 and "code_sha256 changed" in str(result.exception or result.output)


def test_results_without_a_manifest_are_continued_by_experiments(starts, tmp_path):
    tracker = dmtrack.load_tracker("counting_tracker:Counting")
    folder = tmp_path / "results/LaSOT/counting"
    folder.mkdir(parents=True)
    (folder / "cat-1.txt").write_text("5,7,20,16\n" * 8)  # as the got10k toolkit writes them
    ExperimentLaSOT("lasot_data").run(tracker).report("counting")
    assert starts() == 1 and not (folder / "manifest.json").exists()

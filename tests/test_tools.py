"""The scripts in tools/, as people run them: from any folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools"
PRESENCE = ["dmtrackReID_tiny", "--clips", "nowhere", "--fit", "dog,cows", "--held-out", "camel,libby"]


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("test_dmtrack.py", [], "--data FOLDER, --synthetic plain"),
        ("train_dmtrack.py", ["--config", "dmtrackGS_dla34_fpn", "--gpus", "99"], "99 GPUs were asked for"),
        ("verify_reference.py", ["dmtrack_gs", "nowhere"], "nowhere is no folder"),
        ("calibrate_presence.py", PRESENCE, "no folder nowhere"),
        ("calibrate_presence.py", [*PRESENCE, "--plot", "plot.bmp"], "plot.bmp: expected a name that ends in .png"),
        ("clips_from_afar.py", [".", "--photographs", "nowhere", "--output", "far"], "nowhere"),
    ],
)
def test_a_script_runs_from_another_folder(tmp_path, script, arguments, message):
    done = subprocess.run(
        [sys.executable, str(TOOLS / script), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    *before, error = done.stderr.splitlines()
    assert message in error and error.startswith("error: ") and before in ([], ["loading PyTorch ..."])
    assert list(tmp_path.iterdir()) == []


BENCHMARKS = sorted((TOOLS.parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize(
    "script", [path for path in BENCHMARKS if "parity" in path.read_text()], ids=lambda path: path.stem
)
def test_a_benchmark_that_uses_the_formulas_of_parity_starts_from_another_folder(tmp_path, script):
    done = subprocess.run([sys.executable, str(script), "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "usage:" in done.stdout, done.stderr

"""The scripts in tools/, as people run them: from any folder."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools"
PRESENCE = ["dmtrackReID_tiny", "--clips", "nowhere", "--names", "dog,cows,camel"]


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


@pytest.fixture(scope="module")
def calibration():
    spec = importlib.util.spec_from_file_location("calibrate_presence", TOOLS / "calibrate_presence.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made_rows(seed, informative):
    """Forty frames with a right box, forty with a wrong one and twenty without target; one number tells them apart."""
    random = np.random.default_rng(seed)
    rows = np.zeros((100, 11))
    rows[:80, 0], rows[:40, 1], rows[40:80, 1] = 1.0, 0.8, 0.3
    rows[:, 2], rows[:, 3], rows[:, 8] = 1.0, 1.0, 1.0
    rows[:, informative] = np.where(np.arange(100) < 40, 1.0, -1.0) + 0.5 * random.standard_normal(100)
    return rows


def test_presence_is_fitted_and_each_source_is_scored_by_the_others(calibration):
    cosine = calibration.KNOWN.start + 1
    sources = {"cow": [made_rows(1, cosine), made_rows(2, cosine)], "dog": [made_rows(3, cosine)]}
    presence = calibration.fit(calibration.without(sources))
    assert presence[1] > 2 and np.abs(np.delete(presence, 1)).max() < 1
    scored = calibration.held_out_scores(sources)
    rates = calibration.rates(scored["cow"] + scored["dog"], 0.5)
    assert rates["right"] > 0.95 and rates["wrong"] < 0.06 and rates["absent"] < 0.06
    expected = 0.4 * rates["right"] + 0.4 * (1 - rates["wrong"]) + 0.2 * (1 - rates["absent"])
    assert rates["correct"] == pytest.approx(expected, abs=0.002)
    threshold = calibration.highest_threshold(scored.values())
    right = np.mean([calibration.rates(group, threshold)["right"] for group in scored.values()])
    above = np.mean([calibration.rates(group, threshold + 0.01)["right"] for group in scored.values()])
    assert right >= 0.9 > above
    # A source whose frames say the opposite is told wrongly by the others; its own frames have no say.
    reversed_rows = made_rows(4, cosine) * np.where(np.arange(11) == cosine, -1.0, 1.0)
    scored = calibration.held_out_scores(sources | {"odd": [reversed_rows]})
    assert calibration.rates(scored["odd"], 0.5)["right"] < 0.1


def test_presence_of_five_six_or_no_numbers(calibration):
    rows = made_rows(5, calibration.KNOWN.start)
    rows[:, calibration.OWN_SCORE], rows[-1, calibration.IN_SIGHT] = 0.7, 0.0
    np.testing.assert_allclose(calibration.probabilities(rows, None), 0.7)
    five = calibration.probabilities(rows, (1.0, 0.0, 0.0, 0.0, 2.0))
    np.testing.assert_allclose(five, calibration.probabilities(rows, (1.0, 0.0, 0.0, 0.0, 2.0, 0.0)))
    np.testing.assert_allclose(five[0], 1 / (1 + np.exp(-rows[0, calibration.KNOWN.start] - 2)))
    assert five[-1] == 0.0


BENCHMARKS = sorted((TOOLS.parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize(
    "script", [path for path in BENCHMARKS if "parity" in path.read_text()], ids=lambda path: path.stem
)
def test_a_benchmark_that_uses_the_formulas_of_parity_starts_from_another_folder(tmp_path, script):
    done = subprocess.run([sys.executable, str(script), "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "usage:" in done.stdout, done.stderr

"""Reference scores (`metrics.json` with `metrics_inputs.npz`, `eval_*.npz`), through the code that scores trackers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.boxes import xyxy_to_xywh
from dmtrack.errors import DataError
from dmtrack.evaluation.protocols import grid
from dmtrack.evaluation.protocols.official import DMTRACK_PAPER
from dmtrack.evaluation.scoring import score_sequence
from parity.golden import GoldenFile
from parity.metrics_ope import OPE_QUANTITIES, verify_ope
from parity.metrics_vot import verify_vot
from parity.report import Check

SCORES = "metrics.json"
INPUTS = "metrics_inputs.npz"

VOT_QUANTITIES = ("vot_", "pysot_vot", "mm_vot", "overlap_pairs", "pysot_f1")
"""How the names of the quantities of `verify_vot` begin."""


def verify_metrics(folder: Path) -> list[Check]:
    """Checks every reference score in a folder; other files may lie beside them.

    Args:
        folder: with `metrics.json` and `metrics_inputs.npz`, or `eval_*.npz`, or all of them.

    Raises:
        DataError: the folder has none of these files, or one of them is malformed.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give the one that holds {SCORES} and {INPUTS}, or eval_*.npz")
    checks: list[Check] = []
    if (folder / SCORES).is_file() or (folder / INPUTS).is_file():
        checks += verify_ope(read_scores(folder / SCORES), folder / INPUTS)
        checks += verify_vot(folder)
        checks += _unknown(read_scores(folder / SCORES))
    for path in sorted(folder.glob("eval_*.npz")):
        golden = GoldenFile(path)
        check_evaluator(golden)
        checks += golden.finish()
    if not checks:
        raise DataError(f"{folder} holds no reference scores; expected {SCORES} and {INPUTS}, or eval_*.npz")
    return checks


def read_scores(path: Path) -> dict[str, Any]:
    """The reference scores by quantity.

    Raises:
        DataError: the file is missing or no JSON object.
    """
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing beside {INPUTS}; copy both") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no JSON file of reference scores ({error}); copy it again") from error
    if not isinstance(scores, dict):
        raise DataError(f"{path} holds no JSON object of reference scores; copy it again")
    return scores


def _unknown(scores: dict[str, Any]) -> list[Check]:
    """A failure for every quantity that no check looks at."""
    return [
        Check(SCORES, name, None, 0.0, "no check knows this quantity")
        for name in scores
        if name not in OPE_QUANTITIES and not name.startswith(VOT_QUANTITIES)
    ]


TOLERANCE = 1e-9
"""All in float64."""


def check_evaluator(golden: GoldenFile) -> None:
    """Counted frames, IoU, centre errors, curves and scores, through the functions that score every tracker."""
    frames, bins = int(golden.given("n")), int(golden.given("nbins"))
    truth, results = _random_boxes(int(golden.given("seed")), frames)
    golden.close("anno", truth, TOLERANCE)
    golden.close("pred", results, TOLERANCE)
    protocol = replace(DMTRACK_PAPER, success_thresholds=grid(1.0, bins))
    truth, results = golden.given("anno"), golden.given("pred")
    present = (truth[:, 2:] >= truth[:, :2]).all(axis=1)
    score = score_sequence(
        protocol, golden.name, xyxy_to_xywh(truth, inclusive=True), present, xyxy_to_xywh(results, inclusive=True)
    )
    golden.exact("mask", score.counted)
    golden.close("iou", score.iou, TOLERANCE)
    golden.close("center_error", score.center_distance, TOLERANCE)
    golden.close("succ_curve", score.observed.success, TOLERANCE)
    golden.close("prec_curve", score.observed.precision, TOLERANCE)
    golden.close("success_score", score.scores["success"], TOLERANCE)
    golden.close("precision_20", score.scores["precision"], TOLERANCE)
    golden.close("success_rate", score.scores["success_rate"], TOLERANCE)


def _random_boxes(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(seed)
    top_left = random.uniform(5, 500, (frames, 2))
    size = random.uniform(8, 150, (frames, 2))
    truth = np.concatenate([top_left, top_left + size - 1], axis=1)
    results = truth + 15 * random.standard_normal((frames, 4))
    truth[random.permutation(frames)[: frames // 10]] = (0, 0, -1, -1)
    return truth, results

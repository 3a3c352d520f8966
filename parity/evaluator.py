"""`eval_*.npz`: the evaluator of the published code on random boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dmtrack.boxes import inclusive_xyxy_to_xywh
from dmtrack.evaluation.protocols import DMTRACK_PAPER, grid
from dmtrack.evaluation.scoring import score_sequence
from parity.golden import GoldenFile

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
        protocol, golden.name, inclusive_xyxy_to_xywh(truth), present, inclusive_xyxy_to_xywh(results)
    )
    golden.exact("mask", score.counted)
    golden.close("iou", score.iou, TOLERANCE)
    golden.close("center_error", score.center_distance, TOLERANCE)
    golden.close("succ_curve", score.curves.success, TOLERANCE)
    golden.close("prec_curve", score.curves.precision, TOLERANCE)
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

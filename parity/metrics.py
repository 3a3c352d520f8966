"""Reference scores (`metrics.json` with `metrics_inputs.npz`, `eval_*.npz`), through the code that scores trackers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dmtrack.errors import DataError
from parity.evaluator import check_evaluator
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

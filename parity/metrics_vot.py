"""Overlaps and VOT scores of PySOT, MMTracking and the VOT toolkit on the same inputs, reproduced by the protocols."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import DataError
from dmtrack.evaluation.measures.long_term import LongTermRun, score_long_term
from dmtrack.evaluation.measures.overlap import EXACT, INCLUSIVE, ROUNDED, region_overlaps
from dmtrack.evaluation.measures.supervised import VotRuns, score_vot
from dmtrack.evaluation.measures.trajectory import Trajectory
from dmtrack.evaluation.protocols import VotProtocol
from dmtrack.evaluation.protocols.challenges import VOT2018, VOT2018_MMTRACKING, VOT_LT_PYSOT
from parity.golden import ABSOLUTE, largest_difference
from parity.report import Check

TOLERANCE = 1e-6

SCORES = "metrics.json"
INPUTS = "metrics_inputs.npz"

IMAGE_SIZE_WH = (320, 240)
"""Of the sequences in the reference files."""

PAIRS_SIZE_WH = (200, 160)
"""Of the image that the pairs of regions are clipped to."""

PAIR_RULES = {
    "overlap_pairs_pysot": INCLUSIVE,
    "overlap_pairs_vottoolkit": ROUNDED,
    "overlap_pairs_shapely": EXACT,
}

_Arrays = Mapping[str, NDArray[Any]]
_Comparison = tuple[str, Any, Any]


def verify_vot(folder: Path) -> list[Check]:
    """Compares every overlap and every VOT score of a reference file.

    Args:
        folder: with `metrics.json` and `metrics_inputs.npz`.

    Raises:
        DataError: a file or an array is missing or malformed.
    """
    scores, arrays = _read_scores(folder / SCORES), _read_arrays(folder / INPUTS)
    try:
        compared = [
            *_pairs(scores),
            *_short_term(scores, arrays),
            *_long_term(scores, arrays),
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / SCORES} and {folder / INPUTS} do not fit together ({type(error).__name__}: {error}); copy both "
            "again"
        ) from error
    return [
        Check(SCORES, name, largest_difference(np.asarray(actual, dtype=np.float64), expected), TOLERANCE, ABSOLUTE)
        for name, actual, expected in compared
    ]


def _pairs(scores: Mapping[str, Any]) -> Iterator[_Comparison]:
    pairs = scores.get("overlap_pairs", [])
    if not pairs:
        return
    rectangles, quadrilaterals = (np.array([pair[index] for pair in pairs]) for index in (0, 1))
    for name, expected in scores.items():
        if name.startswith("overlap_pairs_"):
            # A definition that is not known here stays uncompared, and so fails.
            rule = PAIR_RULES.get(name)
            yield name, region_overlaps(rule, quadrilaterals, rectangles, PAIRS_SIZE_WH) if rule else [], expected


def _short_term(scores: Mapping[str, Any], arrays: _Arrays) -> Iterator[_Comparison]:
    names = _numbered(arrays, r"vot(\d+)_res")
    trajectories = [Trajectory(arrays[f"vot{name}_res"]) for name in names]
    runs = [
        VotRuns(f"vot{name}", arrays[f"vot{name}_quad"], IMAGE_SIZE_WH, (trajectory,))
        for name, trajectory in zip(names, trajectories, strict=True)
    ]
    if "vot_lens" in scores:
        yield "vot_lens", [len(trajectory) for trajectory in trajectories], scores["vot_lens"]
    for index, expected in enumerate(scores.get("vot_failures", [])):
        failures = trajectories[index].failures if index < len(trajectories) else np.array([np.nan])
        yield f"vot_failures.{index}", failures, expected
    flavours: tuple[tuple[str, VotProtocol], ...] = (("pysot_vot", VOT2018), ("mm_vot", VOT2018_MMTRACKING))
    for quantity, protocol in flavours:
        if quantity in scores:
            measured = score_vot(protocol, runs).scores
            measured["num_fails"] = measured["lost"]
            for name, expected in scores[quantity].items():
                yield f"{quantity}.{name}", measured.get(name, np.nan), expected


def _long_term(scores: Mapping[str, Any], arrays: _Arrays) -> Iterator[_Comparison]:
    if "pysot_f1" not in scores:
        return
    runs = [
        LongTermRun(
            name=f"f1_{name}",
            truth=_coded(arrays[f"f1_{name}_gt"], ~np.asarray(arrays[f"f1_{name}_vis"], dtype=bool), 0.0),
            results=Trajectory.without_restarts(arrays[f"f1_{name}_pred"]).regions,
            confidence=_without_first(arrays[f"f1_{name}_score"]),
            image_size_wh=IMAGE_SIZE_WH,
        )
        for name in _numbered(arrays, r"f1_(\d+)_gt")
    ]
    score = score_long_term(VOT_LT_PYSOT, runs)
    measured = {
        "f1": score.scores["f_score"],
        "precision": score.scores["precision"],
        "recall": score.scores["recall"],
        "argmax": score.best,
    }
    for name, expected in scores["pysot_f1"].items():
        yield f"pysot_f1.{name}", measured.get(name, np.nan), expected


def _coded(regions: NDArray[Any], special: NDArray[np.bool_], code: float) -> NDArray[np.float64]:
    """Regions with a code in the frames that are special."""
    coded = np.where(special[:, None], np.nan, regions)
    coded[special, 0] = code
    return coded


def _without_first(confidence: NDArray[Any]) -> NDArray[np.float64]:
    """Confidences with none in the frame in which the target is given."""
    known = np.array(confidence, dtype=np.float64)
    known[:1] = np.nan
    return known


def _numbered(arrays: _Arrays, pattern: str) -> list[str]:
    """The numbers in names of arrays, ascending."""
    return sorted((match[1] for name in arrays if (match := re.fullmatch(pattern, name))), key=int)


def _read_scores(path: Path) -> dict[str, Any]:
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing beside {INPUTS}; copy both") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no JSON file of reference scores ({error}); copy it again") from error
    if not isinstance(scores, dict):
        raise DataError(f"{path} holds no JSON object of reference scores; copy it again")
    return scores


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing beside {SCORES}; copy both") from error
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is truncated or no .npz file of reference inputs; copy it again") from error

"""One-pass scores of MMTracking, PySOT and the got10k toolkit on the same boxes, reproduced by the protocols."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import DataError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.protocols.official import GOT10K
from dmtrack.evaluation.protocols.toolkits import GOT10K_TOOLKIT, MMTRACKING, PYSOT
from dmtrack.evaluation.scoring import Score, combine, score_sequence
from parity.golden import ABSOLUTE, largest_difference
from parity.report import Check

TOLERANCE = 1e-6
PERCENT_TOLERANCE = 1e-4
"""MMTracking gives percentages: the same 1e-6 of a share."""

IMAGE_SIZE_WH = (320, 240)
"""Of the reference files; GOT-10k clips to it."""

OPE_QUANTITIES = (
    "kinds",
    "mm_ope_all",
    "mm_ope_visible",
    "mm_ope_per_seq",
    "pysot_no_absent",
    "pysot_absent",
    "got10k",
)
"""Names in `metrics.json` that this module compares, or reads the case from."""


@dataclass(frozen=True)
class _Case:
    """One sequence of the reference file."""

    name: str
    truth_xywh: NDArray[np.float64]
    results_xywh: NDArray[np.float64]
    visible: NDArray[np.bool_]

    def score(self, protocol: Protocol, absent_known: bool) -> Score:
        """The sequence alone, as a set of one."""
        return _score(protocol, [self], absent_known)


def verify_ope(scores: Mapping[str, Any], inputs: Path) -> list[Check]:
    """Compares every one-pass score of a reference file.

    Args:
        scores: content of `metrics.json`.
        inputs: `metrics_inputs.npz`.

    Raises:
        DataError: a case or an array is missing.
    """
    cases = _read_cases(scores, inputs)
    return [
        Check(
            "metrics.json",
            name,
            largest_difference(np.asarray(actual, dtype=np.float64), np.asarray(expected)),
            tolerance,
            ABSOLUTE,
        )
        for name, actual, expected, tolerance in (
            *_mmtracking(scores, cases),
            *_pysot(scores, cases),
            *_got10k(scores, cases),
        )
    ]


_Comparison = tuple[str, Any, Any, float]


def _mmtracking(scores: Mapping[str, Any], cases: Mapping[str, _Case]) -> Iterator[_Comparison]:
    keys = {"success": "success", "precision": "precision", "norm_precision": "normalized_precision"}
    for quantity, absent_known in (("mm_ope_all", False), ("mm_ope_visible", True)):
        if quantity in scores:
            found = _score(MMTRACKING, list(cases.values()), absent_known).scores
            for theirs, expected in scores[quantity].items():
                actual = found[keys[theirs]] * 100 if theirs in keys else np.nan
                yield f"{quantity}.{theirs}", actual, expected, PERCENT_TOLERANCE
    for name, pair in scores.get("mm_ope_per_seq", {}).items():
        for label, absent_known, values in zip(("all", "visible"), (False, True), pair, strict=True):
            found = cases[name].score(MMTRACKING, absent_known).scores
            for theirs, expected in values.items():
                actual = found[keys[theirs]] * 100 if theirs in keys else np.nan
                yield f"mm_ope_per_seq.{name}.{label}.{theirs}", actual, expected, PERCENT_TOLERANCE


def _pysot(scores: Mapping[str, Any], cases: Mapping[str, _Case]) -> Iterator[_Comparison]:
    keys = {"success_auc": "success", "precision20": "precision", "norm_precision20": "normalized_precision"}
    for quantity, absent_known in (("pysot_no_absent", False), ("pysot_absent", True)):
        if quantity not in scores:
            continue
        total = _score(PYSOT, list(cases.values()), absent_known)
        first = next(iter(cases.values())).score(PYSOT, absent_known)
        for theirs, expected in scores[quantity].items():
            if theirs == "per_seq":
                for name, values in expected.items():
                    found = cases[name.removeprefix("s")].score(PYSOT, absent_known).scores
                    yield f"{quantity}.{name}", [found[key] for key in keys.values()], values, TOLERANCE
            elif theirs == "curve_first":
                yield f"{quantity}.{theirs}", first.pooled.success, expected, TOLERANCE
            else:
                actual = total.scores[keys[theirs]] if theirs in keys else np.nan
                yield f"{quantity}.{theirs}", actual, expected, TOLERANCE


def _got10k(scores: Mapping[str, Any], cases: Mapping[str, _Case]) -> Iterator[_Comparison]:
    for name, values in scores.get("got10k", {}).items():
        case = cases[name.removeprefix("s")]
        toolkit, official = (case.score(protocol, False).scores for protocol in (GOT10K_TOOLKIT, GOT10K))
        actual = {
            "ao": toolkit["average_overlap"],
            "succ": toolkit["success"],
            "prec20": toolkit["precision"],
            "succ_rate": toolkit["success_rate"],
            "nprec_auc": toolkit["normalized_precision"],
            "got_ao": official["ao"],
            "got_sr50": official["sr50"],
            "got_sr50_grid": official["sr50"],
        }
        for theirs, expected in values.items():
            yield f"got10k.{name}.{theirs}", actual.get(theirs, np.nan), expected, TOLERANCE


def _score(protocol: Protocol, cases: list[_Case], absent_known: bool) -> Score:
    """A set of sequences; without absence flags, absent frames are frames with an invalid true box."""
    return combine(
        protocol,
        "reference",
        "reference",
        [
            score_sequence(
                protocol,
                case.name,
                case.truth_xywh,
                case.visible if absent_known else np.ones_like(case.visible),
                case.results_xywh,
                image_size_wh=IMAGE_SIZE_WH,
            )
            for case in cases
        ],
    )


def _read_cases(scores: Mapping[str, Any], inputs: Path) -> dict[str, _Case]:
    try:
        with np.load(inputs, allow_pickle=False) as stored:
            cases = {
                str(name): _Case(
                    f"s{name}",
                    stored[f"seq{name}_gt"],
                    stored[f"seq{name}_pred"],
                    np.asarray(stored[f"seq{name}_vis"], dtype=bool),
                )
                for name in scores.get("kinds", {})
            }
    except FileNotFoundError as error:
        raise DataError(f"{inputs} is missing beside metrics.json; copy both") from error
    except KeyError as error:
        raise DataError(
            f"{inputs} has no array {error.args[0]}, which metrics.json speaks of; copy both again"
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{inputs} is truncated or no .npz file of reference inputs; copy it again") from error
    if not cases:
        raise DataError(f"metrics.json beside {inputs.name} names no sequence under 'kinds'; copy both again")
    return cases

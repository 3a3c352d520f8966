"""GOT-10k: 180 validation sequences, and 180 test sequences whose truth the server alone has."""

from __future__ import annotations

from pathlib import Path

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.scoring import Curves
from dmtrack.running.experiments.one_pass import OnePassExperiment
from dmtrack.running.experiments.records import RepeatedRecords


class ExperimentGOT10k(OnePassExperiment):
    """GOT-10k by its own rules: three runs of trackers that are not deterministic, average overlap over all frames.

    On the test split, `report` builds and checks the package to upload.

    Args:
        root_dir: folder with `val` and `test`.
        subset: "val" or "test".
        result_dir: results go to `<result_dir>/GOT-10k/<tracker>/<sequence>/<sequence>_001.txt`.
        report_dir: reports go to `<report_dir>/GOT-10k/<first tracker>`.
        protocol: `got10k`, or another one.

    Raises:
        EvaluationError: another subset.
    """

    def __init__(
        self,
        root_dir: str | Path,
        subset: str = "val",
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        if subset not in ("val", "test"):
            raise EvaluationError(f"GOT-10k: unknown subset {subset!r}; expected 'val' or 'test'")
        super().__init__("got10k", root_dir, "GOT-10k", subset, result_dir, report_dir, protocol, 3, RepeatedRecords)

    def curve_numbers(self, curves: Curves) -> dict[str, list[float | None]]:
        """Curves, with the success curve under its name in the got10k toolkit's report as well."""
        numbers = super().curve_numbers(curves)
        return {"succ_curve": numbers["success_curve"], **numbers}

    def score_numbers(self, scores: dict[str, float]) -> dict[str, float | None]:
        """Scores, with the success rate under its name in the got10k toolkit's report as well."""
        numbers = super().score_numbers(scores)
        return {**numbers, "sr": numbers["sr50"]} if "sr50" in numbers else numbers

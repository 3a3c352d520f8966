"""OTB: 100 targets in 98 videos, of which 51 in 50 videos are the version of 2013."""

from __future__ import annotations

from pathlib import Path

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.running.experiments.one_pass import OnePassExperiment
from dmtrack.running.experiments.records import FlatRecords

_BENCHMARKS = {"2013": "otb2013", "otb2013": "otb2013", "2015": "otb100", "otb2015": "otb100", "tb100": "otb100"}


class ExperimentOTB(OnePassExperiment):
    """OTB by the definitions of its papers.

    Args:
        root_dir: folder of the sequences.
        version: 2013, or 2015 (also called TB-100).
        result_dir: results go to `<result_dir>/OTB2015/<tracker>/<sequence>.txt`.
        report_dir: reports go to `<report_dir>/OTB2015/<first tracker>`.
        protocol: `otb-official`, or another one.

    Raises:
        EvaluationError: another version.
    """

    def __init__(
        self,
        root_dir: str | Path,
        version: int | str = 2015,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        if str(version).lower() not in _BENCHMARKS:
            raise EvaluationError(f"OTB: unknown version {version!r}; expected 2013 or 2015")
        benchmark = _BENCHMARKS[str(version).lower()]
        super().__init__(benchmark, root_dir, f"OTB{version}", None, result_dir, report_dir, protocol)
        self.records = FlatRecords(self.result_dir, got10k_name)


def got10k_name(sequence: str) -> str:
    """The name of a sequence in the got10k toolkit's files: `Jogging.1` for `Jogging-1`, `Human4` for `Human4-2`."""
    if sequence == "Human4-2":
        return "Human4"
    video, dash, target = sequence.rpartition("-")
    return f"{video}.{target}" if dash and video in ("Jogging", "Skating2") else sequence

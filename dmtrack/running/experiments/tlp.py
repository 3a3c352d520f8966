"""TLP (Track Long and Prosper): 50 videos of 8 minutes on average."""

from __future__ import annotations

from pathlib import Path

from dmtrack.evaluation.protocols import Protocol
from dmtrack.running.experiments.one_pass import OnePassExperiment


class ExperimentTLP(OnePassExperiment):
    """TLP by the rules of its paper, longest subsequence included.

    Args:
        root_dir: folder of the sequences.
        result_dir: results go to `<result_dir>/TLP/<tracker>/<sequence>.txt`.
        report_dir: reports go to `<report_dir>/TLP/<first tracker>`.
        protocol: `tlp`, or another one.
    """

    def __init__(
        self,
        root_dir: str | Path,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        super().__init__("tlp", root_dir, "TLP", None, result_dir, report_dir, protocol)

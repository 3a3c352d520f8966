"""LaSOT: 280 test sequences of 2,450 frames on average."""

from __future__ import annotations

from pathlib import Path

from dmtrack.evaluation.protocols import Protocol
from dmtrack.running.experiments.one_pass import OnePassExperiment


class ExperimentLaSOT(OnePassExperiment):
    """LaSOT by the rules of its own toolkit, in which frames flagged absent are misses.

    Args:
        root_dir: folder of the classes, or of the sequences.
        subset: "test" or "train".
        result_dir: results go to `<result_dir>/LaSOT/<tracker>/<sequence>.txt`.
        report_dir: reports go to `<report_dir>/LaSOT/<first tracker>`.
        protocol: `lasot-official`, or another one.
    """

    def __init__(
        self,
        root_dir: str | Path,
        subset: str = "test",
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        super().__init__("lasot", root_dir, "LaSOT", subset, result_dir, report_dir, protocol)

"""TrackingNet: 511 test sequences, whose truth the server alone has."""

from __future__ import annotations

from pathlib import Path

from dmtrack.evaluation.protocols import Protocol
from dmtrack.running.experiments.one_pass import OnePassExperiment


class ExperimentTrackingNet(OnePassExperiment):
    """TrackingNet by the rules of its server; on the test split, `report` builds and checks the package to upload.

    Args:
        root_dir: folder of the chunks.
        subset: "test", "train", or a chunk such as "TRAIN_0".
        result_dir: results go to `<result_dir>/TrackingNet/<tracker>/<sequence>.txt`.
        report_dir: reports go to `<report_dir>/TrackingNet/<first tracker>`.
        protocol: `trackingnet-official`, or another one.
    """

    def __init__(
        self,
        root_dir: str | Path,
        subset: str = "test",
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        super().__init__("trackingnet", root_dir, "TrackingNet", subset, result_dir, report_dir, protocol)

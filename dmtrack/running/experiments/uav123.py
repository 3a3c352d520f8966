"""UAV123 and UAV20L: videos from drones."""

from __future__ import annotations

from pathlib import Path

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.running.experiments.one_pass import OnePassExperiment


class ExperimentUAV123(OnePassExperiment):
    """UAV123 by the rules of its own toolkit, in which frames without annotation stay in the denominator.

    Args:
        root_dir: folder with `anno` and `data_seq`.
        version: "UAV123" or "UAV20L".
        result_dir: results go to `<result_dir>/UAV123/<tracker>/<sequence>.txt`.
        report_dir: reports go to `<report_dir>/UAV123/<first tracker>`.
        protocol: `uav123-official`, or another one.

    Raises:
        EvaluationError: another version.
    """

    def __init__(
        self,
        root_dir: str | Path,
        version: str = "UAV123",
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        if version.upper() not in ("UAV123", "UAV20L"):
            raise EvaluationError(f"UAV123: unknown version {version!r}; expected UAV123 or UAV20L")
        super().__init__(version.lower(), root_dir, version.upper(), None, result_dir, report_dir, protocol)

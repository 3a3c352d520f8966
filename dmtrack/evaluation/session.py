"""One tracker on one set of sequences, from start to score: what `dmtrack test` and `dmtrack demo` do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.evaluation.api import score_store
from dmtrack.evaluation.progress import RunProgress
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.runner import run
from dmtrack.evaluation.scoring import Score
from dmtrack.evaluation.workers import BuildTracker, OpenSequences


@dataclass(frozen=True)
class Session:
    """What is run, and where its results lie.

    Attributes:
        benchmark: label of the set of sequences.
        open_sequences: opens them; picklable if several processes are used.
        tracker: label of the tracker.
        build_tracker: builds it; picklable likewise.
        identity: what decides its boxes, see `ResultStore.start`.
        details: what else is worth keeping beside the results.
        results: folder under which `<benchmark>/<tracker>/` is made.
    """

    benchmark: str
    open_sequences: OpenSequences
    tracker: str
    build_tracker: BuildTracker
    identity: Mapping[str, Any]
    details: Mapping[str, Any]
    results: Path

    @property
    def store(self) -> ResultStore:
        """The store of this tracker on this benchmark."""
        return ResultStore(self.results / self.benchmark / self.tracker)

    def run(
        self, protocol: Protocol, console: Console, processes: int = 1, restart: bool = False
    ) -> tuple[Score | None, dict[str, str]]:
        """Tracks what is not stored yet, with progress, and scores everything.

        Returns:
            The score, None where every sequence failed; and why sequences failed, by name.

        Raises:
            EvaluationError: stored results are of another run or other sequences, or a worker process died.
            OutputError: results cannot be written.
        """
        store = self.store
        store.start(self.identity, self.details, restart=restart)
        with RunProgress(f"{self.tracker} on {self.benchmark}", console, protocol) as progress:
            failures = run(store, self.build_tracker, self.open_sequences, processes, progress)
        sequences = list(self.open_sequences())
        if len(failures) == len(sequences):
            return None, failures
        return score_store(protocol, self.benchmark, sequences, store, self.tracker), failures

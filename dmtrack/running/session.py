"""One tracker on one set of sequences, from start to score: what `dmtrack test` and `dmtrack demo` do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.results import ResultStore, find_store
from dmtrack.evaluation.scoring import Score, score_store
from dmtrack.running.progress import RunProgress
from dmtrack.running.runner import Engine, run
from dmtrack.running.trackers import TrackerChoice, identity_of
from dmtrack.running.workers import BuildTracker, OpenSequences


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
        experiment: name of the benchmark in the folders of experiments, whose results are resumed where there are none
            of this session; empty where there is no such experiment.
    """

    benchmark: str
    open_sequences: OpenSequences
    tracker: str
    build_tracker: BuildTracker
    identity: Mapping[str, Any]
    details: Mapping[str, Any]
    results: Path
    experiment: str = ""

    @property
    def store(self) -> ResultStore:
        """The store of this tracker on this benchmark."""
        folders = [self.results / name / self.tracker for name in (self.benchmark, self.experiment) if name]
        return find_store(folders)

    def run(
        self,
        protocol: Protocol,
        console: Console,
        processes: int = 1,
        restart: bool = False,
        *,
        gpus: int = 0,
        engine: Engine | None = None,
        sequences: list[Sequence] | None = None,
        place: str = "",
    ) -> tuple[Score | None, dict[str, str]]:
        """Tracks what is not stored yet, with progress, and scores everything.

        Args:
            protocol: of the scores.
            console: where progress is drawn.
            processes: see `dmtrack.running.runner.run`.
            restart: replace stored results.
            gpus: likewise.
            engine: likewise.
            sequences: what `open_sequences` gives, where that is at hand already.
            place: of this session among others, as progress shows it ("2/6 ").

        Returns:
            The score, None where every sequence failed; and why sequences failed, by name.

        Raises:
            EvaluationError: stored results are of another run or other sequences, or worker processes died.
            OutputError: results cannot be written.
        """
        store = self.store
        store.start(self.identity, self.details, restart=restart)
        items = list(self.open_sequences()) if sequences is None else sequences
        with RunProgress(f"{place}{self.tracker} on {self.benchmark}", console, protocol) as progress:
            failures = run(
                store,
                self.build_tracker,
                self.open_sequences,
                processes,
                progress,
                gpus=gpus,
                engine=engine,
                sequences=items,
            )
        if len(failures) == len(items):
            return None, failures
        return score_store(protocol, self.benchmark, items, store, self.tracker), failures


def session_of(
    choice: TrackerChoice, benchmark: str, open_sequences: OpenSequences, results: Path, name: str | None = None
) -> Session:
    """The session of a tracker; the tracker is built once here, so that what is wrong with it is said at once."""
    loaded = choice.load()
    identity, details = identity_of(loaded)
    return Session(benchmark, open_sequences, name or loaded.tracker.name, choice.build, identity, details, results)

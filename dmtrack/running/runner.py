"""Runs a tracker over sequences, in this process or several, storing each sequence as it is done.

With several processes, each opens the sequences and builds the tracker itself, so what goes to it are two picklable
functions, for example `functools.partial(SequenceFolder, "my/sequences")`. Scripts that call `run` with several
processes need the usual `if __name__ == "__main__":` guard. A `Session` goes from start to score, which is what
`dmtrack test` and `dmtrack demo` do.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import BaseProtocol
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.results import OWN_FILES, FileNames, ResultStore, find_store
from dmtrack.evaluation.scoring import Score, SequenceScore, combine, score_result, score_store
from dmtrack.progress import ProgressBar
from dmtrack.running.one_sequence import track_and_store
from dmtrack.running.trackers import TrackerChoice, identity_of
from dmtrack.running.workers import BuildTracker, Job, OpenSequences, Outcome, work_through


class RunProgress(ProgressBar):
    """What `run` tells of itself, as a progress bar; all calls come from the process that called `run`.

    Args:
        label: what is running.
        console: where to draw; None draws nowhere.
        protocol: of the score so far; None where nothing is scored.
    """

    def __init__(self, label: str = "", console: Console | None = None, protocol: BaseProtocol | None = None) -> None:
        self._protocol = protocol
        self._scores: list[SequenceScore] = []
        self._ended = self._total = 0
        if protocol is not None:
            self._measure = protocol.reported()[0]
            label += f" ({self._measure.key} by {protocol.name})"
        super().__init__("frames", title=label, console=console or Console(quiet=True))

    def started(self, sequences: int, frames: int, done: int) -> None:
        """There are so many sequences, so many frames to track, and so many sequences were done before."""
        self._total = sequences
        self.update(total=frames)
        if done:
            self.console.print(f"{done} of {sequences} sequences are stored already; they are not run again")
        self._show()

    def tracked(self, frames: int) -> None:
        """So many frames have been tracked in this run."""
        self.update(done=frames)

    def ended(self, sequence: Sequence, result: Any = None, reason: str | None = None) -> None:
        """A sequence has its result (a `SequenceResult` where it was tracked), or none for some reason."""
        self._ended += 1
        if reason is not None:
            self.console.print(f"[red]{sequence.name} failed:[/red] {reason}", highlight=False)
        elif self._protocol is not None:
            self._scores.append(score_result(self._protocol, sequence, result))
        self._show()

    def _show(self) -> None:
        note = f"{self._ended}/{self._total} seq."
        if self._protocol is not None:
            value = combine(self._protocol, "", "", self._scores).scores[self._measure.key]
            note += f"  {self._measure.key} {shown(value, self._measure.digits)}"
        self.update(note=note)


Begin = Callable[[Job], Generator[Outcome, None, None]]
"""Starts work on the pending sequences of a job; yields the outcome of each as they end."""

Engine = Callable[[Job, ResultStore], Generator[Outcome, None, None]]
"""Tracks and stores the pending sequences on other machines; yields the outcome of each as they end."""


def run(
    store: ResultStore,
    build_tracker: BuildTracker,
    open_sequences: OpenSequences,
    processes: int = 1,
    progress: RunProgress | None = None,
    *,
    gpus: int = 0,
    engine: Engine | None = None,
    sequences: list[Sequence] | None = None,
) -> dict[str, str]:
    """Tracks the sequences that have no stored result yet.

    Args:
        store: already started (`ResultStore.start`).
        build_tracker: called once per process.
        open_sequences: called once per process, and once here.
        processes: 1 tracks in this process; more are spawned, one thread each.
        progress: told how it goes; None tells nobody.
        gpus: of this machine, dealt out to spawned processes in turn; 0 leaves the choice to `build_tracker`.
        engine: tracks instead of processes of this machine.
        sequences: what `open_sequences` gives, where that is at hand already.

    Returns:
        Why sequences failed, by name; empty when all went well. A failing sequence does not stop the others.

    Raises:
        EvaluationError: stored results are of other sequences, or worker processes died.
        OutputError: results cannot be written.
    """
    items = list(open_sequences()) if sequences is None else sequences
    work = functools.partial(track_and_store, store)

    def begin(job: Job) -> Generator[Outcome, None, None]:
        return work_through(job, work, processes, gpus) if engine is None else engine(job, store)

    job = Job(build_tracker, open_sequences, items)
    failures = follow(job, begin, store.has, lambda sequence: store.read(sequence.name), progress or RunProgress())
    for name, reason in failures.items():
        if not (store.folder / name / "error.txt").exists():  # its process died and could write nothing
            store.write_failure(name, reason)
    return failures


def follow(
    job: Job,
    begin: Begin,
    has: Callable[[Sequence], bool],
    result: Callable[[Sequence], Any],
    progress: RunProgress,
) -> dict[str, str]:
    """Has the sequences worked on that are not done yet, and tells of all of them; gives why some failed, by name.

    Args:
        job: all sequences; which of them are pending is found here.
        begin: starts work on the pending ones.
        has: whether a sequence is done.
        result: what is told of a sequence that is done.
        progress: told how it goes.

    Raises:
        EvaluationError: there is no sequence, or two have the same name.
    """
    sequences = job.sequences
    names = Counter(sequence.name for sequence in sequences)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise EvaluationError(f"two sequences are called {twice[0]!r}; results are stored by name, so rename one")
    if not names:
        raise EvaluationError("there is no sequence to track; give a folder that holds sequences")
    done = [index for index, sequence in enumerate(sequences) if has(sequence)]
    pending = sorted(set(range(len(sequences))) - set(done))
    progress.started(len(sequences), sum(len(sequences[index]) for index in pending), len(done))
    for index in done:
        progress.ended(sequences[index], result(sequences[index]))
    if not pending:
        return {}
    failures: dict[str, str] = {}
    # Closing at once ends the worker processes when this function is left by an error.
    with contextlib.closing(begin(replace(job, pending=pending, tracked=progress.tracked))) as outcomes:
        for index, reason in outcomes:
            sequence = sequences[index]
            if reason is not None:
                failures[sequence.name] = reason
            progress.ended(sequence, None if reason else result(sequence), reason)
    return failures


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
        files: how those of new results are called.
    """

    benchmark: str
    open_sequences: OpenSequences
    tracker: str
    build_tracker: BuildTracker
    identity: Mapping[str, Any]
    details: Mapping[str, Any]
    results: Path
    experiment: str = ""
    files: FileNames = OWN_FILES

    @property
    def store(self) -> ResultStore:
        """The store of this tracker on this benchmark."""
        folders = [self.results / name / self.tracker for name in (self.benchmark, self.experiment) if name]
        return find_store(folders, self.files)

    def run(
        self,
        protocol: BaseProtocol,
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
            processes: see `run`, as for `gpus` and `engine`.
            restart: replace stored results.
            gpus: of this machine.
            engine: tracks instead of processes of this machine.
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

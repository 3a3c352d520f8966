"""What all experiments share: sequence after sequence, skipping what is done, then a report."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, NamedTuple, Self

from dmtrack.data.benchmarks import get_benchmark, open_benchmark
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError, OutputError
from dmtrack.evaluation.results import ResultStore
from dmtrack.files import write_json, write_text
from dmtrack.running.experiments.viewing import Viewer
from dmtrack.running.experiments.watching import SequenceProgress
from dmtrack.running.one_sequence import failure_of


class Job(NamedTuple):
    """One run of a tracker over one sequence.

    Attributes:
        kind: of run, where an experiment has several ("baseline", "realtime").
        repetition: counted from 1.
    """

    kind: str = ""
    repetition: int = 1


class Experiment(ABC):
    """A benchmark on which trackers are run and reported.

    Args:
        benchmark: its name in `dmtrack.data.benchmarks`.
        root_dir: folder of the benchmark in its official layout.
        folder: name of the benchmark in the folders of results and reports.
        split: of the benchmark; None takes the one that is usually reported.
        result_dir: results go to `<result_dir>/<folder>/<tracker>`.
        report_dir: reports go to `<report_dir>/<folder>/<first tracker>`.

    Raises:
        DataError: the folder does not have the benchmark's layout.
    """

    def __init__(
        self,
        benchmark: str,
        root_dir: str | Path,
        folder: str,
        split: str | None = None,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
    ) -> None:
        self.benchmark = get_benchmark(benchmark)
        self.split = split or self.benchmark.splits[0]
        self.dataset = open_benchmark(benchmark, root_dir, self.split)
        self.root_dir = Path(root_dir)
        self.result_dir = Path(result_dir) / folder
        self.report_dir = Path(report_dir) / folder

    @property
    def scope(self) -> str:
        """The split, and how much of it there is where sequences of the published list are not in the folder."""
        lacking = len(self.dataset.missing)
        if not lacking:
            return self.split
        return f"{self.split}, {len(self.dataset)} of {len(self.dataset) + lacking} sequences"

    def run(self, tracker: Any, visualize: bool = False, identity: Mapping[str, Any] | None = None) -> Self:
        """Tracks the sequences that have no result yet.

        Args:
            tracker: a `dmtrack.tracking.base.Tracker`, or anything of got10k's contract: `name`, `init(image, box)`,
                `update(image)`, optionally `is_deterministic` and `track(image_files, box, visualize)`. Trackers of
                other toolkits are given boxes as the benchmark's files have them (many count pixels from 1), as that
                toolkit does; ours get and give 0-based ones.
            visualize: show the frames with the tracker's box in a window.
            identity: JSON values that decide what the boxes are (config, hash of the weights). They are kept beside the
                results, and results of another identity are refused instead of continued.

        Returns:
            This experiment, so that `.report(...)` can follow.

        Raises:
            EvaluationError: the tracker failed on a sequence (after all others were tried), or the stored results
                are of another identity.
            OutputError: a result cannot be written.
        """
        name = name_of(tracker)
        if identity is not None:
            ResultStore(self.result_dir / name).start(identity)
        failures: dict[str, str] = {}
        title = f"{name} on {self.benchmark.title} ({self.scope})"
        viewing = closing(Viewer(title)) if visualize else nullcontext()
        with SequenceProgress(title, len(self.dataset)) as progress, viewing as viewer:
            for sequence_name in self.dataset.names:
                try:
                    self._run_one(tracker, sequence_name, progress, viewer)
                except OutputError:
                    raise
                except Exception as error:
                    # Whatever a user's tracker raises concerns this sequence alone.
                    failure = failure_of(error)
                    failures[sequence_name] = failure.reason
                    write_text(self.error_path(name, sequence_name), failure.trace)
                    progress.failed(sequence_name, failure.reason)
                progress.finished()
        if failures:
            first, reason = next(iter(failures.items()))
            raise EvaluationError(
                f"{name} failed on {len(failures)} of {len(self.dataset)} sequences of {self.benchmark.title}, first "
                f"on {first!r}: {reason}; the others are stored, the tracebacks lie in "
                f"{self.error_path(name, first).parent}: mend the tracker and run again"
            )
        return self

    def _run_one(self, tracker: Any, name: str, progress: SequenceProgress, viewer: Viewer | None) -> None:
        sequence: Sequence | None = None
        for job in self.jobs(tracker, name):
            sequence = sequence or self.dataset[name]
            self.do(job, tracker, sequence, viewer)
            progress.tracked(len(sequence))
        self.error_path(name_of(tracker), name).unlink(missing_ok=True)

    def error_path(self, tracker: str, sequence: str) -> Path:
        """Where the traceback of a failed sequence is kept."""
        return self.result_dir / tracker / "errors" / f"{sequence}.log"

    @abstractmethod
    def jobs(self, tracker: Any, sequence: str) -> Iterator[Job]:
        """What is still to be done of a sequence; asked for one by one, each being done before the next."""

    @abstractmethod
    def do(self, job: Job, tracker: Any, sequence: Sequence, viewer: Viewer | None) -> None:
        """Runs the tracker and stores the result."""

    @abstractmethod
    def report(self, tracker_names: str | Iterable[str]) -> dict[str, dict[str, Any]]:
        """Scores stored results, writes `performance.json` and figures, and returns what that file holds.

        Args:
            tracker_names: names of trackers that were run; the first one names the folder of the report.

        Returns:
            By tracker: `benchmark`, `protocol`, `split`, `overall` with the scores of all sequences, and `seq_wise`
            with those of each. None stands for a number that nothing defines.

        Raises:
            EvaluationError: a result is missing, or malformed.
        """

    def report_folder(self, trackers: list[str]) -> Path:
        """Where the report on these trackers goes."""
        return self.report_dir / trackers[0]

    def write_performance(self, trackers: list[str], performance: dict[str, dict[str, Any]]) -> None:
        """Writes `performance.json`."""
        write_json(self.report_folder(trackers) / "performance.json", performance)

    def provenance(self, tracker: str) -> dict[str, Any]:
        """What is known of the run beside the results: the `identity` of `run`."""
        identity = ResultStore(self.result_dir / tracker).manifest().get("identity", {})
        return dict(identity) if isinstance(identity, dict) else {}

    def header(self, tracker: str, protocol: str) -> dict[str, Any]:
        """What every report says before its numbers."""
        header = {
            "benchmark": self.benchmark.title,
            "protocol": protocol,
            "split": self.split,
            "stride": 1,
            "sequences": len(self.dataset),
            "missing_sequences": list(self.dataset.missing),
        }
        weights = self.provenance(tracker).get("weights_sha256")
        return header | ({"weights_sha256": weights} if weights else {})


def name_of(tracker: Any) -> str:
    """The tracker's own `name`, or its class's."""
    return str(getattr(tracker, "name", None) or type(tracker).__name__)


def as_names(tracker_names: str | Iterable[str]) -> list[str]:
    """Names of trackers as a list, without repetition.

    Raises:
        EvaluationError: there is none.
    """
    names = [tracker_names] if isinstance(tracker_names, str) else list(dict.fromkeys(tracker_names))
    if not names:
        raise EvaluationError("no tracker to report on; give the names of trackers that were run")
    return names


def number(value: float | None) -> float | None:
    """A number for JSON; None where it is undefined."""
    return None if value is None or math.isnan(value) else float(value)

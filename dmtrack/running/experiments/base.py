"""What all experiments share: passes of a tracker over the sequences, skipping what is done, then a report."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.console import Console, Group
from rich.text import Text

from dmtrack.data.benchmarks import get_benchmark
from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.frames import FrameFiles
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import BaseProtocol
from dmtrack.evaluation.report import Report, shown
from dmtrack.evaluation.reporting.figures.curves import save_plots
from dmtrack.evaluation.reporting.loading import build_report
from dmtrack.evaluation.results import (
    BOX_DECIMALS,
    FileNames,
    ResultStore,
    SequenceResult,
    TrackerResults,
    find_store,
)
from dmtrack.files import json_value, write_json
from dmtrack.media.viewer import Viewer
from dmtrack.progress import plain_table
from dmtrack.running.one_sequence import attempt, first_box_of, track_sequence
from dmtrack.running.runner import RunProgress, follow
from dmtrack.running.trackers import identity_of
from dmtrack.running.workers import Job, work_through
from dmtrack.tracking.adapter import Got10kTracker, as_tracker
from dmtrack.tracking.base import Tracker, TrackResult

if TYPE_CHECKING:
    from dmtrack.tracking.loading import LoadedTracker

OnFrame = Callable[[], object]
Performance = dict[str, dict[str, Any]]
"""By tracker, what a report says."""


class Pass(NamedTuple):
    """One run of a tracker over all sequences.

    Attributes:
        has: whether a sequence is done.
        do: tracks a sequence and stores the result, calling the third argument after each frame.
    """

    has: Callable[[Sequence], bool]
    do: Callable[[Tracker, Sequence, OnFrame], object]


class Scored(NamedTuple):
    """What comes of scoring.

    Attributes:
        performance: what is written and returned; null in place of NaN.
        show: prints the tables.
        reports: whose figures are drawn, by the ending of their names.
    """

    performance: Performance
    show: Callable[[Console], object]
    reports: Mapping[str, Report] = MappingProxyType({})


class Experiment(ABC):
    """A benchmark on which trackers are run and reported.

    Args:
        benchmark: its name in `dmtrack.data.benchmarks`.
        root_dir: folder of the benchmark in its official layout.
        split: of the benchmark; None takes the one that is usually reported.
        result_dir: results go to `<result_dir>/<benchmark>/<tracker>`.
        report_dir: reports go to `<report_dir>/<benchmark>/<first tracker>`.
        folder: name of the benchmark in these folders; None takes the got10k toolkit's.

    Attributes:
        trackers: names of those that `run` was given.
        scope: the split, and how much of it there is where sequences of the published list are not in the folder.

    Raises:
        DataError: the folder does not have the benchmark's layout.
    """

    files = FileNames(kinds=("time",))
    resumable = False
    """Whether its results are those of `dmtrack test`, but for the names of files."""

    def __init__(
        self,
        benchmark: str,
        root_dir: str | Path,
        split: str | None = None,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        folder: str | None = None,
    ) -> None:
        self.benchmark = get_benchmark(benchmark)
        self.split = split or self.benchmark.splits[0]
        self.dataset = self.benchmark.open(root_dir, self.split)
        self.root_dir = Path(root_dir)
        self.trackers: list[str] = []
        self.scope = self.split
        if lacking := len(self.dataset.missing):
            self.scope += f", {len(self.dataset)} of {len(self.dataset) + lacking} sequences"
        self.result_dir = Path(result_dir) / (folder or self.benchmark.results_folder)
        self.report_dir = Path(report_dir) / (folder or self.benchmark.results_folder)

    @functools.cached_property
    def sequences(self) -> list[Sequence]:
        """All sequences; their frames are read when they are asked for."""
        return list(self.dataset)

    def store(self, tracker: str, kind: str = "") -> ResultStore:
        """Where the results of a tracker lie: in got10k's folder, or in that of `dmtrack test` where they are there.

        Args:
            tracker: its name.
            kind: of experiment, a folder below the tracker's.
        """
        folders = [self.result_dir / tracker / kind]
        if self.resumable:
            tail = "" if self.split == self.benchmark.splits[0] else f"-{self.split}"
            titles = (self.benchmark.name, self.root_dir.resolve().name)
            folders += [self.result_dir.parent / f"{title}{tail}" / tracker for title in titles]
        return find_store(folders, self.files)

    def run(self, tracker: Any, visualize: bool = False, identity: Mapping[str, Any] | None = None) -> Self:
        """Tracks the sequences that have no result yet; gives the experiment, so that `.report(...)` can follow.

        Args:
            tracker: a `dmtrack.tracking.base.Tracker`, or anything of got10k's contract: `name`, `init(image, box)`,
                `update(image)`, optionally `is_deterministic` and `track(image_files, box, visualize)`. Trackers of
                other toolkits are given boxes as the benchmark's files have them (many count pixels from 1), as that
                toolkit does; ours get and give 0-based ones.
            visualize: show the frames with the tracker's box in a window.
            identity: JSON values that decide what the boxes are (config, hash of the weights). They are kept beside the
                results, and results of another identity are refused instead of continued. Trackers of
                `dmtrack.load_tracker` have one of themselves.

        Raises:
            EvaluationError: the tracker failed on a sequence (after all others were tried), or the stored results
                are of another identity.
            OutputError: a result cannot be written.
        """
        adapted = as_tracker(tracker, self.benchmark.index_base)
        name, deterministic = adapted.name, getattr(tracker, "is_deterministic", False)
        errors = self.result_dir / name / "errors"
        failures: dict[str, str] = {}
        self.trackers.append(name)
        self._claim(name, getattr(tracker, "loaded", None), identity)
        title = f"{name} on {self.benchmark.title} ({self.scope})"
        if isinstance(adapted, Got10kTracker):
            adapted.visualize = visualize
        console = Console(stderr=True)
        with closing(Viewer(title)) if visualize else nullcontext() as viewer:
            if viewer is not None and not _reads_files(adapted):
                adapted = _Watched(adapted, viewer)
            job = Job(lambda: adapted, lambda: self.dataset, self.sequences)
            for one in self.passes(name, deterministic):
                work = functools.partial(_attempt, one, errors)
                begin = functools.partial(work_through, work=work, processes=1)
                with RunProgress(title, console, None) as progress:
                    failures |= follow(job, begin, one.has, lambda _: None, progress)
        if failures:
            first, reason = next(iter(failures.items()))
            raise EvaluationError(
                f"{name} failed on {len(failures)} of {len(self.dataset)} sequences of {self.benchmark.title}, first "
                f"on {first!r}: {reason}; the others are stored, the tracebacks lie in {errors}: mend the tracker and "
                "run again"
            )
        return self

    def _claim(self, name: str, loaded: LoadedTracker | None, identity: Mapping[str, Any] | None) -> None:
        """Notes whose results these are, or checks that those which lie there are of the same identity."""
        store = self.store(name)
        if identity is not None:
            store.start(identity)
        elif self.resumable and loaded is not None and ("sequences" in store.identity() or not store.holds_results()):
            own, details = identity_of(loaded)
            sequences = {"name": self.benchmark.name, "stride": 1, "split": self.split}
            store.start({**own, "sequences": sequences}, details)

    @abstractmethod
    def passes(self, name: str, deterministic: bool) -> Iterator[Pass]:
        """The runs of a tracker over all sequences; asked for one by one, each being done before the next."""

    def report(self, tracker_names: str | Iterable[str] | None = None) -> Performance:
        """Scores stored results, writes `performance.json` and figures, and returns what that file holds.

        It prints the table, and where everything lies.

        Args:
            tracker_names: names of trackers that were run; the first one names the folder of the report. None takes
                those that `run` of this experiment was given.

        Returns:
            By tracker: `benchmark`, `protocol`, `split`, `overall` with the scores of all sequences, and `seq_wise`
            with those of each. None stands for a number that nothing defines.

        Raises:
            EvaluationError: there is no tracker; a result is missing, or malformed.
        """
        given = self.trackers if tracker_names is None else tracker_names
        names = [given] if isinstance(given, str) else list(dict.fromkeys(given))
        if not names:
            raise EvaluationError("no tracker to report on; give the names of trackers that were run")
        scored = self.scored(names)
        folder = self.report_dir / names[0]
        performance: Performance = json_value(scored.performance)
        write_json(folder / "performance.json", performance)
        for ending, report in scored.reports.items():
            save_plots(report, folder, (".png", ".pdf", ".svg"), tail=ending)
        scored.show(Console())
        raw = ", ".join(str(self.store(name).folder) for name in names)
        print(f"raw results: {raw}\nscores and figures: {folder}")
        return performance

    @abstractmethod
    def scored(self, names: list[str]) -> Scored:
        """What `report` writes, prints and returns."""

    def packed(self, performance: Performance) -> Scored:
        """What is reported of packages for the benchmark's server.

        Args:
            performance: by tracker, with `sequences`, `submission` and, where the check has some, `remarks`.
        """

        def show(console: Console) -> None:
            for name, entry in performance.items():
                for remark in entry.get("remarks", ()):
                    console.print(f"note: {remark}", highlight=False, markup=False)
                print(f"{name}: {entry['sequences']} sequences packed for the server in {entry['submission']}")

        return Scored(performance, show)

    def scores(self, protocol: BaseProtocol, results: Iterable[TrackerResults], title: str = "") -> Report:
        """The scores of trackers that have a result of every sequence; `title` names the benchmark otherwise."""
        return build_report(title or self.benchmark.title, protocol, self.sequences, results, split=self.scope)

    def table(self, protocol: BaseProtocol, overall: Mapping[str, Mapping[str, Any]]) -> Group:
        """A table of numbers by tracker for the terminal, between what it is of and what the protocol says."""
        titles = protocol.headings()
        table = plain_table(["tracker"], titles.values())
        for tracker, numbers in overall.items():
            table.add_row(tracker, *(shown(numbers.get(key)) for key in titles))
        # As lines of their own, because a narrow table would fold them into many.
        title = f"{self.benchmark.title} ({self.scope}) · protocol {protocol.name}"
        return Group(Text(title, "italic"), table, Text(protocol.description, "dim italic"))

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
        weights = self.store(tracker).identity().get("weights_sha256")
        return header | ({"weights_sha256": weights} if weights else {})


def _attempt(one: Pass, errors: Path, tracker: Tracker, sequence: Sequence, on_frame: OnFrame) -> str | None:
    """Does one sequence of a pass; says why it failed, if it did."""
    return attempt(functools.partial(one.do, tracker, sequence, on_frame), errors / f"{sequence.name}.log")


def track(tracker: Tracker, sequence: Sequence, on_frame: OnFrame, decimals: int = BOX_DECIMALS) -> SequenceResult:
    """Tracks a sequence from its first true box; boxes are 0-based, with as many decimals as they are stored with.

    A tracker of got10k's contract with a method `track` is given the image files, as in got10k, because some read
    images in a way of their own.
    """
    frames = sequence.read_frame
    if not _reads_files(tracker) or not isinstance(frames, FrameFiles):
        return track_sequence(tracker, sequence, on_frame, decimals)
    assert isinstance(tracker, Got10kTracker)
    boxes, seconds = tracker.track_files([frames.path(index) for index in range(len(frames))], first_box_of(sequence))
    for _ in range(len(frames)):
        on_frame()
    return SequenceResult(np.round(boxes, decimals), seconds)


def _reads_files(tracker: Tracker) -> bool:
    return isinstance(tracker, Got10kTracker) and callable(getattr(tracker.tracker, "track", None))


class _Watched(Tracker):
    """A tracker that is shown while it runs."""

    def __init__(self, tracker: Tracker, viewer: Viewer) -> None:
        super().__init__(tracker.name)
        self.tracker, self.viewer = tracker, viewer

    def init(self, image: Any, box: ArrayLike) -> None:
        """Starts the tracker."""
        self.tracker.init(image, box)
        self.viewer.show(image, box)

    def step(self, image: Any) -> TrackResult:
        """Box, score and presence."""
        result = self.tracker.step(image)
        self.viewer.show(image, result.box_xywh)
        return result

    def update(self, image: Any) -> NDArray[np.float64]:
        """The box, or the corners of a polygon."""
        region = self.tracker.update(image)
        self.viewer.show(image, region)
        return region

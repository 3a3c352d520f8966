"""VOT with restarts: supervised, in real time, and in one go."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.vot import boxes_of_same_area_xywh
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.trajectory import REGION_DECIMALS, Trajectory, write_trajectory
from dmtrack.evaluation.protocols import VotProtocol, get_protocol
from dmtrack.evaluation.readers.text import read_trajectory
from dmtrack.evaluation.results import ResultStore, SequenceResult, TrackerResults, read_numbers
from dmtrack.running.experiments.base import Experiment, OnFrame, Pass, Performance, Scored, track
from dmtrack.running.supervised import run_supervised
from dmtrack.tracking.base import Tracker

_FOLDERS = {"supervised": "baseline", "unsupervised": "unsupervised", "realtime": "realtime"}
_REPETITIONS = 15
_ENDINGS = {"supervised": "", "unsupervised": "-unsupervised", "realtime": "-realtime"}


class ExperimentVOT(Experiment):
    """VOT challenges with restarts: accuracy, robustness and expected average overlap; and the average overlap.

    A report has by tracker `benchmark`, `split`, and by experiment its `protocol`, `overall` scores and `seq_wise`; the
    numbers of the first experiment also stand at the top, `accuracy` and `robustness` among them.

    Trackers that are not deterministic run 15 times in the supervised experiment, or three times where these give the
    same boxes.

    Args:
        root_dir: folder of the sequences, their frames in `color` or beside `groundtruth.txt`.
        version: of the challenge: 2018, 2017 or 2019.
        experiments: "supervised", "unsupervised", "realtime", or several of them.
        result_dir: results go to `<result_dir>/VOT2018/<tracker>/<experiment>/<sequence>/<sequence>_001.txt`.
        report_dir: reports go to `<report_dir>/VOT2018/<first tracker>`.
        realtime_fps: frames per second of the real-time experiment: 25 as in the got10k toolkit; the rule of that name
            (`vot2018-realtime`) has 20.
        start_box: the box around a polygon that trackers are started with: "same-area", as the got10k toolkit and PySOT
            give it, or "upright", the smallest one, as the VOT toolkit does.

    Raises:
        EvaluationError: unknown version, experiment or start box.
    """

    def __init__(
        self,
        root_dir: str | Path,
        version: int = 2018,
        experiments: str | Iterable[str] = ("supervised", "unsupervised", "realtime"),
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        realtime_fps: float = 25.0,
        start_box: Literal["same-area", "upright"] = "same-area",
    ) -> None:
        super().__init__("vot2018", root_dir, None, result_dir, report_dir, folder=f"VOT{version}")
        self.experiments = (experiments,) if isinstance(experiments, str) else tuple(experiments)
        unknown = [kind for kind in self.experiments if kind not in _FOLDERS]
        if unknown or not self.experiments:
            raise EvaluationError(
                f"VOT: unknown experiment {(unknown or ['none at all'])[0]!r}; expected one or several of "
                f"{', '.join(_FOLDERS)}"
            )
        if start_box not in ("same-area", "upright"):
            raise EvaluationError(f"VOT: unknown start_box {start_box!r}; expected 'same-area' or 'upright'")
        self.start_box = start_box
        self.title = f"VOT{version}"
        self.protocols = {kind: _protocol(version, kind, realtime_fps) for kind in self.experiments}

    def passes(self, name: str, deterministic: bool) -> Iterator[Pass]:
        """Experiment by experiment, run by run."""
        for kind in self.experiments:
            store = self.store(name, _FOLDERS[kind])
            for run in range(1, 1 + (_REPETITIONS if kind == "supervised" and not deterministic else 1)):
                one = store.at(run)
                yield Pass(functools.partial(_has, one), functools.partial(self._track, kind, one))

    def _track(self, kind: str, store: ResultStore, tracker: Tracker, sequence: Sequence, on_frame: OnFrame) -> None:
        """Runs the tracker, with restarts or without, and stores regions and codes."""
        truth = sequence.regions
        if self.start_box == "same-area":
            sequence = replace(sequence, boxes_xywh=boxes_of_same_area_xywh(truth))
        protocol = self.protocols[kind]
        if protocol.experiment == "unsupervised":
            result = track(tracker, sequence, on_frame, REGION_DECIMALS)
            trajectory = Trajectory.without_restarts(result.boxes_xywh)
            seconds = np.zeros(0) if result.seconds is None else result.seconds
        else:
            trajectory, seconds = run_supervised(tracker, sequence, protocol, truth)
            seconds = np.where(seconds > 0, seconds, np.nan)
        if len(seconds):
            store.write_seconds(sequence.name, seconds, "%.6f")
        write_trajectory(store.boxes_path(sequence.name), trajectory)

    def scored(self, names: list[str]) -> Scored:
        """See `Experiment`; the figures are of the expected average overlap.

        Raises:
            EvaluationError: a result is missing or malformed.
        """
        reports = {
            kind: self.scores(protocol, [self._results(kind, name) for name in names], self.title)
            for kind, protocol in self.protocols.items()
        }
        performance: Performance = {}
        for place, name in enumerate(names):
            first = self.protocols[self.experiments[0]]
            entry = {**self.header(name, first.name), "benchmark": self.title, "experiments": {}}
            for kind, report in reports.items():
                score = report.scores[place]
                each = {
                    item.name: {
                        "accuracy": item.scores[report.protocol.compared.key],
                        "failures": item.observed.failures(),
                        "length": len(item.observed.truth),
                    }
                    for item in score.sequences
                }
                numbers = {**score.scores, "speed_fps": self._speed(kind, name)}
                entry["experiments"][kind] = {"protocol": report.protocol.name, "overall": numbers, "seq_wise": each}
            performance[name] = entry | entry["experiments"][self.experiments[0]]["overall"]
        tables = [
            self.table(
                self.protocols[kind], {name: performance[name]["experiments"][kind]["overall"] for name in performance}
            )
            for kind in self.experiments
        ]
        drawn = {_ENDINGS[kind].replace("-", "_"): report for kind, report in reports.items()}
        return Scored(performance, lambda console: console.print(*tables), drawn)

    def _results(self, kind: str, tracker: str) -> TrackerResults:
        store = self.store(tracker, _FOLDERS[kind])
        # The first path is read in any case, because its error says what is missing.
        trajectories = {
            name: tuple(read_trajectory(run.boxes_path(name)) for run in store.runs(name) or [store])
            for name in self.dataset.names
        }
        boxes = {name: SequenceResult(runs[0].regions[:, :4]) for name, runs in trajectories.items()}
        return TrackerResults(tracker, boxes, trajectories=trajectories)

    def _speed(self, kind: str, tracker: str) -> float | None:
        """Frames per second, the mean over all frames in which the tracker ran."""
        store = self.store(tracker, _FOLDERS[kind])
        paths = [store.companion_path(name, "time") for name in self.dataset.names]
        tables = [read_numbers(path) for path in paths if path.is_file()]
        times = np.concatenate([table.reshape(-1) for table in tables] or [np.zeros(0)])
        times = times[np.isfinite(times) & (times > 0)]
        return float(np.mean(1 / times)) if len(times) else None


def _has(store: ResultStore, sequence: Sequence) -> bool:
    """Whether a run is stored, or three before it are and all are the same."""
    if store.exists(sequence.name) or store.run <= 3:
        return store.exists(sequence.name)
    runs = store.runs(sequence.name)
    return len(runs) >= 3 and len({run.boxes_path(sequence.name).read_bytes() for run in runs}) == 1


def _protocol(version: int, kind: str, realtime_fps: float) -> VotProtocol:
    protocol = get_protocol(f"vot{version}{_ENDINGS[kind]}", VotProtocol)
    if kind == "realtime" and protocol.realtime_fps != realtime_fps:
        return replace(
            protocol,
            name=f"{protocol.name}-{realtime_fps:g}fps",
            description=protocol.description.replace("at 20 frames", f"at {realtime_fps:g} frames"),
            realtime_fps=realtime_fps,
        )
    return protocol

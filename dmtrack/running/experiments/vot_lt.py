"""VOT long-term: the tracker says with every box how sure it is that the target is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.trajectory import Trajectory, write_trajectory
from dmtrack.evaluation.protocols import LongTermProtocol, get_protocol
from dmtrack.evaluation.readers.text import read_trajectory
from dmtrack.evaluation.results import SequenceResult, TrackerResults, number_lines
from dmtrack.files import read_text, write_text
from dmtrack.running.experiments.base import Experiment, OnFrame, Pass, Scored, track
from dmtrack.tracking.base import Tracker

_ENDING = "_confidence.value"


class ExperimentVOTLT(Experiment):
    """VOT2018-LT: precision, recall and F-score over thresholds of confidence.

    Our trackers say their score. Of others, `update` may give x,y,w,h,confidence or (box, confidence); where it gives
    four numbers alone, the confidence is always 1.

    Args:
        root_dir: folder of the sequences.
        result_dir: results go to `<result_dir>/VOT-LT2018/<tracker>/longterm/<sequence>/`, as
            `<sequence>_001.txt` and `<sequence>_001_confidence.value`.
        report_dir: reports go to `<report_dir>/VOT-LT2018/<first tracker>`.
        protocol: `vot-lt` or `vot-lt-pysot`.

    Raises:
        EvaluationError: another protocol.
        DataError: the folder does not have the benchmark's layout.
    """

    def __init__(
        self,
        root_dir: str | Path,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | None = None,
    ) -> None:
        super().__init__("vot2018-lt", root_dir, None, result_dir, report_dir)
        self.protocol = get_protocol(protocol or self.benchmark.protocols[0], LongTermProtocol)

    def passes(self, name: str, deterministic: bool) -> Iterator[Pass]:
        """The one run, which stores boxes and confidences; these are empty in the first frame."""
        store = self.store(name, "longterm")

        def do(tracker: Tracker, sequence: Sequence, on_frame: OnFrame) -> None:
            result = track(tracker, sequence, on_frame)
            path = store.boxes_path(sequence.name)
            if result.seconds is not None:
                store.write_seconds(sequence.name, result.seconds)
            scores = np.ones(len(sequence)) if result.scores is None else result.scores
            write_text(path.with_name(f"{path.stem}{_ENDING}"), "\n" + number_lines(scores[1:], "%.6f"))
            write_trajectory(path, Trajectory.without_restarts(result.boxes_xywh))

        yield Pass(lambda sequence: store.exists(sequence.name), do)

    def scored(self, names: list[str]) -> Scored:
        """See `Experiment`; the figure is the curve of precision and recall.

        Raises:
            EvaluationError: a result is missing or malformed.
        """
        report = self.scores(self.protocol, [self._results(name) for name in names])
        performance = {
            score.tracker: {
                **self.header(score.tracker, self.protocol.name),
                "overall": {
                    **score.pooled.scores,
                    "threshold": score.pooled.thresholds[score.pooled.best],
                    "precision_curve": score.pooled.precision.tolist(),
                    "recall_curve": score.pooled.recall.tolist(),
                },
                "seq_wise": {item.name: item.scores for item in score.sequences},
            }
            for score in report.scores
        }
        table = self.table(self.protocol, {score.tracker: score.scores for score in report.scores})
        return Scored(performance, lambda console: console.print(table), {"": report})

    def _results(self, tracker: str) -> TrackerResults:
        results, trajectories = {}, {}
        for sequence in self.sequences:
            path = self.store(tracker, "longterm").boxes_path(sequence.name)
            trajectory = read_trajectory(path)
            confidence = _read_confidence(path.with_name(f"{path.stem}{_ENDING}"), len(trajectory))
            results[sequence.name] = SequenceResult(trajectory.regions[:, :4], scores=confidence)
            trajectories[sequence.name] = (trajectory,)
        return TrackerResults(tracker, results, trajectories=trajectories)


def _read_confidence(path: Path, frames: int) -> NDArray[np.float64]:
    """(frames,) NaN where a line is empty."""
    lines = read_text(path, "a confidence per frame, which running the tracker writes", EvaluationError).split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) != frames:
        raise EvaluationError(
            f"{path} has {len(lines)} confidences for {frames} frames; remove its folder and run again"
        )
    values = np.full(frames, np.nan)
    for index, line in enumerate(lines):
        try:
            values[index] = float(line) if line.strip() else np.nan
        except ValueError as error:
            raise EvaluationError(f"{path}:{index + 1}: expected a number or an empty line, got {line!r}") from error
    return values

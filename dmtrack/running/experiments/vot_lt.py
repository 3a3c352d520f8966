"""VOT long-term: the tracker says with every box how sure it is that the target is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.long_term import LongTermRun, LongTermScore, score_long_term
from dmtrack.evaluation.measures.trajectory import Trajectory, read_trajectory, write_trajectory
from dmtrack.evaluation.protocols import LongTermProtocol, get_protocol
from dmtrack.evaluation.reporting.figures.long_term import draw_precision_recall
from dmtrack.evaluation.reporting.figures.saving import save_figure
from dmtrack.files import write_text
from dmtrack.running.experiments.base import Experiment, Job, as_names, name_of, number
from dmtrack.running.experiments.driving import drive, with_presence
from dmtrack.running.experiments.records import RepeatedRecords, number_lines
from dmtrack.running.experiments.viewing import Viewer


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
        super().__init__("vot2018-lt", root_dir, "VOT-LT2018", None, result_dir, report_dir)
        self.protocol = get_protocol(protocol or self.benchmark.protocols[0], LongTermProtocol)
        self.records = RepeatedRecords(self.result_dir, "longterm")

    def jobs(self, tracker: Any, sequence: str) -> Iterator[Job]:
        """The one run, where it is not stored yet."""
        if not self.records.exists(name_of(tracker), sequence):
            yield Job()

    def do(self, job: Job, tracker: Any, sequence: Sequence, viewer: Viewer | None) -> None:
        """Runs the tracker and stores boxes and confidences, which are empty in the first frame."""
        result = drive(with_presence(tracker), sequence, 0, viewer)
        name = name_of(tracker)
        path = self.records.boxes_path(name, sequence.name, job.repetition)
        if result.seconds is not None:
            write_text(self.records.seconds_path(name, sequence.name), number_lines(result.seconds, 8))
        scores = np.ones(len(sequence)) if result.scores is None else result.scores
        write_text(_confidence_path(path), "\n" + "".join(f"{score:.6f}\n" for score in scores[1:]))
        write_trajectory(path, Trajectory.without_restarts(result.boxes_xywh))

    def report(self, tracker_names: str | Iterable[str]) -> dict[str, dict[str, Any]]:
        """As `Experiment.report`, with the curve of precision and recall.

        Raises:
            EvaluationError: a result is missing or malformed.
        """
        names = as_names(tracker_names)
        sequences = list(self.dataset)
        scores: dict[str, LongTermScore] = {}
        performance: dict[str, dict[str, Any]] = {}
        for name in names:
            runs = [self._run(name, sequence) for sequence in sequences]
            scores[name] = score = score_long_term(self.protocol, runs)
            performance[name] = {
                **self.header(name, self.protocol.name),
                "overall": {
                    **{key: number(value) for key, value in score.scores.items()},
                    "threshold": _finite(score.thresholds[score.best]),
                    "precision_curve": [number(value) for value in score.precision],
                    "recall_curve": [number(value) for value in score.recall],
                },
                "seq_wise": {
                    run.name: {
                        key: number(value) for key, value in score_long_term(self.protocol, [run]).scores.items()
                    }
                    for run in runs
                },
            }
        self.write_performance(names, performance)
        note = f"protocol {self.protocol.name} · {len(sequences)} sequences · {self.scope}, stride 1"
        figure = draw_precision_recall(scores, self.benchmark.title, note)
        save_figure(figure, self.report_folder(names) / "precision_recall")
        return performance

    def _run(self, tracker: str, sequence: Sequence) -> LongTermRun:
        path = self.records.boxes_path(tracker, sequence.name, 1)
        regions = read_trajectory(path).regions
        confidence = _read_confidence(_confidence_path(path), len(regions))
        size = sequence.frame_size_wh or (0, 0)
        return LongTermRun(sequence.name, sequence.boxes_xywh, regions, confidence, size)


def _confidence_path(boxes: Path) -> Path:
    return boxes.with_name(f"{boxes.stem}_confidence.value")


def _read_confidence(path: Path, frames: int) -> NDArray[np.float64]:
    """(frames,) NaN where a line is empty."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(
            f"{path} cannot be read ({error}): expected a confidence per frame; run the tracker again"
        ) from error
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


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

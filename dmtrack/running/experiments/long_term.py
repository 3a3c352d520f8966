"""Long-term experiments: does the tracker know when the target is gone? In OxUvA it says so, in VOT how sure it is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import Boxes
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.trajectory import Trajectory, write_trajectory
from dmtrack.evaluation.protocols import LongTermProtocol, PresenceProtocol, get_protocol
from dmtrack.evaluation.readers.text import read_trajectory
from dmtrack.evaluation.readers.toolkit_files import parse_predictions
from dmtrack.evaluation.results import FileNames, SequenceResult, TrackerResults, number_lines
from dmtrack.files import atomic_path, read_text, write_text
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


class ExperimentOxUvA(Experiment):
    """OxUvA: true positive rate, true negative rate and their geometric means; one frame per second is annotated.

    Our trackers say whether the target is present. Of others, `update` may give (box, score, present); where it gives
    four numbers alone, the target is always present. On the test split, `report` packs the predictions for the server.

    Args:
        root_dir: folder with `tasks`, `annotations` and `images`.
        subset: "dev" or "test".
        result_dir: predictions go to `<result_dir>/OxUvA/<subset>/<tracker>/<video>_<object>.csv`, the benchmark's own
            layout.
        report_dir: reports go to `<report_dir>/OxUvA/<subset>/<first tracker>`.

    Raises:
        EvaluationError: another subset.
    """

    files = FileNames("{label}.csv", "times/{label}_{kind}.txt", ("time",))

    def __init__(
        self,
        root_dir: str | Path,
        subset: str = "dev",
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
    ) -> None:
        super().__init__("oxuva", root_dir, subset, result_dir, report_dir, folder=f"OxUvA/{subset}")
        self.protocol = get_protocol(self.benchmark.protocols[0], PresenceProtocol)

    def passes(self, name: str, deterministic: bool) -> Iterator[Pass]:
        """The one run, which stores the predictions of all frames but the first."""
        store = self.store(name)

        def do(tracker: Tracker, sequence: Sequence, on_frame: OnFrame) -> None:
            result = track(tracker, sequence, on_frame)
            if result.seconds is not None:
                store.write_seconds(sequence.name, result.seconds)
            scores = np.ones(len(sequence)) if result.scores is None else result.scores
            present = np.ones(len(sequence), dtype=bool) if result.present is None else result.present
            text = _prediction_text(sequence, result.boxes_xywh, scores, present)
            write_text(store.boxes_path(sequence.name), text)

        yield Pass(lambda sequence: store.exists(sequence.name), do)

    def scored(self, names: list[str]) -> Scored:
        """See `Experiment`; the figure is of both rates.

        Raises:
            EvaluationError: a result is missing or malformed.
        """
        if any(sequence.annotation.first_box_only for sequence in self.sequences):
            return self.packed({name: self._pack(name) for name in names})
        report = self.scores(self.protocol, [self._results(name) for name in names])
        performance = {
            score.tracker: {
                **self.header(score.tracker, self.protocol.name),
                "overall": score.pooled,
                "seq_wise": {item.name: vars(item.observed[0]) for item in score.sequences},
            }
            for score in report.scores
        }
        table = self.table(self.protocol, {score.tracker: score.scores for score in report.scores})
        return Scored(performance, lambda console: console.print(table), {"": report})

    def _results(self, tracker: str) -> TrackerResults:
        results = {}
        for sequence in self.sequences:
            boxes, present = read_predictions(self.store(tracker).boxes_path(sequence.name), sequence)
            results[sequence.name] = SequenceResult(boxes, present=present)
        return TrackerResults(tracker, results)

    def _pack(self, tracker: str) -> dict[str, Any]:
        """All predictions in one archive, one file per target, after reading each."""
        target = self.report_dir / tracker / f"{tracker}.zip"
        with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for sequence in self.sequences:
                path = self.store(tracker).boxes_path(sequence.name)
                read_predictions(path, sequence)
                archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
        return {
            "benchmark": self.benchmark.title,
            "protocol": self.protocol.name,
            "split": self.split,
            "sequences": len(self.sequences),
            "submission": str(target),
        }


def _prediction_text(
    sequence: Sequence, boxes_xywh: Boxes, scores: NDArray[np.float64], present: NDArray[np.bool_]
) -> str:
    width, height = sequence.frame_size_wh or (1, 1)
    numbers = sequence.annotation.frame_numbers
    assert numbers is not None  # every sequence of `OxUvA` has them
    lines = []
    for index, frame in enumerate(numbers):
        if index == 0:
            continue
        left, top, box_width, box_height = boxes_xywh[index]
        corners = (left / width, (left + box_width) / width, top / height, (top + box_height) / height)
        target = f"{sequence.video_name},{sequence.track_id},{frame}"
        values = ",".join(f"{value:.6f}" for value in (scores[index], *corners))
        lines.append(f"{target},{str(bool(present[index])).lower()},{values}\n")
    return "".join(lines)


def read_predictions(path: Path, sequence: Sequence) -> tuple[Boxes, NDArray[np.bool_]]:
    """Predictions of one target, in pixels.

    Args:
        path: a file of the benchmark's format, with or without a line of titles.
        sequence: of `OxUvA`.

    Returns:
        (frames, 4) boxes, NaN where the target is said to be absent, and (frames,) whether it is said to be present.
        The first frame has its true box.

    Raises:
        EvaluationError: the file is missing or malformed, or an annotated frame has no prediction.
    """
    expected = f"predictions for sequence {sequence.name!r}, which running the tracker writes"
    text = read_text(path, expected, EvaluationError)
    boxes, present, _ = parse_predictions(text, str(path), sequence)
    return boxes, present

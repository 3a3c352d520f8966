"""Experiments in one pass: a tracker is given the first box, its boxes of all later frames are scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol, get_protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.figures.curves import save_plots
from dmtrack.evaluation.results import SequenceResult
from dmtrack.evaluation.scoring import Curves, SequenceScore, combine, pooled_curves, score_result
from dmtrack.evaluation.submission import build_submission
from dmtrack.running.experiments.base import Experiment, Job, as_names, name_of, number
from dmtrack.running.experiments.driving import drive
from dmtrack.running.experiments.records import FlatRecords, Records
from dmtrack.running.experiments.viewing import Viewer

_GOT10K_KEYS = {
    "success": "success_score",
    "precision": "precision_score",
    "normalized_precision": "normalized_precision_score",
}
"""Names of scores in the got10k toolkit's reports, where they differ from those of our protocols."""


class OnePassExperiment(Experiment):
    """A benchmark in one pass.

    Args:
        benchmark: its name in `dmtrack.data.benchmarks`.
        root_dir: folder of the benchmark.
        folder: name of the benchmark in the folders of results and reports.
        split: of the benchmark.
        result_dir: for results.
        report_dir: for reports.
        protocol: rules of the report, by name or as one's own `Protocol`; by default the benchmark's own.
        repetitions: runs of trackers that are not deterministic.
        records: how results are laid out; by default one file per sequence.

    Raises:
        DataError: the folder does not have the benchmark's layout.
        EvaluationError: unknown protocol.
    """

    def __init__(
        self,
        benchmark: str,
        root_dir: str | Path,
        folder: str,
        split: str | None = None,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
        repetitions: int = 1,
        records: type[Records] = FlatRecords,
    ) -> None:
        super().__init__(benchmark, root_dir, folder, split, result_dir, report_dir)
        chosen = protocol or self.benchmark.protocols[0]
        self.protocol = get_protocol(chosen, Protocol) if isinstance(chosen, str) else chosen
        self.repetitions = repetitions
        self.records = records(self.result_dir)

    def jobs(self, tracker: Any, sequence: str) -> Iterator[Job]:
        """The repetitions that are not stored yet: one where the tracker is deterministic."""
        name = name_of(tracker)
        repetitions = 1 if getattr(tracker, "is_deterministic", False) else self.repetitions
        for repetition in range(1, repetitions + 1):
            if repetition > 3 and self.records.same_so_far(name, sequence):
                return
            if not self.records.exists(name, sequence, repetition):
                yield Job(repetition=repetition)

    def do(self, job: Job, tracker: Any, sequence: Sequence, viewer: Viewer | None) -> None:
        """Runs the tracker and stores its boxes."""
        result = drive(tracker, sequence, self.benchmark.index_base, viewer)
        self.records.write(name_of(tracker), sequence.name, job.repetition, result)

    def report(self, tracker_names: str | Iterable[str]) -> dict[str, dict[str, Any]]:
        """As `Experiment.report`. Where the truth is hidden: builds the package for the server instead.

        Returns:
            As `Experiment.report`, with the names of scores of the got10k toolkit. Of a hidden truth, by tracker:
            `benchmark`, `split` and `submission`, the file to upload.

        Raises:
            EvaluationError: a result is missing or malformed, or the server would reject the package.
        """
        names = as_names(tracker_names)
        sequences = list(self.dataset)
        if any(sequence.annotation.first_box_only for sequence in sequences):
            performance = {name: self._pack(name, sequences) for name in names}
            self.write_performance(names, performance)
            return performance
        report = self.score(names, sequences)
        performance = {score.tracker: self._numbers(report, index) for index, score in enumerate(report.scores)}
        self.write_performance(names, performance)
        save_plots(report, self.report_folder(names))
        return performance

    def score(self, tracker_names: Iterable[str], sequences: Iterable[Sequence] | None = None) -> Report:
        """The report as an object, with tables and curves, without writing anything."""
        opened = list(self.dataset) if sequences is None else list(sequences)
        scores = []
        for name in tracker_names:
            scored = [self._score_sequence(sequence, self._read(name, sequence)) for sequence in opened]
            provenance = self.provenance(name)
            scores.append(combine(self.protocol, name, self.benchmark.title, scored, provenance=provenance))
        return Report(self.benchmark.title, self.protocol, tuple(scores), self.scope)

    def _read(self, tracker: str, sequence: Sequence) -> list[SequenceResult]:
        """All repetitions, in 0-based pixels."""
        base = self.benchmark.index_base
        shift = np.array([base, base, 0, 0], dtype=np.float64)
        results = []
        for repetition, result in enumerate(self.records.read(tracker, sequence.name), start=1):
            if len(result.boxes_xywh) != len(sequence):
                raise EvaluationError(
                    f"{self.records.boxes_path(tracker, sequence.name, repetition)} holds {len(result.boxes_xywh)} "
                    f"boxes for the {len(sequence)} frames of sequence {sequence.name!r}; remove the file and run again"
                )
            results.append(SequenceResult(result.boxes_xywh - shift, result.seconds))
        return results

    def _score_sequence(self, sequence: Sequence, results: list[SequenceResult]) -> SequenceScore:
        """All repetitions of a sequence as one score: their frames count alike."""
        scores = [score_result(self.protocol, sequence, result) for result in results]
        if len(scores) == 1:
            return scores[0]
        curves = pooled_curves(self.protocol, scores)
        speeds = [score.frames_per_second for score in scores if score.frames_per_second is not None]
        return SequenceScore(
            sequence.name,
            np.concatenate([score.counted for score in scores]),
            np.concatenate([score.iou for score in scores]),
            curves.scores(self.protocol),
            curves,
            float(np.mean(speeds)) if speeds else None,
            np.concatenate([score.center_distance for score in scores]),
        )

    def _numbers(self, report: Report, index: int) -> dict[str, Any]:
        score = report.scores[index]
        return {
            **self.header(score.tracker, self.protocol.name),
            "uncounted_sequences": list(score.uncounted),
            "overall": {
                **self.curve_numbers(score.pooled),
                **self.score_numbers(dict(score.scores)),
                "speed_fps": number(score.frames_per_second),
            },
            "seq_wise": {
                item.name: {
                    **self.curve_numbers(item.observed),
                    **self.score_numbers(dict(item.scores)),
                    "speed_fps": number(item.frames_per_second),
                    "length": int(item.counted.sum()),
                }
                for item in score.sequences
            },
        }

    def curve_numbers(self, curves: Curves) -> dict[str, list[float | None]]:
        """Curves by their name in reports."""
        named = {
            "success_curve": curves.success,
            "precision_curve": curves.precision,
            "normalized_precision_curve": curves.normalized_precision,
        }
        return {name: [number(value) for value in curve] for name, curve in named.items() if len(curve)}

    def score_numbers(self, scores: dict[str, float]) -> dict[str, float | None]:
        """Scores by their name in reports."""
        return {_GOT10K_KEYS.get(key, key): number(value) for key, value in scores.items()}

    def _pack(self, tracker: str, sequences: list[Sequence]) -> dict[str, Any]:
        for sequence in sequences:
            self._read(tracker, sequence)  # says what is missing in terms of the experiment
        target = self.report_folder([tracker]) / f"{tracker}.zip"
        checked = build_submission(self.benchmark.name, self.result_dir / tracker, target, self.root_dir)
        return {
            "benchmark": self.benchmark.title,
            "protocol": self.protocol.name,
            "split": self.split,
            "sequences": checked.sequences,
            "submission": str(target),
            "remarks": [str(problem) for problem in checked.problems],
        }

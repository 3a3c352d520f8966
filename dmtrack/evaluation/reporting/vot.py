"""Reports by the protocols of the VOT challenges: accuracy, robustness and expected average overlap (EAO)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence as VideoSequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.bootstrap import draw_sequences
from dmtrack.evaluation.reporting.figures.eao import ExpectedOverlap
from dmtrack.evaluation.reporting.loading import TrackerResults, known_frame_size, score_without_curves
from dmtrack.evaluation.reporting.significance import Significance, assess_samples
from dmtrack.evaluation.scoring import SequenceScore, frames_per_second, no_curves
from dmtrack.evaluation.vot.eao import EaoCurve, cut_into_fragments
from dmtrack.evaluation.vot.overlap import OverlapRule, region_overlaps
from dmtrack.evaluation.vot.rules import VotProtocol
from dmtrack.evaluation.vot.supervised import VotRuns, score_vot
from dmtrack.evaluation.vot.trajectory import Trajectory

Array = NDArray[np.float64]

COUNTS = ("robustness", "lost")
"""Numbers of failures: lower is better, and they are no shares."""


@dataclass(frozen=True)
class VotReport(Report):
    """A report whose numbers follow a protocol of the VOT challenges.

    Attributes:
        rules: the protocol; `protocol` is the same object for what needs only its name and description.
        runs: by tracker, one entry per sequence.
        curves: by tracker, the curve behind the EAO; empty where the protocol has none.
    """

    rules: VotProtocol = field(default_factory=lambda: VotProtocol("", "", ""))
    runs: dict[str, list[VotRuns]] = field(default_factory=dict)
    curves: dict[str, EaoCurve] = field(default_factory=dict)

    @property
    def is_one_pass(self) -> bool:
        """No curve over overlap or distance stands behind the numbers."""
        return False

    @property
    def per_sequence(self) -> str:
        """The EAO of one sequence means nothing; its accuracy does."""
        return "average_overlap" if self.rules.experiment == "unsupervised" else "accuracy"

    def lower_is_better(self, metric: str) -> bool:
        """Whether a number counts failures."""
        return metric in COUNTS

    def expected_overlaps(self) -> list[ExpectedOverlap]:
        """What the figures of the EAO show, in the order of the trackers."""
        return [
            ExpectedOverlap(score.tracker, self.curves[score.tracker].overlaps, score.scores["eao"])
            for score in self.scores
            if score.tracker in self.curves
        ]

    def remarks(self) -> list[str]:
        """As `Report.remarks`, with the trackers that have no EAO."""
        window = self.rules.eao_window or (0, 0)
        without = [item.tracker for item in self.expected_overlaps() if np.isnan(item.eao)]
        return super().remarks() + [
            f"{name} has no EAO: {self.protocol.name} averages expected overlaps over {window[0]} to {window[1]} "
            "frames after the start, and no run here is that long"
            for name in without
        ]


def build_vot_report(
    benchmark: str,
    protocol: VotProtocol,
    sequences: Sequence[VideoSequence],
    trackers: Sequence[TrackerResults],
    *,
    split: str = "all",
    stride: int = 1,
    left_out: Iterable[str] = (),
) -> VotReport:
    """Scores all trackers; arguments as in `loading.build_report`.

    Raises:
        EvaluationError: results without restarts where the protocol needs them, or frames of unknown size.
    """
    scores, runs, curves = [], {}, {}
    for tracker in trackers:
        own = [_runs(protocol, sequence, tracker) for sequence in sequences if sequence.name in tracker.results]
        scored = score_vot(protocol, own)
        if scored.curve is not None:
            curves[tracker.name] = scored.curve
        runs[tracker.name] = own
        items = []
        for one, each in zip(own, scored.sequences, strict=True):
            numbers = {"accuracy": each.accuracy, "lost": each.failures}
            if protocol.experiment == "unsupervised":
                numbers = {"average_overlap": each.accuracy}
            items.append(_sequence_score(protocol, one, numbers, tracker.results[one.name].seconds))
        ordered = {key: scored.scores[key] for key in protocol.headings() if key in scored.scores}
        scores.append(score_without_curves(cast(Protocol, protocol), tracker, benchmark, items, ordered, sequences))
    return VotReport(
        benchmark,
        cast(Protocol, protocol),
        tuple(scores),
        split,
        stride,
        tuple(left_out),
        rules=protocol,
        runs=runs,
        curves=curves,
    )


def assess_vot(report: VotReport, rounds: int = 1000, seed: int = 0, level: float = 0.95) -> Significance:
    """As `significance.assess`: all numbers of all trackers in every round, runs pooled anew."""
    names = [item.name for item in report.scores[0].sequences]
    metrics = list(report.headings())
    longest = max((curve.lengths[-1] for curve in report.curves.values() if len(curve.lengths)), default=0)
    sums = {tracker: _sums(report.rules, own, int(longest)) for tracker, own in report.runs.items()}
    blocks: dict[str, dict[str, list[Array]]] = {name: {metric: [] for metric in metrics} for name in sums}
    for draws in draw_sequences(len(names), rounds, seed) if names else ():
        for tracker, by_metric in sums.items():
            for metric in metrics:
                blocks[tracker][metric].append(by_metric[metric].resampled(draws))
    samples = {
        tracker: {metric: np.concatenate(parts or [np.full(rounds, np.nan)]) for metric, parts in by_metric.items()}
        for tracker, by_metric in blocks.items()
    }
    return assess_samples(report, samples, len(names), rounds, seed, level)


def _runs(protocol: VotProtocol, sequence: VideoSequence, tracker: TrackerResults) -> VotRuns:
    size_wh = known_frame_size(sequence, protocol.name)
    trajectories = tracker.trajectories.get(sequence.name, ())
    restarts = any(len(trajectory.initializations) > 1 or len(trajectory.failures) for trajectory in trajectories)
    if protocol.experiment == "unsupervised":
        if restarts:
            raise EvaluationError(
                f"{tracker.name} was started again in {sequence.name!r}, but {protocol.name} needs runs in one go"
            )
        boxes = tracker.results[sequence.name].boxes_xywh
        trajectories = trajectories or (Trajectory.without_restarts(boxes),)
    if not trajectories:
        raise EvaluationError(
            f"the results of {tracker.name} for {sequence.name!r} do not say where the tracker was started and failed, "
            f"but {protocol.name} needs runs with restarts in the layout of the VOT toolkit"
        )
    return VotRuns(sequence.name, sequence.regions, size_wh, trajectories)


def _sequence_score(
    protocol: VotProtocol, runs: VotRuns, numbers: dict[str, float], seconds: Array | None
) -> SequenceScore:
    trajectory = runs.trajectories[0]
    counted = trajectory.after_burn_in(protocol.burn_in)
    iou = _overlaps(protocol.accuracy_overlap, runs, trajectory)[counted]
    return SequenceScore(runs.name, counted, iou, np.empty(0), no_curves(), numbers, frames_per_second(seconds))


def _overlaps(rule: OverlapRule, runs: VotRuns, trajectory: Trajectory) -> Array:
    return region_overlaps(rule, runs.truth, trajectory.regions, runs.image_size_wh)


@dataclass(frozen=True)
class _Sums:
    """What each sequence adds to a number: the mean over columns of sums over sequences, divided by each other.

    Attributes:
        above: (sequences, columns) above the line; the EAO has a column per length of its window, others have one.
        below: (sequences, columns) below the line.
        known: (sequences, columns) whether the sequence is long enough for the column; a column that no drawn sequence
            is long enough for is in no mean.
    """

    above: Array
    below: Array
    known: NDArray[np.bool_]

    @staticmethod
    def of_one(above: Array, below: Array) -> _Sums:
        """A number with one column, for which every sequence is long enough."""
        return _Sums(above, below, np.ones(above.shape, dtype=bool))

    def resampled(self, draws: Array) -> Array:
        """(rounds,) numbers of the (rounds, sequences) drawn ones; NaN where nothing defines them."""
        weight = np.where(draws @ self.known > 0, draws @ self.below, 0.0)
        curve = np.divide(draws @ self.above, weight, out=np.full(weight.shape, np.nan), where=weight > 0)
        columns = (~np.isnan(curve)).sum(axis=1)
        return np.divide(np.nansum(curve, axis=1), columns, out=np.full(len(draws), np.nan), where=columns > 0)


def _sums(protocol: VotProtocol, runs: Sequence[VotRuns], longest: int) -> dict[str, _Sums]:
    """By number, what each sequence adds to it."""
    frames = np.array([[len(one.truth)] for one in runs], dtype=np.float64)
    failures = np.array([[np.mean([len(each.failures) for each in one.trajectories])] for one in runs])
    accuracy = np.array([_accuracy_sums(protocol, one) for one in runs]).reshape(-1, 2)
    pooled = _Sums.of_one(accuracy[:, :1], accuracy[:, 1:])
    sums = {
        "accuracy": pooled,
        "average_overlap": pooled,
        "robustness": _Sums.of_one(100 * failures, frames),
        "lost": _Sums.of_one(failures, np.full_like(failures, 1 / max(1, len(runs)))),
    }
    if protocol.eao_window:
        window = slice(protocol.eao_window[0] - 1, protocol.eao_window[1])
        above, below, known = (
            np.array(rows)[:, window]
            for rows in zip(*(_expected_sums(protocol, one, longest) for one in runs), strict=True)
        )
        sums["eao"] = _Sums(above, below, known.astype(bool))
    return sums


def _accuracy_sums(protocol: VotProtocol, runs: VotRuns) -> tuple[float, float]:
    values = np.array(
        [
            np.where(each.after_burn_in(protocol.burn_in), _overlaps(protocol.accuracy_overlap, runs, each), np.nan)
            for each in runs.trajectories
        ]
    )
    known = ~np.isnan(values)
    if protocol.accuracy_pooling == "sequences":
        counts = np.maximum(known.sum(axis=1), 1)
        return float(np.mean(np.nansum(values, axis=1) / counts)) * len(runs.truth), float(len(runs.truth))
    counts = known.sum(axis=0)
    means = np.nansum(values, axis=0)[counts > 0] / counts[counts > 0]
    return float(means.sum()), float(len(means))


def _expected_sums(protocol: VotProtocol, runs: VotRuns, longest: int) -> tuple[Array, Array, NDArray[np.bool_]]:
    """By length: sums of fragments' mean overlaps and of their weights, and which lengths the sequence reaches.

    As in `eao.expected_overlaps`, where the curve ends with the longest sequence, or with the longest fragment.
    """
    total, weight = np.zeros(longest), np.zeros(longest)
    reach = len(runs.truth) - 1 if protocol.fragments == "through-restart" else 0
    lengths = np.arange(1, longest + 1)
    for trajectory in runs.trajectories:
        values = _overlaps(protocol.eao_overlap, runs, trajectory)
        for fragment in cut_into_fragments(protocol, trajectory, values, 1 / len(runs.trajectories)):
            sums = np.cumsum(fragment.overlaps[1 : longest + 1])
            known = len(sums)
            if protocol.fragments == "until-failure":
                reach = max(reach, known)
            total[:known] += fragment.weight * sums / lengths[:known]
            weight[:known] += fragment.weight
            if fragment.failed:
                total[known:] += fragment.weight * (sums[-1] if known else 0.0) / lengths[known:]
                weight[known:] += fragment.weight
    return total, weight, lengths <= reach

"""Protocols of the VOT challenges: accuracy, robustness and expected average overlap (EAO) of runs with restarts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.eao import Fragments, cut_into_fragments
from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.measures.overlap import OverlapRule, region_overlaps
from dmtrack.evaluation.measures.supervised import VotRuns, VotScore, score_vot
from dmtrack.evaluation.measures.trajectory import Trajectory
from dmtrack.evaluation.protocols.protocol import BaseProtocol, Drawing
from dmtrack.evaluation.results import TrackerResults
from dmtrack.evaluation.scoring import Score, SequenceScore, frames_per_second, known_frame_size

if TYPE_CHECKING:
    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.report import Report

Array = NDArray[np.float64]

AccuracyPooling = Literal["frames", "sequences"]
"""`frames`: all frames of all sequences count alike, each with its mean over the repetitions. `sequences`: the mean of
a run is weighted by the length of its sequence, whatever the number of frames that it stands for."""

Experiment = Literal["supervised", "realtime", "unsupervised"]
"""`supervised`: started again after each failure. `realtime`: likewise, on frames that do not wait for the tracker.
`unsupervised`: in one go, for the average overlap alone."""


@dataclass(frozen=True)
class VotProtocol(BaseProtocol):
    """Short-term measures: accuracy, robustness and expected average overlap (EAO), or average overlap.

    Attributes:
        experiment: see `Experiment`.
        accuracy_overlap: overlap of a frame for accuracy (and for the average overlap).
        eao_overlap: overlap of a frame for the expected average overlap.
        eao_window: shortest and longest run, in frames after the start, whose expected overlaps are averaged, both
            included; None where the protocol has no expected average overlap.
        fragments: see `Fragments`.
        accuracy_pooling: see `AccuracyPooling`.
        skip: frames from a failure to the next start.
        burn_in: frames from a start, itself included, that do not count for accuracy.
        realtime_fps: frames per second of the camera; None where frames wait for the tracker.
        realtime_grace: late answers per start that are forgiven.
    """

    experiment: Experiment = "supervised"
    accuracy_overlap: OverlapRule = field(default_factory=OverlapRule)
    eao_overlap: OverlapRule = field(default_factory=OverlapRule)
    eao_window: tuple[int, int] | None = None
    fragments: Fragments = "through-restart"
    accuracy_pooling: AccuracyPooling = "frames"
    skip: int = 5
    burn_in: int = 10
    realtime_fps: float | None = None
    realtime_grace: int = 3

    compared_keys: ClassVar[tuple[str, ...]] = ("accuracy", "average_overlap")
    """The EAO of one sequence means nothing; its accuracy does."""

    not_this_kind: ClassVar[str] = "has no restarts; expected one of VOT, such as vot2018"

    def reported(self) -> tuple[Measure, ...]:
        """EAO, accuracy and failures; the average overlap of runs in one go."""
        needs = ("regions", "frame size") if self.accuracy_overlap.rasterizing != "exact" else ("regions",)
        if self.experiment == "unsupervised":
            overlap = "average overlap (IoU) of region and truth in one go: 0 is the worst, 1 is perfect"
            return (Measure("average_overlap", "AO", needs=needs, meaning=overlap),)
        failures = partial(Measure, higher_is_better=False, needs=("restarts",))
        return (
            Measure(
                "eao",
                "EAO",
                needs=(*needs, "restarts"),
                meaning="expected average overlap of a run of usual length, failures counted as no overlap: 0 is the "
                "worst, 1 is perfect; SiamRPN++ (Li et al., CVPR 2019) reports 0.414 on VOT2018",
            ),
            Measure(
                "accuracy",
                "accuracy",
                needs=(*needs, "restarts"),
                meaning="mean overlap (IoU) while the target is followed, failures apart",
            ),
            failures(
                "robustness",
                "failures/100 frames",
                unit="failures per 100 frames",
                range=(0.0, 100.0),
                meaning="how often the target is lost and the tracker started again; 0 is the best",
            ),
            failures(
                "lost",
                "failures",
                unit="failures",
                range=(0.0, math.inf),
                meaning="losses in all sequences, averaged over repetitions; 0 is the best",
            ),
        )

    def check(self) -> None:
        """Refuses a window, skipped frames or a frame rate that make no sense, too."""
        super().check()
        problem = ""
        if self.eao_window and not 1 <= self.eao_window[0] <= self.eao_window[1]:
            problem = f"eao_window={self.eao_window} is no range of lengths from 1 on"
        elif self.skip < 1 or self.burn_in < 0:
            problem = f"skip={self.skip} must be at least 1 and burn_in={self.burn_in} at least 0"
        elif (self.experiment == "realtime") != (self.realtime_fps is not None):
            problem = "realtime_fps belongs to the experiment 'realtime', and to no other"
        elif self.realtime_fps is not None and not self.realtime_fps > 0:
            problem = f"realtime_fps={self.realtime_fps} must be above 0"
        if problem:
            raise EvaluationError(f"protocol {self.name!r}: {problem}")

    def score(self, sequence: Sequence, tracker: TrackerResults) -> SequenceScore:
        """All runs on a sequence; accuracy and failures of it alone, and the overlaps of its first run."""
        runs = self._runs(sequence, tracker)
        each = score_vot(self, [runs]).sequences[0]
        numbers = {"accuracy": each.accuracy, "lost": each.failures}
        if self.experiment == "unsupervised":
            numbers = {"average_overlap": each.accuracy}
        trajectory = runs.trajectories[0]
        counted = trajectory.after_burn_in(self.burn_in)
        iou = _overlaps(self.accuracy_overlap, runs, trajectory)[counted]
        speed = frames_per_second(tracker.results[sequence.name].seconds)
        return SequenceScore(sequence.name, counted, iou, numbers, runs, speed)

    def pool(self, sequences: Iterable[SequenceScore]) -> VotScore:
        """The numbers of all runs, with the curve behind the EAO."""
        return score_vot(self, [item.observed for item in sequences])

    def resample(self, score: Score, draws: Array) -> dict[str, Array]:
        """All sums over the drawn sequences are made anew."""
        longest = 0 if score.pooled.curve is None else len(score.pooled.curve)
        sums = _sums(self, [item.observed for item in score.sequences], longest)
        return {key: sums[key].resampled(draws) for key in self.headings()}

    def notes(self, scores: Iterable[Score]) -> list[str]:
        """Which trackers have no EAO."""
        window = self.eao_window or (0, 0)
        return [
            f"{score.tracker} has no EAO: {self.name} averages expected overlaps over {window[0]} to {window[1]} "
            "frames after the start, and no run here is that long"
            for score in scores
            if score.pooled.curve is not None and np.isnan(score.scores["eao"])
        ]

    def drawings(self, report: Report) -> Iterator[Drawing]:
        """The curve behind the EAO, and the ranking by it where a tracker has one."""
        from dmtrack.evaluation.reporting.figures.challenges import ExpectedOverlap, draw_eao_curve, draw_eao_ranking
        from dmtrack.evaluation.reporting.figures.curves import describe

        items = [
            ExpectedOverlap(score.tracker, score.pooled.curve, score.scores["eao"])
            for score in report.scores
            if score.pooled.curve is not None
        ]
        if not items or self.eao_window is None:
            return
        title, note = f"on {report.benchmark}, protocol {self.name}", describe(report)
        curve = partial(draw_eao_curve, items, self.eao_window, report.benchmark, note)
        yield Drawing("eao_curve", f"expected overlap by length {title}", curve)
        if not all(math.isnan(item.eao) for item in items):
            ranking = partial(draw_eao_ranking, items, report.benchmark, note)
            yield Drawing("eao_ranking", f"ranking by expected average overlap {title}", ranking)

    def _runs(self, sequence: Sequence, tracker: TrackerResults) -> VotRuns:
        size_wh = known_frame_size(sequence, self.name)
        trajectories = tracker.trajectories.get(sequence.name, ())
        restarts = any(len(trajectory.initializations) > 1 or len(trajectory.failures) for trajectory in trajectories)
        if self.experiment == "unsupervised":
            if restarts:
                raise EvaluationError(
                    f"{tracker.name} was started again in {sequence.name!r}, but {self.name} needs runs in one go"
                )
            boxes = tracker.results[sequence.name].boxes_xywh
            trajectories = trajectories or (Trajectory.without_restarts(boxes),)
        if not trajectories:
            raise EvaluationError(
                f"the results of {tracker.name} for {sequence.name!r} do not say where the tracker was started and "
                f"failed, but {self.name} needs runs with restarts in the layout of the VOT toolkit"
            )
        return VotRuns(sequence.name, sequence.regions, size_wh, trajectories)


def _overlaps(rule: OverlapRule, runs: VotRuns, trajectory: Trajectory) -> Array:
    return region_overlaps(rule, runs.truth, trajectory.regions, runs.image_size_wh)


@dataclass(frozen=True)
class _Sums:
    """What each sequence adds to a number: the mean over columns of sums over sequences, divided by each other.

    Attributes:
        above: (sequences, columns) above the line; the EAO has a column per length of its window, others have one.
        below: (sequences, columns) below the line.
        known: (sequences, columns) whether the sequence is long enough for the column; a column that no drawn sequence
            is long enough for is in no mean. None: all are.
    """

    above: Array
    below: Array
    known: NDArray[np.bool_] | None = None

    def resampled(self, draws: Array) -> Array:
        """(rounds,) numbers of the (rounds, sequences) drawn ones; NaN where nothing defines them."""
        known = np.ones(self.above.shape) if self.known is None else self.known
        weight = np.where(draws @ known > 0, draws @ self.below, 0.0)
        curve = np.divide(draws @ self.above, weight, out=np.full(weight.shape, np.nan), where=weight > 0)
        columns = (~np.isnan(curve)).sum(axis=1)
        return np.divide(np.nansum(curve, axis=1), columns, out=np.full(len(draws), np.nan), where=columns > 0)


def _sums(protocol: VotProtocol, runs: list[VotRuns], longest: int) -> dict[str, _Sums]:
    """By number, what each sequence adds to it."""
    frames = np.array([[len(one.truth)] for one in runs], dtype=np.float64)
    failures = np.array([[one.failures()] for one in runs])
    accuracy = np.array([_accuracy_sums(protocol, one) for one in runs]).reshape(-1, 2)
    pooled = _Sums(accuracy[:, :1], accuracy[:, 1:])
    sums = {
        "accuracy": pooled,
        "average_overlap": pooled,
        "robustness": _Sums(100 * failures, frames),
        "lost": _Sums(failures, np.full_like(failures, 1 / max(1, len(runs)))),
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

"""Long-term tracking: F-scores over confidences (VOT-LT), and how often "there" and "gone" are right (OxUvA)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.long_term import (
    LongTermRun,
    LongTermScore,
    ThresholdRanks,
    count_presence,
    f_scores,
    precision_recall,
    presence_rates,
    score_long_term,
    score_presence,
)
from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.measures.overlap import OverlapRule, region_overlaps
from dmtrack.evaluation.measures.trajectory import Trajectory, is_region
from dmtrack.evaluation.protocols.protocol import BaseProtocol, Drawing
from dmtrack.evaluation.reporting.bootstrap import weighted_means
from dmtrack.evaluation.results import TrackerResults
from dmtrack.evaluation.scoring import Score, SequenceScore, frames_per_second, known_frame_size
from dmtrack.files import json_value

if TYPE_CHECKING:
    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.report import Report

Array = NDArray[np.float64]

Confidence = Literal["number", "zero"]
"""A confidence that is no number: `number`: the frame is reported at no threshold but the lowest. `zero`: it is 0, and
the lowest threshold takes confidences above 0."""


@dataclass(frozen=True)
class LongTermProtocol(BaseProtocol):
    """Precision, recall and F-score over thresholds of confidence (Lukezic et al., 2018).

    Attributes:
        overlap: overlap of a frame.
        thresholds: number of thresholds, taken from the confidences of all sequences at even ranks.
        threshold_ranks: see `ThresholdRanks`.
        confidence: see `Confidence`.
    """

    overlap: OverlapRule = field(default_factory=OverlapRule)
    thresholds: int = 100
    threshold_ranks: ThresholdRanks = "vot-toolkit"
    confidence: Confidence = "number"

    not_this_kind: ClassVar[str] = "needs no confidences; expected vot-lt or vot-lt-pysot"

    def reported(self) -> tuple[Measure, ...]:
        """The F-score, and precision and recall at its threshold."""
        clips = self.overlap.rasterizing != "exact"
        needs = ("regions", "confidences", *(("frame size",) if clips else ()))
        texts = {
            "f_score": (
                "F",
                "harmonic mean of precision and recall at the best threshold of confidence: 0 is the worst, 1 is "
                "perfect; SiamRPN++ (Li et al., CVPR 2019) reports 0.629 on VOT2018-LT",
            ),
            "precision": ("precision", "mean overlap (IoU) of the frames in which the target is reported"),
            "recall": ("recall", "sum of the overlaps by the number of frames in which the target is there"),
        }
        return tuple(Measure(key, title, needs=needs, meaning=meaning) for key, (title, meaning) in texts.items())

    def check(self) -> None:
        """Refuses too few thresholds, too."""
        super().check()
        if self.thresholds < 3:
            raise EvaluationError(f"protocol {self.name!r}: thresholds={self.thresholds} must be at least 3")

    def score(self, sequence: Sequence, tracker: TrackerResults) -> SequenceScore:
        """Its own best F-score, and the overlaps of the frames with target after the first."""
        run = self._run(tracker.cut(sequence), tracker)
        counted = is_region(run.truth)
        counted[:1] = False
        overlaps = np.nan_to_num(region_overlaps(self.overlap, run.truth, run.results, run.image_size_wh))
        result = tracker.results[run.name]
        numbers = score_long_term(self, [run]).scores
        return SequenceScore(run.name, counted, overlaps[counted], numbers, run, frames_per_second(result.seconds))

    def pool(self, sequences: Iterable[SequenceScore]) -> LongTermScore:
        """The mean curves and the threshold at which the F-score is best."""
        return score_long_term(self, [item.observed for item in sequences])

    def resample(self, score: Score, draws: Array) -> dict[str, Array]:
        """The curves are averaged and the best F-score is looked for anew; the thresholds stay those of all."""
        pairs = [precision_recall(self, item.observed, score.pooled.thresholds) for item in score.sequences]
        precision, recall = (
            # The mean over the drawn sequences in which the curve is defined.
            weighted_means(draws, curves, ~np.isnan(curves))
            for curves in map(np.array, zip(*pairs, strict=True))
        )
        return dict(zip(("f_score", "precision", "recall"), _best(precision, recall), strict=True))

    def notes(self, scores: Iterable[Score]) -> list[str]:
        """Which trackers gave no confidences."""
        return [
            f"the results of {score.tracker} hold no confidences: {self.name} takes 1 for every frame with a box"
            for score in scores
            if not all(item.observed.has_confidence for item in score.sequences)
        ]

    def further(self, scores: Iterable[Score]) -> dict[str, Any]:
        """The curves; infinite thresholds are null."""
        return {
            "precision_recall": {
                score.tracker: {
                    **{
                        name: json_value(getattr(score.pooled, name).tolist())
                        for name in ("thresholds", "precision", "recall", "f_score")
                    },
                    "best_threshold": json_value(score.pooled.thresholds[score.pooled.best]),
                }
                for score in scores
            }
        }

    def drawings(self, report: Report) -> Iterator[Drawing]:
        """Precision over recall."""
        from dmtrack.evaluation.reporting.figures.challenges import draw_precision_recall
        from dmtrack.evaluation.reporting.figures.curves import describe

        measured = {score.tracker: score.pooled for score in report.scores}
        curve = partial(draw_precision_recall, measured, report.benchmark, describe(report))
        title = f"precision and recall on {report.benchmark}, protocol {self.name}"
        yield Drawing("precision_recall", title, curve)

    def _run(self, sequence: Sequence, tracker: TrackerResults) -> LongTermRun:
        clips = "frame size" in self.needs
        size = known_frame_size(sequence, self.name) if clips else sequence.frame_size_wh or (0, 0)
        result = tracker.results[sequence.name]
        stored = tracker.trajectories.get(sequence.name, ())
        trajectory = stored[0] if stored else Trajectory.without_restarts(result.boxes_xywh)
        regions = trajectory.regions
        if result.scores is None:
            confidence = np.where(is_region(regions), 1.0, np.nan)
        else:
            confidence = result.scores.astype(np.float64)
        if not stored and len(confidence):
            confidence[0] = np.nan  # the tracker was given the target there
        truth = np.where(sequence.present[:, None], sequence.regions, np.nan)
        return LongTermRun(sequence.name, truth, regions, confidence, size, result.scores is not None)


def _best(precision: Array, recall: Array) -> tuple[Array, Array, Array]:
    """(rounds,) best F-score, and precision and recall there; NaN where no drawn sequence has a visible target."""
    f_score = f_scores(precision, recall)
    rows, best = np.arange(len(f_score)), np.argmax(f_score, axis=1)
    undefined = np.isnan(recall).any(axis=1)
    return tuple(  # type: ignore[return-value]
        np.where(undefined, np.nan, values[rows, best]) for values in (f_score, precision, recall)
    )


@dataclass(frozen=True)
class PresenceProtocol(BaseProtocol):
    """True positive and true negative rates of a tracker that says whether the target is there (Valmadre et al., 2018).

    Attributes:
        iou_threshold: IoU from which on, itself included, a box is right.
    """

    iou_threshold: float = 0.5

    compared_keys: ClassVar[tuple[str, ...]] = ("tpr",)
    """Many sequences have no absent frame, and none of the other numbers without one."""

    overlap_title: ClassVar[str] = "IoU (in frames without target 1 where the tracker says so, 0 where it does not)"

    def reported(self) -> tuple[Measure, ...]:
        """The rates and their geometric means."""
        texts = {
            "max_gm": (
                "MaxGM",
                'the largest geometric mean of both rates that also saying "absent" at random gives: 0 is the worst, 1 '
                "is perfect; SPLT (Yan et al., ICCV 2019) reports 0.622 on OxUvA",
            ),
            "gm": ("GM", "geometric mean of both rates"),
            "tpr": ("TPR", f"share of frames with target that are reported with IoU >= {self.iou_threshold:g}"),
            "tnr": ("TNR", "share of frames without target that are reported as such"),
        }
        needs = ("boxes", "presence")
        return tuple(Measure(key, title, needs=needs, meaning=meaning) for key, (title, meaning) in texts.items())

    def check(self) -> None:
        """Refuses an IoU threshold that is no share, too."""
        super().check()
        if not 0 <= self.iou_threshold <= 1:
            raise EvaluationError(f"protocol {self.name!r}: iou_threshold={self.iou_threshold} must lie in [0, 1]")

    def score(self, sequence: Sequence, tracker: TrackerResults) -> SequenceScore:
        """The counted frames of a sequence. A tracker that never says so has the target wherever it has a box."""
        sequence, result = tracker.cut(sequence), tracker.results[sequence.name]
        boxes, there = result.boxes_xywh, sequence.present
        said = np.isfinite(boxes).all(axis=1) if result.present is None else result.present
        counted = sequence.annotated
        counts = count_presence(self, sequence.boxes_xywh, there, boxes, said, counted)
        counted[:1] = False
        right = np.where(said, 0.0, 1.0)
        both = there & said
        right[there] = 0.0
        right[both] = np.nan_to_num(paired_iou_xyxy(xywh_to_xyxy(sequence.boxes_xywh[both]), xywh_to_xyxy(boxes[both])))
        numbers = score_presence([counts]) | {key: float(value) for key, value in vars(counts).items()}
        observed = (counts, result.present is not None)
        speed = frames_per_second(result.seconds)
        return SequenceScore(sequence.name, counted, right[counted], numbers, observed, speed)

    def pool(self, sequences: Iterable[SequenceScore]) -> dict[str, float]:
        """The rates over the frames of all sequences."""
        return score_presence([item.observed[0] for item in sequences])

    def read(self, pooled: dict[str, float]) -> dict[str, float]:
        """The rates in the order of the measures."""
        return {key: pooled[key] for key in self.headings()}

    def resample(self, score: Score, draws: Array) -> dict[str, Array]:
        """The frames of the drawn sequences are counted anew."""
        return presence_rates(draws @ np.array([astuple(item.observed[0]) for item in score.sequences]))

    def notes(self, scores: Iterable[Score]) -> list[str]:
        """Numbers that no frame defines, and trackers that never say that the target is absent."""
        scores = tuple(scores)
        counts = [astuple(item.observed[0]) for score in scores for item in score.sequences]
        with_target, without = np.array(counts, dtype=np.int64).reshape(-1, 2, 2).sum(axis=(0, 2))
        notes = []
        if not without:
            notes = ["no annotated frame is without target: TNR, GM and MaxGM are not defined here"]
        if not with_target:
            notes = ["no annotated frame after the first has a target: TPR, GM and MaxGM are not defined here"]
        return notes + [
            f"the results of {score.tracker} do not say where the target is absent: it counts as reported in every "
            "frame with a box"
            for score in scores
            if not all(item.observed[1] for item in score.sequences)
        ]

    def drawings(self, report: Report) -> Iterator[Drawing]:
        """True positive rate over true negative rate."""
        from dmtrack.evaluation.reporting.figures.challenges import draw_presence
        from dmtrack.evaluation.reporting.figures.curves import describe

        rates = {score.tracker: score.scores for score in report.scores}
        points = partial(draw_presence, rates, report.benchmark, describe(report))
        title = f"true positive and true negative rate on {report.benchmark}, protocol {self.name}"
        yield Drawing("presence", title, points)

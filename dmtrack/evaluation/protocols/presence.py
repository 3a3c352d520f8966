"""Absence: how often a tracker is right in saying that the target is there, or gone (OxUvA)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.measures.presence import count_presence, presence_rates, score_presence
from dmtrack.evaluation.protocols.protocol import BaseProtocol, Drawing
from dmtrack.evaluation.results import TrackerResults
from dmtrack.evaluation.scoring import Score, SequenceScore, frames_per_second

if TYPE_CHECKING:
    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.report import Report

Array = NDArray[np.float64]


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
                "is perfect; published trackers get about 0.5 to 0.8 on OxUvA",
            ),
            "gm": ("GM", "geometric mean of both rates"),
            "tpr": ("TPR", f"share of frames with target that are reported with IoU >= {self.iou_threshold:g}"),
            "tnr": ("TNR", "share of frames without target that are reported as such"),
        }
        needs = ("boxes", "presence")
        return tuple(Measure(key, title, needs=needs, meaning=meaning) for key, (title, meaning) in texts.items())

    def check(self) -> None:
        """Refuses impossible rules.

        Raises:
            EvaluationError: the IoU threshold is no share.
        """
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
        from dmtrack.evaluation.reporting.figures.curves import describe
        from dmtrack.evaluation.reporting.figures.long_term import draw_presence

        rates = {score.tracker: score.scores for score in report.scores}
        points = partial(draw_presence, rates, report.benchmark, describe(report))
        title = f"true positive and true negative rate on {report.benchmark}, protocol {self.name}"
        yield Drawing("presence", title, points)

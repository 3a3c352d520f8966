"""Many objects with identities: HOTA, MOTA, IDF1 and the counts behind them (MOTChallenge, DanceTrack)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import MultiObjectSequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.detection import PairedDetections, average_precision, paired_detections
from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.measures.multi_object import (
    ALPHAS,
    CURVES,
    MEASURES,
    PEDESTRIAN,
    SUMS,
    counted_boxes,
    numbers,
    pairing_of,
    raw_scores,
    scores_of_sums,
    sums_of,
)
from dmtrack.evaluation.protocols.protocol import BaseProtocol, Drawing, register
from dmtrack.evaluation.results import TrackerResults
from dmtrack.evaluation.scoring import Score, SequenceScore, frames_per_second

if TYPE_CHECKING:
    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.report import Report

Array = NDArray[np.float64]

_SHARES = {
    "HOTA": "geometric mean of DetA and AssA over 19 thresholds of overlap: 0 is the worst, 1 is perfect; ByteTrack "
    "(Zhang et al., ECCV 2022) reports 0.631 on MOT17 and 0.613 on MOT20",
    "DetA": "right boxes by right, missed and false ones",
    "AssA": "how much of a person's and of a track's boxes belong together, averaged over right boxes",
    "LocA": "mean overlap (IoU) of right boxes",
    "MOTA": "1 - (misses + false positives + switches) by true boxes; below 0 with more mistakes than boxes",
    "MOTP": "mean overlap (IoU) of paired boxes, those of at least 0.5",
    "IDF1": "boxes of the right identity, each person having one track alone: harmonic mean of IDP and IDR",
    "IDP": "share of the tracker's boxes with the right identity",
    "IDR": "share of the true boxes with the right identity",
}
_COUNTS = {
    "IDSW": ("switches", "how often a person gets another identity than before"),
    "FP": ("boxes", "false positives: boxes on nobody"),
    "FN": ("boxes", "false negatives: people who were missed"),
    "MT": ("people", "mostly tracked: found in more than 80 % of their frames"),
    "PT": ("people", "partly tracked"),
    "ML": ("people", "mostly lost: found in less than 20 % of their frames"),
    "Frag": ("breaks", "how often a person is lost and found again"),
}
_NEEDS = ("identities",)


@dataclass(frozen=True)
class MultiObjectProtocol(BaseProtocol):
    """HOTA (Luiten et al., IJCV 2021), CLEAR MOT and identity measures, by TrackEval.

    Attributes:
        distractors: classes whose people nobody is asked to track; boxes on them are taken out.
        with_classes: the truth has classes, of which pedestrians count; MOT15 has none.
        counted_class: class, in both truth and result, whose boxes alone are looked at, for data sets and detectors of
            several classes; None: pedestrians of the truth and all boxes of the result, as the benchmarks do.
        apart: boxes on distractors are found without regard to those on people that count, and frames without any box
            of the tracker are not visited (FairMOT's and ByteTrack's evaluator).
    """

    distractors: tuple[int, ...] = (2, 7, 8, 12)
    with_classes: bool = True
    counted_class: int | None = None
    apart: bool = False

    rows: ClassVar[Literal["result", "detections"]] = "result"
    """What files of results hold."""

    overlap_title: ClassVar[str] = "share of right boxes (right by right, missed and false ones)"
    not_this_kind: ClassVar[str] = (
        "scores one target; expected one of many objects: mot15, mot17, mot20, mot-fairmot or mot-no-preprocessing"
    )

    def of_class(self, number: int) -> MultiObjectProtocol:
        """The same rules for one class of several, whose number in the files is given; no class is a distractor."""
        return replace(
            self, name=f"{self.name}, class {number}", counted_class=number, distractors=(), with_classes=False
        )

    def rows_of_class(self, truth: Array, result: Array) -> tuple[Array, Array]:
        """What of truth and result is looked at, (n, 9) and (m, 9).

        Raises:
            EvaluationError: the result has no classes.
        """
        if self.counted_class is None:
            return truth, result
        if len(result) and (result[:, 7] < 1).any():
            raise EvaluationError(
                "the result has boxes without a class (the eighth number of a line, from 1 on), so they cannot be "
                "scored by class; take the result of a model of several classes, or leave --class out"
            )
        return truth[truth[:, 7] == self.counted_class], result[result[:, 7] == self.counted_class]

    def reported(self) -> tuple[Measure, ...]:
        """HOTA first, then its parts, MOTA, identity measures, and counts."""
        shares = tuple(
            Measure(key, key, meaning=meaning, needs=_NEEDS, range=(-np.inf if key == "MOTA" else 0.0, 1.0))
            for key, meaning in _SHARES.items()
        )
        counts = tuple(
            Measure(
                key, key, unit=unit, meaning=meaning, needs=_NEEDS, range=(0.0, np.inf), digits=0,
                higher_is_better=key == "MT",
            )
            for key, (unit, meaning) in _COUNTS.items()
        )  # fmt: skip
        return shares + counts

    def score(self, sequence: Sequence, tracker: TrackerResults) -> SequenceScore:
        """One sequence with all its objects; no frame of it counts where the truth is not published.

        Raises:
            EvaluationError: it has one target alone, the result has no identities or goes beyond the sequence, or
                TrackEval is not installed.
        """
        sequence, result = tracker.cut(sequence), tracker.results[sequence.name]
        if not isinstance(sequence, MultiObjectSequence) or result.tracks is None:
            raise EvaluationError(
                f"protocol {self.name!r} scores many objects with identities, and {sequence.name!r} has one target; "
                "give a benchmark such as mot17, or another protocol"
            )
        speed, last = frames_per_second(result.seconds), int(max(len(sequence), result.tracks[:, 0].max(initial=0)))
        if sequence.truth is None:
            unknown = dict.fromkeys(MEASURES, np.nan)
            return SequenceScore(sequence.name, np.zeros(last, bool), np.empty(0), unknown, np.zeros(SUMS), speed)
        length = len(sequence) if sequence.length_known else None
        try:
            counted = counted_boxes(*self.rows_of_class(sequence.truth, result.tracks), self, length)
        except EvaluationError as error:
            raise EvaluationError(f"{tracker.name}, sequence {sequence.name!r}: {error}") from error
        raw = raw_scores(counted)
        pairing = pairing_of(counted, last)
        every = np.ones(last, bool)
        return SequenceScore(
            sequence.name, every, pairing.right_share(), numbers(raw), sums_of(raw), speed, pairing=pairing
        )

    def counts(self, item: SequenceScore) -> bool:
        """Whether its truth is known."""
        return item.pairing is not None

    def pool(self, sequences: Iterable[SequenceScore]) -> Array:
        """The sums of all sequences; NaN where the truth of none is known."""
        known = [item.observed for item in sequences if self.counts(item)]
        return np.sum(known, axis=0) if known else np.full(SUMS, np.nan)

    def read(self, pooled: Array) -> dict[str, float]:
        """The numbers of the sums."""
        return {name: float(value) for name, value in scores_of_sums(pooled)[0].items()}

    def resample(self, score: Score, draws: Array) -> dict[str, Array]:
        """The numbers of the sums of the drawn sequences."""
        return scores_of_sums(draws @ np.array([item.observed for item in score.sequences]))[0]

    def further(self, scores: Iterable[Score]) -> dict[str, Any]:
        """The curves over the thresholds of overlap, by tracker."""
        return {
            "overlap_thresholds": ALPHAS.round(2).tolist(),
            "curves_over_overlap": {
                score.tracker: {name: curve.tolist() for name, curve in scores_of_sums(score.pooled)[1].items()}
                for score in scores
            },
        }

    def drawings(self, report: Report) -> Iterator[Drawing]:
        """HOTA and its parts over the thresholds of overlap."""
        from dmtrack.evaluation.reporting.figures.curves import CurveKind, draw_curve

        for name in CURVES:
            thresholds = tuple(ALPHAS.tolist())
            kind = CurveKind(
                name.lower(), f"{name} over overlap", "Overlap threshold", name, self.measure(name), thresholds, end=1.0
            )
            values = {score.tracker: scores_of_sums(score.pooled)[1][name] for score in report.scores}
            title = f"{name} over thresholds of overlap on {report.benchmark}, protocol {self.name}"
            yield Drawing(kind.name, title, partial(draw_curve, report, kind, values))


MOT17 = register(
    MultiObjectProtocol(
        name="mot17",
        description=(
            "MOTChallenge for MOT16 and MOT17, DanceTrack and SportsMOT: boxes on distractors (people on vehicles, "
            "static people, distractors, reflections) are taken out first, then people that count are scored; scores "
            "of several sequences are those of their sums."
        ),
        source="Luiten et al., IJCV 2021; TrackEval, MotChallenge2DBox",
    )
)
MOT20 = register(
    replace(
        MOT17,
        name="mot20",
        description="MOTChallenge for MOT20: as mot17, with boxes on non-motorized vehicles taken out, too.",
        distractors=(2, 6, 7, 8, 12),
    )
)
MOT15 = register(
    replace(
        MOT17,
        name="mot15",
        description="MOTChallenge for MOT15, whose truth has no classes: all true boxes that are marked count.",
        distractors=(),
        with_classes=False,
    )
)
MOT_NO_PREPROCESSING = register(
    replace(
        MOT17,
        name="mot-no-preprocessing",
        description="As mot17, but no box of the tracker is taken out.",
        distractors=(),
    )
)
MOT_FAIRMOT = register(
    replace(
        MOT17,
        name="mot-fairmot",
        description=(
            "The evaluator of FairMOT and ByteTrack: as mot17, but frames without a result are skipped and boxes on "
            "distractors found by themselves; about a point from the official one."
        ),
        source="FairMOT: tracking_utils/evaluation.py",
        apart=True,
    )
)


_PRECISIONS = {
    "AP": "average precision of boxes, over ten thresholds of overlap from 0.5 to 0.95",
    "AP50": "average precision where an overlap of 0.5 is enough",
    "AP75": "average precision where it must be 0.75",
    "AR": "share of true boxes found at all, over the same thresholds",
}


@dataclass(frozen=True)
class DetectionProtocol(MultiObjectProtocol):
    """Average precision of a detector, whose boxes have no identities (COCO).

    Boxes on distractors, and on people that do not count, neither help nor harm.
    """

    rows: ClassVar[Literal["result", "detections"]] = "detections"

    def reported(self) -> tuple[Measure, ...]:
        """AP first, as COCO lists them."""
        return tuple(Measure(key, key, meaning=meaning) for key, meaning in _PRECISIONS.items())

    def score(self, sequence: Sequence, tracker: TrackerResults) -> SequenceScore:
        """One sequence, all of whose frames count where the truth is published.

        Raises:
            EvaluationError: it has one target alone, or pycocotools is not installed.
        """
        sequence, result = tracker.cut(sequence), tracker.results[sequence.name]
        if not isinstance(sequence, MultiObjectSequence) or result.tracks is None:
            raise EvaluationError(
                f"protocol {self.name!r} scores detections of many objects, and {sequence.name!r} has one target; give "
                "a benchmark such as mot17, or another protocol"
            )
        truth = np.zeros((0, 9)) if sequence.truth is None else sequence.truth
        try:
            truth, found = self.rows_of_class(truth, result.tracks)
        except EvaluationError as error:
            raise EvaluationError(f"{tracker.name}, sequence {sequence.name!r}: {error}") from error
        counts = truth[:, 6] != 0
        if self.with_classes:
            counts &= truth[:, 7] == PEDESTRIAN
        paired = paired_detections(truth, counts, found)
        every = np.full(len(sequence), sequence.truth is not None)
        nothing = np.full(int(every.sum()), np.nan)  # no number of a single frame
        speed = frames_per_second(result.seconds)
        return SequenceScore(sequence.name, every, nothing, average_precision([paired]), paired, speed)

    def counts(self, item: SequenceScore) -> bool:
        """Whether its truth is known."""
        return bool(item.counted.any())

    def pool(self, sequences: Iterable[SequenceScore]) -> list[PairedDetections]:  # type: ignore[override]
        """The detections of all sequences."""
        return [item.observed for item in sequences if self.counts(item)]

    def read(self, pooled: list[PairedDetections]) -> dict[str, float]:  # type: ignore[override]
        """The numbers of all detections together."""
        return average_precision(pooled)

    def resample(self, score: Score, draws: Array) -> dict[str, Array]:
        """The numbers of every round's sequences."""
        samples = {key: np.empty(len(draws)) for key in _PRECISIONS}
        for place, times in enumerate(draws.astype(int)):
            drawn = np.repeat(np.arange(len(times)), times).tolist()
            for key, value in average_precision([score.sequences[number].observed for number in drawn]).items():
                samples[key][place] = value
        return samples

    def further(self, scores: Iterable[Score]) -> dict[str, Any]:
        """Nothing."""
        return {}

    def drawings(self, report: Report) -> Iterator[Drawing]:
        """None."""
        return iter(())


COCO = register(
    DetectionProtocol(
        name="coco",
        description=(
            "COCO's average precision of the boxes of a detector (det.txt) in videos of MOTChallenge; all frames of "
            "all sequences together."
        ),
        source="Lin et al., ECCV 2014; pycocotools, COCOeval",
    )
)

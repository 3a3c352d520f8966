"""What a protocol can decide: every rule by which toolkits differ is one field here, with its possible values.

A frame of a sequence is *measured* (its numbers are computed), a *miss* (in the denominator, hit at no threshold), a
*hit by rule* (in the denominator, hit at every threshold of a distance, because the toolkit writes -1 for the distance
and -1 is below all thresholds) or *dropped* (in no sum). The rules say which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures import one_pass
from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.protocols.protocol import BaseProtocol, Drawing
from dmtrack.evaluation.reporting.bootstrap import weighted_means
from dmtrack.evaluation.results import TrackerResults
from dmtrack.evaluation.scoring import Curves, Score, SequenceScore, pooled_curves, score_sequence, sequence_facts

if TYPE_CHECKING:
    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.report import Report

Array = NDArray[np.float64]

FirstFrame = Literal["skipped", "truth", "given"]
"""`skipped`: not counted. `truth`: counted, the result replaced by the true box. `given`: counted as any other."""

Visibility = Literal["flags", "cover"]
"""`flags`: the benchmark's absence flags say where the target is absent. `cover`: GOT-10k's cover labels do (0:
absent), and the flags where a benchmark has no cover."""

FrameTreatment = Literal["dropped", "miss", "distance-hit", "normalized-hit", "measured"]
"""`dropped`: in no sum. `miss`: counted and never hit, which is what "removed from the numerator only" amounts to.
`distance-hit`: a miss for IoU, a hit by rule for both distances. `normalized-hit`: a hit by rule for the normalised
distance alone. `measured`: treated as any other frame."""

TruthCondition = Literal["size", "coordinates", "corners", "center"]
"""What a valid true box has, in the benchmark's own pixel numbers. `size`: width and height above 0. `coordinates`:
left, top, width and height above 0. `corners`: four inclusive corners above 0 (left, top, left + width - 1,
top + height - 1). `center`: both coordinates of the centre above 0. A NaN is never valid."""

InvalidResults = Literal["miss", "previous", "previous-if-empty"]
"""Results with a NaN, or of no area. `miss`: NaN is a miss, other boxes are measured as they are. `previous`: replaced
by the box of the frame before, where the frame is annotated. `previous-if-empty`: so replaced where width or height is
exactly 0; NaN is a miss."""

NegativeSizes = Literal["zero", "kept"]
"""The centre of a result of negative width or height: as if that side were 0, or at left + width / 2 all the same."""

CenterOffset = Literal["middle", "last-pixel"]
"""Centre at left + width / 2, or at left + (width - 1) / 2. Distances are the same; the condition `center` is not."""

Normalization = Literal["truth-size", "truth-size-at-least-1"]
"""The distance is divided by the true width and height, or by at least 1 pixel. Sides of 0 without that minimum: a
miss."""

Pooling = Literal["sequences", "nonzero-sequences", "frames"]
"""`sequences`: the curves of sequences are averaged with equal weight; those without a counted frame are left out and
named. `nonzero-sequences`: likewise, and a sequence whose curve is zero everywhere is left out of the average of that
curve. `frames`: all counted frames of all sequences count alike."""

Reading = Literal["mean", "trapezoid", "at", "mean-overlap", "longest-run"]
"""`mean`: of the curve's values. `trapezoid`: area under the curve by the trapezoid rule, thresholds scaled to [0, 1].
`at`: value at one threshold. `mean-overlap`: mean IoU of counted frames. `longest-run`: share of counted frames in the
longest run of frames of which at least the share `at` has IoU > 0.5."""

CurveName = Literal["success", "precision", "normalized_precision"]


def grid(last: float, count: int) -> tuple[float, ...]:
    """`count` thresholds from 0 to `last`, evenly spaced."""
    return tuple(float(value) for value in np.linspace(0.0, last, count))


@dataclass(frozen=True)
class CurveMeasure(Measure):
    """One number that is read from a curve over thresholds, or from the overlaps behind it.

    Attributes:
        curve: which curve it is read from (`mean-overlap` and `longest-run` read the overlaps behind `success`).
        reading: how it is read.
        at: the threshold of `at`, or the share of `longest-run`.
    """

    curve: CurveName
    reading: Reading
    at: float | None = None

    @property
    def is_direct(self) -> bool:
        """Whether it is read from the overlaps of frames, not from a curve."""
        return self.reading in ("mean-overlap", "longest-run")


@dataclass(frozen=True)
class Protocol(BaseProtocol):
    """The rules by which one box per frame becomes a score. The defaults are those of `dmtrack-visible`.

    Attributes:
        first_frame: see `FirstFrame`.
        visibility: see `Visibility`.
        absent_frames: what becomes of frames whose labels say that the target is absent; `measured` ignores the labels.
        truth_condition: which true boxes are valid, see `TruthCondition`.
        distance_condition: the same for the two distances, where it differs; None: as `truth_condition`.
        invalid_truth_frames: what becomes of the other frames with an invalid true box.
        invalid_results: see `InvalidResults`.
        negative_sizes: see `NegativeSizes`.
        rounding: boxes are rounded to whole pixels, as the benchmark numbers them, halves to even.
        clipping: boxes are clipped to the image, where its size is known.
        center_offset: see `CenterOffset`.
        normalization: see `Normalization`.
        success_thresholds: of IoU.
        success_strict: a frame succeeds with IoU > t; with IoU >= t where False.
        precision_thresholds: of the centre distance in pixels; a frame is precise at or below. Empty: no such curve.
        normalized_precision_thresholds: of the normalised centre distance, likewise.
        precision_at: the pixels at which precision is read where a measure says so.
        normalized_precision_at: likewise for normalised precision.
        pooling: see `Pooling`.
        measures: the numbers that are reported, first the one that trackers are ranked by; by default success (mean of
            the curve), precision, normalised precision and the success rate at the middle threshold, IoU 0.5.
    """

    first_frame: FirstFrame = "skipped"
    visibility: Visibility = "flags"
    absent_frames: FrameTreatment = "dropped"
    truth_condition: TruthCondition = "size"
    distance_condition: TruthCondition | None = None
    invalid_truth_frames: FrameTreatment = "dropped"
    invalid_results: InvalidResults = "miss"
    negative_sizes: NegativeSizes = "zero"
    rounding: bool = False
    clipping: bool = False
    center_offset: CenterOffset = "middle"
    normalization: Normalization = "truth-size"
    success_thresholds: tuple[float, ...] = grid(1.0, 21)
    success_strict: bool = True
    precision_thresholds: tuple[float, ...] = grid(50.0, 51)
    precision_at: float = 20.0
    normalized_precision_thresholds: tuple[float, ...] = grid(0.5, 51)
    normalized_precision_at: float = 0.2
    pooling: Pooling = "sequences"
    measures: tuple[CurveMeasure, ...] = ()

    by_attribute: ClassVar[bool] = True
    not_this_kind: ClassVar[str] = (
        "needs more than one box per frame (restarts, confidences or presence), so it is read from stored results: "
        "`dmtrack report` shows it, `dmtrack eval protocols` its rules"
    )

    def thresholds(self, curve: CurveName) -> tuple[float, ...]:
        """The thresholds of one of the curves; empty where the protocol does not have it."""
        return {
            "success": self.success_thresholds,
            "precision": self.precision_thresholds,
            "normalized_precision": self.normalized_precision_thresholds,
        }[curve]

    def reported(self) -> tuple[CurveMeasure, ...]:
        """The numbers of this protocol: `measures`, or the usual ones where none are declared."""
        return self.measures or self._usual_measures

    @cached_property
    def _usual_measures(self) -> tuple[CurveMeasure, ...]:
        precise, normalized = self.precision_at, self.normalized_precision_at
        middle = self.success_thresholds[len(self.success_thresholds) // 2] if self.success_thresholds else 0.5
        usual = (
            CurveMeasure("success", "success", "success", "mean"),
            CurveMeasure("precision", f"P@{precise:g}px", "precision", "at", precise),
            CurveMeasure("normalized_precision", f"Pnorm@{normalized:g}", "normalized_precision", "at", normalized),
            CurveMeasure(
                "success_rate", f"IoU{'>' if self.success_strict else '>='}{middle:g}", "success", "at", middle
            ),
        )
        return tuple(measure for measure in usual if self.thresholds(measure.curve))

    def check(self) -> None:
        """Refuses unknown values, and scores that would be read where the curve has no threshold, too."""
        for rule, hint in get_type_hints(Protocol).items():
            literals = [part for part in (hint, *get_args(hint)) if get_origin(part) is Literal]
            choices = [choice for literal in literals for choice in get_args(literal)]
            value = getattr(self, rule)
            if literals and value not in (getattr(Protocol, rule), *choices):
                raise EvaluationError(
                    f"protocol {self.name!r}: {rule}={value!r} is unknown; known: {', '.join(choices)}"
                )
        super().check()
        for measure in self.reported():
            if measure.reading not in get_args(Reading):
                raise EvaluationError(
                    f"protocol {self.name!r}: reading {measure.reading!r} of {measure.key!r} is unknown; known: "
                    f"{', '.join(get_args(Reading))}"
                )
            if measure.reading == "at":
                one_pass.threshold_index(
                    self.thresholds(measure.curve), float("nan") if measure.at is None else measure.at
                )
            elif measure.reading == "longest-run" and not 0 < (measure.at or 0) <= 1:
                raise EvaluationError(f"protocol {self.name!r}: {measure.key!r} needs a share `at` in (0, 1]")
            elif not self.thresholds(measure.curve):
                raise EvaluationError(
                    f"protocol {self.name!r}: {measure.key!r} is read from the curve {measure.curve!r}, which has no "
                    "thresholds; give them or leave the measure out"
                )

    def legend(self) -> dict[str, str]:
        """What the numbers say, by their titles: as the curve and the reading tell, where a measure does not."""
        from dmtrack.evaluation.protocols.describing import measure_in_words

        return {measure.title: measure.meaning or measure_in_words(self, measure) for measure in self.reported()}

    def rules(self) -> list[tuple[str, str]]:
        """The rules in words."""
        from dmtrack.evaluation.protocols.describing import RULES, describe_rule

        return [(rule, describe_rule(self, rule)) for rule in RULES]

    def score(self, sequence: Sequence, tracker: TrackerResults) -> SequenceScore:
        """The boxes by these rules; what is observed are the curves of the sequence."""
        sequence, result = tracker.cut(sequence), tracker.results[sequence.name]
        return score_sequence(
            self,
            sequence.name,
            sequence.annotated_boxes_xywh,
            sequence.labelled_present,
            result.boxes_xywh,
            result.seconds,
            **sequence_facts(sequence),
        )

    def counts(self, item: SequenceScore) -> bool:
        """Whether any of its frames counts."""
        return bool(item.counted.any())

    def pool(self, sequences: Iterable[SequenceScore]) -> Curves:
        """The curves of all sequences."""
        return pooled_curves(self, sequences)

    def read(self, pooled: Curves) -> dict[str, float]:
        """The numbers in them."""
        return pooled.scores(self)

    def drawn_from(self, scores: Iterable[Score]) -> int:
        """How many sequences weigh anything in a number of any tracker."""
        weighs = [[self._weights(item).any() for item in score.sequences] for score in scores]
        return int(np.any(weighs, axis=0).sum()) if weighs and weighs[0] else 0

    def resample(self, score: Score, draws: Array) -> dict[str, Array]:
        """Weighted means of the numbers of the drawn sequences.

        Frames are pooled anew where the protocol pools frames, and sequences whose curve is zero everywhere are left
        out where it leaves them out.
        """
        keys = [measure.key for measure in self.reported()]
        values = np.array([[item.scores[key] for key in keys] for item in score.sequences], dtype=np.float64)
        weights = np.array([self._weights(item) for item in score.sequences])
        samples = weighted_means(draws, values, weights)
        # Where every drawn curve is zero there is nothing to average, and the score is 0 as in `mean_of_counted`.
        if self.pooling == "nonzero-sequences":
            samples = np.nan_to_num(samples)
        return dict(zip(keys, samples.T, strict=True))

    def _weights(self, item: SequenceScore) -> Array:
        """(measures,) what a sequence weighs in the mean of each number."""
        frames = float(np.count_nonzero(item.counted))
        if self.pooling == "frames" or not frames:
            return np.full(len(self.reported()), frames)
        if self.pooling == "sequences":
            return np.ones(len(self.reported()))
        curves = item.observed
        return np.array(
            [
                float(bool(curves.direct[measure.key]) if measure.is_direct else getattr(curves, measure.curve).any())
                for measure in self.reported()
            ]
        )

    def drawings(self, report: Report) -> Iterator[Drawing]:
        """One plot per curve that a number is read from."""
        from dmtrack.evaluation.reporting.figures.curves import curve_kinds, draw_curve

        for kind in curve_kinds(self):
            title = f"{kind.title} on {report.benchmark}, protocol {self.name}"
            curves = {score.tracker: getattr(score.pooled, kind.name) for score in report.scores}
            yield Drawing(kind.name, title, partial(draw_curve, report, kind, curves))

"""Reports on absence: how often a tracker is right in saying that the target is there, or gone (OxUvA)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.data.sequences import Sequence as VideoSequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.bootstrap import draw_sequences
from dmtrack.evaluation.reporting.loading import TrackerResults, score_without_curves
from dmtrack.evaluation.reporting.significance import Significance, assess_samples
from dmtrack.evaluation.scoring import SequenceScore, frames_per_second, no_curves
from dmtrack.evaluation.vot.presence import PresenceCounts, best_geometric_mean, count_presence, score_presence
from dmtrack.evaluation.vot.rules import PresenceProtocol

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PresenceReport(Report):
    """A report whose numbers need to know where the tracker says that the target is absent.

    Attributes:
        counts: by tracker, one entry per sequence.
        silent: trackers that do not say so, for whom the target is in every frame with a box.
    """

    counts: dict[str, list[PresenceCounts]] = field(default_factory=dict)
    silent: tuple[str, ...] = ()

    @property
    def is_one_pass(self) -> bool:
        """No curve over overlap or distance stands behind the numbers."""
        return False

    @property
    def per_sequence(self) -> str:
        """Many sequences have no absent frame, and none of the other numbers without one."""
        return "tpr"

    @property
    def overlap_title(self) -> str:
        """Absent frames count, too."""
        return "IoU (in frames without target 1 where the tracker says so, 0 where it does not)"

    def remarks(self) -> list[str]:
        """As `Report.remarks`, with the trackers that never say that the target is absent."""
        total = sum((item for items in self.counts.values() for item in items), start=PresenceCounts())
        empty = []
        if not total.true_negatives + total.false_positives:
            empty = ["no annotated frame is without target: TNR, GM and MaxGM are not defined here"]
        if not total.true_positives + total.false_negatives:
            empty = ["no annotated frame after the first has a target: TPR, GM and MaxGM are not defined here"]
        return [*super().remarks(), *empty] + [
            f"the results of {name} do not say where the target is absent: it counts as reported in every frame with "
            "a box"
            for name in self.silent
        ]


def build_presence_report(
    benchmark: str,
    protocol: PresenceProtocol,
    sequences: Sequence[VideoSequence],
    trackers: Sequence[TrackerResults],
    *,
    split: str = "all",
    stride: int = 1,
    left_out: Iterable[str] = (),
) -> PresenceReport:
    """Scores all trackers; arguments as in `loading.build_report`.

    Raises:
        EvaluationError: the benchmark publishes the first box of each sequence alone.
    """
    for sequence in sequences:
        if sequence.annotation.first_box_only:
            raise EvaluationError(
                f"the truth of {sequence.name!r} is not published but for its first box, so nothing can be scored "
                f"here; report on another split than {split!r}, or send the results to the benchmark's server"
            )
    scores, counts, silent = [], {}, []
    for tracker in trackers:
        chosen = [sequence for sequence in sequences if sequence.name in tracker.results]
        pairs = [_score_sequence(protocol, tracker.cut(sequence), tracker) for sequence in chosen]
        counts[tracker.name] = own = [pair[1] for pair in pairs]
        scored = score_presence(protocol, own)
        numbers = {key: scored.scores[key] for key in protocol.headings()}
        items = [pair[0] for pair in pairs]
        scores.append(score_without_curves(cast(Protocol, protocol), tracker, benchmark, items, numbers, sequences))
        if any(tracker.results[sequence.name].present is None for sequence in chosen):
            silent.append(tracker.name)
    return PresenceReport(
        benchmark,
        cast(Protocol, protocol),
        tuple(scores),
        split,
        stride,
        tuple(left_out),
        counts=counts,
        silent=tuple(silent),
    )


def assess_presence(report: PresenceReport, rounds: int = 1000, seed: int = 0, level: float = 0.95) -> Significance:
    """As `significance.assess`: in every round the frames of the drawn sequences are counted anew."""
    names = [item.name for item in report.scores[0].sequences]
    tables = {name: np.array([_row(item) for item in items]) for name, items in report.counts.items()}
    blocks: dict[str, list[Array]] = {name: [] for name in tables}
    for draws in draw_sequences(len(names), rounds, seed) if names else ():
        for name, table in tables.items():
            blocks[name].append(draws @ table)
    samples = {name: _rates(np.concatenate(parts or [np.zeros((rounds, 4))])) for name, parts in blocks.items()}
    return assess_samples(report, samples, len(names), rounds, seed, level)


def _score_sequence(
    protocol: PresenceProtocol, sequence: VideoSequence, tracker: TrackerResults
) -> tuple[SequenceScore, PresenceCounts]:
    result, there = tracker.results[sequence.name], sequence.present
    boxes = result.boxes_xywh
    has_box = np.isfinite(boxes).all(axis=1)
    said = has_box if result.present is None else result.present
    annotated = sequence.annotated
    counts = count_presence(protocol, sequence.boxes_xywh, there, boxes, said, annotated)
    annotated[:1] = False
    right = np.where(said, 0.0, 1.0)
    both = there & said
    right[there] = 0.0
    right[both] = np.nan_to_num(paired_iou_xyxy(xywh_to_xyxy(sequence.boxes_xywh[both]), xywh_to_xyxy(boxes[both])))
    numbers = {
        **score_presence(protocol, [counts]).scores,
        **{key: float(value) for key, value in vars(counts).items()},
    }
    speed = frames_per_second(result.seconds)
    item = SequenceScore(sequence.name, annotated, right[annotated], np.empty(0), no_curves(), numbers, speed)
    return item, counts


def _row(counts: PresenceCounts) -> tuple[int, int, int, int]:
    return counts.true_positives, counts.false_negatives, counts.true_negatives, counts.false_positives


def _rates(counts: Array) -> dict[str, Array]:
    """All numbers of (rounds, 4) counted frames."""
    hits, false_negatives, rejections, false_positives = counts.T
    tpr, tnr = _share(hits, false_negatives), _share(rejections, false_positives)
    best = np.array([best_geometric_mean(*pair) for pair in zip(tpr.tolist(), tnr.tolist(), strict=True)])
    return {"max_gm": best, "gm": np.sqrt(tpr * tnr), "tpr": tpr, "tnr": tnr}


def _share(hits: Array, misses: Array) -> Array:
    total = hits + misses
    return np.divide(hits, total, out=np.full(len(total), np.nan), where=total > 0)

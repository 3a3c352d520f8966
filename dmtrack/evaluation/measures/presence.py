"""OxUvA: does the tracker know when the target is gone? (Valmadre et al., Long-term Tracking in the Wild, 2018)"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.errors import EvaluationError

if TYPE_CHECKING:
    from dmtrack.evaluation.protocols.presence import PresenceProtocol


@dataclass(frozen=True)
class PresenceCounts:
    """Frames by what was said and what is true.

    Attributes:
        true_positives: present, reported as present, and the box is right.
        false_negatives: present, but reported as absent or in a wrong place.
        true_negatives: absent and reported as absent.
        false_positives: absent but reported as present.
    """

    true_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    false_positives: int = 0


def count_presence(
    protocol: PresenceProtocol,
    truth_xywh: ArrayLike,
    present: ArrayLike,
    results_xywh: ArrayLike,
    reported: ArrayLike,
    annotated: ArrayLike | None = None,
) -> PresenceCounts:
    """Counts the frames of one sequence. The first, in which the tracker is given the target, is left out.

    Args:
        protocol: the rules.
        truth_xywh: (frames, 4) true boxes; rows of absent frames are not looked at.
        present: (frames,) whether the target is there.
        results_xywh: (frames, 4) of the tracker; NaN overlaps with nothing.
        reported: (frames,) whether the tracker says that the target is there.
        annotated: (frames,) the frames that count, where not all do (OxUvA: one per second).

    Raises:
        EvaluationError: different numbers of frames.
    """
    truth, results = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) for boxes in (truth_xywh, results_xywh))
    there, said = np.asarray(present, dtype=bool), np.asarray(reported, dtype=bool)
    counted = np.ones(len(truth), dtype=bool) if annotated is None else np.array(annotated, dtype=bool)
    lengths = [len(truth), len(there), len(results), len(said), len(counted)]
    if len(set(lengths)) != 1:
        raise EvaluationError(
            "true boxes, presence, results, reports and annotation flags have "
            f"{', '.join(map(str, lengths))} frames; give one of each per frame"
        )
    counted[:1] = False
    right = np.zeros(len(truth), dtype=bool)
    right[there] = paired_iou_xyxy(xywh_to_xyxy(truth[there]), xywh_to_xyxy(results[there])) >= protocol.iou_threshold
    kinds = (there & said & right, there & ~(said & right), ~there & ~said, ~there & said)
    return PresenceCounts(*(int((counted & kind).sum()) for kind in kinds))


def score_presence(counts: list[PresenceCounts]) -> dict[str, float]:
    """The rates over all frames of a set of sequences; `counts` has one entry per sequence."""
    total = np.array([astuple(each) for each in counts], dtype=np.int64).reshape(-1, 4).sum(axis=0, keepdims=True)
    return {key: float(values[0]) for key, values in presence_rates(total).items()}


def presence_rates(counts: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """All numbers of counted frames.

    Args:
        counts: (sets, 4) in the order of `PresenceCounts`.

    Returns:
        (sets,) `tpr`, `tnr`, `gm` and `max_gm`; NaN where no frame defines them.
    """
    total = counts[:, 0::2] + counts[:, 1::2]
    tpr, tnr = np.divide(counts[:, 0::2], total, out=np.full(total.shape, np.nan), where=total > 0).T
    best = np.array([best_geometric_mean(*pair) for pair in zip(tpr.tolist(), tnr.tolist(), strict=True)])
    return {"tpr": tpr, "tnr": tnr, "gm": np.sqrt(tpr * tnr), "max_gm": best}


def best_geometric_mean(tpr: float, tnr: float) -> float:
    """The largest geometric mean of both rates that the tracker gets by also saying "absent" at random.

    With probability p of doing so, sqrt((1 - p) TPR ((1 - p) TNR + p)) is largest at p = (1 - 2 TNR) / (2 (1 - TNR)),
    or at 0 where that is negative.

    Args:
        tpr: true positive rate in [0, 1].
        tnr: true negative rate in [0, 1].

    Returns:
        In [0, 1]; NaN where one of them is.
    """
    if math.isnan(tpr) or math.isnan(tnr):
        return float("nan")
    if tnr >= 0.5:
        return math.sqrt(tpr * tnr)
    return math.sqrt(tpr / (4 * (1 - tnr)))

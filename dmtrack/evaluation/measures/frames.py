"""A protocol's rules applied to the boxes of one sequence: what is compared, and what becomes of each frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import Boxes, xywh_to_xyxy

if TYPE_CHECKING:
    from dmtrack.evaluation.protocols.rules import FrameTreatment, Protocol, TruthCondition

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class RuledFrames:
    """All frames of a sequence under one protocol.

    Attributes:
        truth_xywh: (frames, 4) true boxes after rounding and clipping.
        results_xywh: (frames, 4) results after rounding, clipping and replacement.
        counted: (frames,) in the denominator.
        overlap_miss: (frames,) a miss for IoU by rule, whatever the boxes are.
        distance_hit: (frames,) a hit for the centre distance by rule.
        distance_miss: (frames,) a miss for the centre distance by rule.
        normalized_hit: (frames,) a hit for the normalised distance by rule.
        normalized_miss: (frames,) a miss for the normalised distance by rule.
        first: (frames,) the first frame, where its rule is not `given`.
        absent: (frames,) absent by the labels that the protocol looks at.
        invalid_truth: (frames,) not absent, but the true box is invalid by the protocol's conditions.
        replaced: (frames,) the result was replaced by the box before.
    """

    truth_xywh: Boxes
    results_xywh: Boxes
    counted: Flags
    overlap_miss: Flags
    distance_hit: Flags
    distance_miss: Flags
    normalized_hit: Flags
    normalized_miss: Flags
    first: Flags
    absent: Flags
    invalid_truth: Flags
    replaced: Flags


def apply_rules(
    protocol: Protocol,
    truth_xywh: ArrayLike,
    present: ArrayLike,
    results_xywh: ArrayLike,
    *,
    first_pixel: float = 0.0,
    flagged: bool = True,
    cover: ArrayLike | None = None,
    image_size_wh: tuple[int, int] | None = None,
) -> RuledFrames:
    """Decides about every frame.

    Args:
        protocol: the rules.
        truth_xywh: (frames, 4) true boxes in 0-based pixels; NaN rows where there is none. Boxes that a benchmark
            gives for absent frames may stay: they matter to protocols that do not look at its flags.
        present: (frames,) bool, False where the benchmark says that the target is absent.
        results_xywh: (frames, 4) in 0-based pixels; a row that is not finite counts as NaN.
        first_pixel: the number of the first pixel in the benchmark's own files (OTB, LaSOT, UAV123: 1), in which
            conditions on coordinates and rounding are meant.
        flagged: whether `present` comes from labels of the benchmark; False where it only repeats that a true box is
            missing (UAV123), so that the rule for invalid true boxes applies, and not the one for absent frames.
        cover: (frames,) visible share in eighths, where the benchmark has it.
        image_size_wh: width and height of the frames, where known.
    """
    truth = np.array(truth_xywh, dtype=np.float64).reshape(-1, 4)
    results = np.array(results_xywh, dtype=np.float64).reshape(-1, 4)
    results[~np.isfinite(results).all(axis=1)] = np.nan
    given_truth, here = truth, np.asarray(present, dtype=bool)
    # Benchmarks with flags write numbers for absent frames, too; readers turn them into NaN.
    annotated = ~np.isnan(truth).any(axis=1) | (~here & flagged)
    replaced = _replace_invalid(protocol, results, annotated)
    first = np.zeros(len(truth), dtype=bool)
    first[:1] = protocol.first_frame != "given"
    if protocol.first_frame == "truth":
        results[:1] = truth[:1]
        replaced[:1] = False
    absent = _absent(protocol, here, flagged, cover)
    overlap_valid = valid_truth(protocol.truth_condition, protocol, given_truth, first_pixel)
    distance_valid = overlap_valid
    if protocol.distance_condition is not None:
        distance_valid = valid_truth(protocol.distance_condition, protocol, given_truth, first_pixel)
    if protocol.rounding:
        shift = np.array([first_pixel, first_pixel, 0.0, 0.0])
        truth, results = (np.round(boxes + shift) - shift for boxes in (truth, results))
    if protocol.clipping and image_size_wh is not None:
        # As got10k clips: the corner into the image, then the sides to what remains of it.
        size = np.array(image_size_wh, dtype=np.float64)
        corners = [np.clip(boxes[:, :2], 0.0, size) for boxes in (truth, results)]
        truth, results = (
            np.concatenate([corner, np.clip(boxes[:, 2:], 0.0, size - corner)], axis=1)
            for corner, boxes in zip(corners, (truth, results), strict=True)
        )

    counted = np.ones(len(truth), dtype=bool)
    misses = [np.zeros(len(truth), dtype=bool) for _ in range(3)]
    hits = [np.zeros(len(truth), dtype=bool) for _ in range(3)]
    conditions = (~overlap_valid & ~absent, ~distance_valid & ~absent, ~distance_valid & ~absent)
    if protocol.absent_frames != "measured":
        _treat(protocol.absent_frames, (absent, absent, absent), counted, misses, hits)
    _treat(protocol.invalid_truth_frames, conditions, counted, misses, hits)
    if protocol.first_frame == "skipped":
        counted[:1] = False
    by_rule = misses[0], hits[1], misses[1], hits[2], misses[2]
    invalid = conditions[0] | conditions[1]
    return RuledFrames(truth, results, counted, *by_rule, first, absent, invalid, replaced)


def valid_truth(
    condition: TruthCondition, protocol: Protocol, truth_xywh: ArrayLike, first_pixel: float = 0.0
) -> Flags:
    """(frames,) whether true boxes are valid by a condition, in the benchmark's own pixel numbers."""
    truth = np.array(truth_xywh, dtype=np.float64).reshape(-1, 4)
    truth[:, :2] += first_pixel
    finite = np.isfinite(truth).all(axis=1)
    if condition == "corners":
        above = xywh_to_xyxy(truth, inclusive=True)
    elif condition == "coordinates":
        above = truth
    elif condition == "center":
        above = truth[:, :2] + (truth[:, 2:] - (protocol.center_offset == "last-pixel")) / 2
    else:
        above = truth[:, 2:]
    return np.asarray(finite & (above > 0).all(axis=1))


def _absent(protocol: Protocol, present: Flags, flagged: bool, cover: ArrayLike | None) -> Flags:
    if protocol.absent_frames == "measured":
        return np.zeros(len(present), dtype=bool)
    if protocol.visibility == "cover" and cover is not None:
        return np.asarray(np.asarray(cover) <= 0)
    return ~present if flagged else np.zeros(len(present), dtype=bool)


def _replace_invalid(protocol: Protocol, results: Boxes, annotated: Flags) -> Flags:
    """Replaces results in place; gives the frames in which it did."""
    if protocol.invalid_results == "miss":
        return np.zeros(len(results), dtype=bool)
    if protocol.invalid_results == "previous":
        invalid = np.isnan(results).any(axis=1) | (results[:, 2:] <= 0).any(axis=1)
    else:
        invalid = (results[:, 2:] == 0).any(axis=1)
    invalid &= annotated
    invalid[:1] = False
    # Each invalid row takes the nearest earlier row that is not replaced itself.
    sources = np.maximum.accumulate(np.where(invalid, 0, np.arange(len(results))))
    results[:] = results[sources]
    return np.asarray(invalid)


def _treat(
    treatment: FrameTreatment,
    frames: tuple[Flags, Flags, Flags],
    counted: Flags,
    misses: list[Flags],
    hits: list[Flags],
) -> None:
    """Applies a treatment to the frames concerned, for overlap, distance and normalised distance."""
    if treatment == "measured":
        return
    if treatment == "dropped":
        counted &= ~(frames[0] | frames[1])
        return
    hit = {"miss": (), "distance-hit": (1, 2), "normalized-hit": (2,)}[treatment]
    for index in range(3):
        (hits if index in hit else misses)[index] |= frames[index]

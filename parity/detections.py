"""Comparing detections by best match: neighbouring scores are closer to each other than rounding."""

from __future__ import annotations

import numpy as np

from dmtrack.models.global_search.decode import TARGET_CLASS, ClassDetections
from parity.golden import Array, GoldenFile, to_numpy

BOX_TOLERANCE = 1e-2
SCORE_TOLERANCE = 1e-4
MATCHED = "best match, pixels"
MATCHED_SCORES = "best match, scores"
TIE = 2e-6
"""Scores this near may change places."""


def compare_detections(
    golden: GoldenFile, dets: str, labels: str | None, found: ClassDetections, only_target_class: bool = False
) -> None:
    """Checks boxes, scores and labels of a reference array (n, 5) of x1, y1, x2, y2, score."""
    expected = np.asarray(golden.given(dets), dtype=np.float64)
    actual = np.concatenate([to_numpy(found.boxes_xyxy), to_numpy(found.scores)[:, None]], axis=1)
    actual_labels = to_numpy(found.labels)
    if only_target_class:
        actual = actual[actual_labels == TARGET_CLASS]
        actual_labels = actual_labels[actual_labels == TARGET_CLASS]
    expected_labels = np.full(len(expected), TARGET_CLASS) if labels is None else golden.given(labels)
    box_error, score_error = match_detections(actual, actual_labels, expected, expected_labels)
    golden.add(dets, box_error, BOX_TOLERANCE, MATCHED)
    golden.add(dets, score_error, SCORE_TOLERANCE, MATCHED_SCORES)
    if labels is not None:
        counts = [float(np.sum(actual_labels == label) - np.sum(expected_labels == label)) for label in (0, 1)]
        golden.add(labels, float(np.abs(counts).max()), 0.0, "difference in detections per class")


def match_detections(
    actual: Array, actual_labels: Array, expected: Array, expected_labels: Array
) -> tuple[float, float]:
    """Matches every reference row with the nearest unused row of the same class.

    Returns:
        Largest differences of the box coordinates and of the scores; infinite where the numbers of rows differ.
    """
    if len(actual) != len(expected):
        return float("inf"), float("inf")
    if not len(actual):
        return 0.0, 0.0
    # A pixel of a box weighs as much as the score difference that is as far out of tolerance.
    pixels = np.abs(expected[:, None, :4] - actual[None, :, :4]).max(axis=2)
    scores = np.abs(expected[:, None, 4] - actual[None, :, 4])
    cost = pixels / BOX_TOLERANCE + scores / SCORE_TOLERANCE
    cost[expected_labels[:, None] != actual_labels[None, :]] = np.inf
    box_error = score_error = 0.0
    for row in range(len(expected)):
        column = int(cost[row].argmin())
        if np.isinf(cost[row, column]):
            return float("inf"), float("inf")
        box_error, score_error = max(box_error, pixels[row, column]), max(score_error, scores[row, column])
        cost[:, column] = np.inf
    order_error = float(np.abs(np.sort(expected[:, 4]) - np.sort(actual[:, 4])).max())
    unsorted = float(np.clip(np.diff(actual[:, 4]), 0, None).max(initial=0.0))
    return float(box_error), max(float(score_error), order_error, unsorted)


def best_box_error(found: ClassDetections, expected_box: Array) -> float:
    """Distance of the reference's first box to ours, or to one whose score is as good as equal."""
    boxes, scores = target_boxes(found)
    if not len(boxes):
        return float("inf")
    tied = boxes[scores >= scores.max() - TIE]
    return float(np.abs(tied - expected_box).max(axis=1).min())


def padded_list_error(found: ClassDetections, expected: Array) -> float:
    """Distance between lists of boxes that are filled up by repeating the last, in both directions."""
    boxes = target_boxes(found)[0][: len(expected)]
    if not len(boxes):
        return float("inf")
    padded = np.concatenate([boxes, np.repeat(boxes[-1:], len(expected) - len(boxes), axis=0)])
    distance = np.abs(padded[:, None] - np.asarray(expected, dtype=np.float64)[None]).max(axis=2)
    return float(max(distance.min(axis=0).max(), distance.min(axis=1).max()))


def target_boxes(found: ClassDetections) -> tuple[Array, Array]:
    """Boxes and scores of the target class as float64."""
    chosen = found.labels == TARGET_CLASS
    return to_numpy(found.boxes_xyxy[chosen]), to_numpy(found.scores[chosen])

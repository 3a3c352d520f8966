"""What trackers make of the frames between two boxes that a person drew, or beyond the last or before the first one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import paired_iou_xyxy, pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.media.random_access import RandomFrames
from dmtrack.tracking.base import Tracker, TrackResult
from dmtrack.web.targets import Segment, tracklets_seen

ALIKE = 0.5
"""Overlap from which forward and backward boxes are one object, and their weighted mean is taken."""

Row = tuple[int, NDArray[np.float32], NDArray[np.void] | None]
"""Frame, row of the table, and the tracklets in sight where they are those to show."""


def track_segment(frames: RandomFrames, tracker: Callable[[], Tracker], segment: Segment) -> Iterator[Row]:
    """The rows of a segment, whose key frames are left out.

    Forward from the first box, backward from the last one, or, between two, both ways: then the rows come forward as
    they are found, and once more when both are known and are fused.

    Args:
        frames: of the video.
        tracker: gives a fresh one.
        segment: which frames, and the boxes at its ends.
    """
    forward: dict[int, NDArray[np.float32]] = {}
    last = segment.last - (segment.end_xywh is not None)
    if segment.start_xywh is not None:
        following = tracker()
        following.init(frames.read(segment.first), segment.start_xywh)
        for number in range(segment.first + 1, last + 1):
            forward[number] = row_of(following.step(frames.read(number)))
            yield number, forward[number], tracklets_seen(following, segment.first)
    if segment.end_xywh is None:
        return
    first = segment.first + (segment.start_xywh is not None)
    going_back = tracker()
    going_back.init(frames.read(segment.last), segment.end_xywh)
    for number, frame in frames.backwards(last, first):
        row = row_of(going_back.step(frame))
        share = (number - segment.first) / (segment.last - segment.first)
        if forward:
            yield number, fuse(forward[number], row, share), None
        else:
            yield number, row, tracklets_seen(going_back, segment.first)


def fuse(forward: NDArray[np.float32], backward: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """One row of two trackers that come from both ends of a segment.

    Each counts by its score and by how near its key frame is. Boxes that overlap by `ALIKE` are averaged; of others the
    one that counts more is taken, and the one that calls the target present before the one that does not.

    Args:
        forward: (7,) from the earlier key frame: x, y, w, h, score, presence, strongest look-alike.
        backward: (7,) from the later one.
        share: of the way from the earlier key frame to the later one, in (0, 1).
    """
    if forward[5] != backward[5]:
        return forward if forward[5] > backward[5] else backward
    weights = np.array([(1 - share) * max(forward[4], 1e-3), share * max(backward[4], 1e-3)])
    weights /= weights.sum()
    stronger = forward if weights[0] >= weights[1] else backward
    boxes_xyxy = xywh_to_xyxy([forward[:4], backward[:4]])
    if paired_iou_xyxy(boxes_xyxy[:1], boxes_xyxy[1:])[0] < ALIKE:
        return stronger
    fused = stronger.copy()
    fused[:5] = weights[0] * forward[:5] + weights[1] * backward[:5]
    return fused


def row_of(result: TrackResult) -> NDArray[np.float32]:
    """What a tracker says of a frame, and the score of the best candidate that is another object."""
    rival = math.nan
    if len(result.candidates):
        found_xyxy = xywh_to_xyxy(result.box_xywh)[None]
        others = pairwise_iou_xyxy(result.candidates.boxes_xyxy, found_xyxy)[:, 0] < ALIKE
        if others.any():
            rival = float(result.candidates.scores[others].max())
    return np.array([*result.box_xywh, result.score, result.present, rival], np.float32)

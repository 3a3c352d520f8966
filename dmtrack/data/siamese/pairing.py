"""Which two frames become a training pair, and whether they show the same target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.transforms.base import Draws, integer


class FramePair(NamedTuple):
    """Template and search frame of a pair.

    Attributes:
        template: (which of the two videos, frame).
        search: likewise.
        positive: whether both show the same target.
    """

    template: tuple[int, int]
    search: tuple[int, int]
    positive: bool


def pair_frames(
    lengths: tuple[int, int], rng: Draws, frame_range: int = 100, positive_probability: float = 0.8
) -> FramePair:
    """Frames of two videos, drawn as MMTracking does.

    A positive pair takes both frames from the first video, the search frame from [t - range, t + range) around the
    template's t, which may be t itself. A negative one takes the search frame from the second video. Where one of them
    is a still image, the first frames are taken.

    Args:
        lengths: frames of the two videos.
        rng: source of chance.
        frame_range: largest distance of the frames of a positive pair.
        positive_probability: share of positive pairs.
    """
    first, second = lengths
    if first > 1 and second > 1:
        template = integer(rng, 0, first)
        if rng.random() < positive_probability:
            low, high = max(template - frame_range, 0), min(template + frame_range, first)
            return FramePair((0, template), (0, low + integer(rng, 0, high - low)), True)
        return FramePair((0, template), (1, integer(rng, 0, second)), False)
    positive = rng.random() < positive_probability
    return FramePair((0, 0), (0, 0) if positive else (1, 0), positive)


def pair_valid_frames(
    valid: tuple[NDArray[np.int64], NDArray[np.int64]], rng: Draws, frame_range: int, positive: bool
) -> FramePair:
    """Frames of two videos by PySOT's rule: distances count frames that show the target, both ends included.

    Args:
        valid: numbers of the frames that show the target, of the two videos, ascending and not empty.
        rng: source of chance.
        frame_range: largest distance of the frames of a positive pair.
        positive: whether the second frame is taken from the first video, too.
    """
    own, other = valid
    place = integer(rng, 0, len(own))
    template = (0, int(own[place]))
    if positive:
        low, high = max(place - frame_range, 0), min(place + frame_range, len(own) - 1) + 1
        return FramePair(template, (0, int(own[integer(rng, low, high)])), True)
    return FramePair(template, (1, int(other[integer(rng, 0, len(other))])), False)

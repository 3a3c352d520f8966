"""Frames that do not wait: which of them a tracker sees that is slower than the camera.

The rule is the VOT toolkit's. An answer counts for the frame that it belongs to, however late it comes; a tracker that
is more than one frame late misses frames until it is less than one behind, and in those its last answer counts. The
first late answers after a start are forgiven, since many trackers warm up then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError


def missed_frames(seconds: float, fps: float) -> int:
    """How many frames pass unseen while the tracker works on one.

    Args:
        seconds: that it needs, 0 or more.
        fps: frames per second of the camera, above 0.
    """
    # Work of a whole number of frames must not become one more by a rounding error.
    return max(0, math.ceil(round(seconds * fps, 9)) - 2)


def answered_by(seconds: Sequence[float], fps: float = 20.0, grace: int = 3) -> NDArray[np.int64]:
    """For each frame of a run, the frame whose answer counts in it.

    Args:
        seconds: (frames,) that the tracker would need for each frame, the start first.
        fps: frames per second of the camera.
        grace: late answers that are forgiven.

    Returns:
        (frames,) non-decreasing; frame i answers for itself where it was seen.

    Raises:
        EvaluationError: a time that is negative or no number, or `fps` not above 0.
    """
    times = np.asarray(seconds, dtype=np.float64).reshape(-1)
    if not (fps > 0 and np.isfinite(times).all() and (times >= 0).all()):
        raise EvaluationError("simulating real time needs seconds of 0 or more per frame, and fps above 0")
    answers = np.arange(len(times))
    frame = 0
    while frame < len(times):
        missed = 0
        if times[frame] * fps > 1:
            if grace > 0:
                grace -= 1
            else:
                missed = missed_frames(float(times[frame]), fps)
        answers[frame : frame + missed + 1] = frame
        frame += missed + 1
    return answers

"""One tracker on one sequence as VOT does it: started again after each failure, or in real time."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.overlap import region_overlaps
from dmtrack.evaluation.measures.trajectory import (
    FAILED,
    INITIALIZED,
    SKIPPED,
    Regions,
    Trajectory,
    as_regions,
    is_region,
)
from dmtrack.evaluation.protocols import VotProtocol


def run_supervised(
    tracker: Any, sequence: Sequence, protocol: VotProtocol, truth: ArrayLike | None = None
) -> tuple[Trajectory, NDArray[np.float64]]:
    """Tracks through a sequence with restarts.

    The tracker fails in a frame in which its region does not overlap with the truth; it is started again
    `protocol.skip` frames later, with the upright box of that frame. Frames without truth are tracked and cannot fail;
    a start that falls on one waits for the next frame with truth. Where the protocol is of real time, frames do not
    wait, and the measured seconds decide which of them are seen.

    Args:
        tracker: of got10k's contract, whose `update` may also answer with the corners of a polygon; `init` is called
            again after each failure.
        sequence: frames and the upright boxes that the tracker is started with.
        protocol: rule of overlap, `skip`, and real time.
        truth: (frames, columns) true regions, which failures are judged by; by default `sequence.boxes_xywh`.

    Returns:
        The trajectory, and (frames,) seconds that the tracker needed, 0 where it was not asked.

    Raises:
        EvaluationError: the truth has another length, or the tracker returned something that is no box.
    """
    regions = as_regions(sequence.boxes_xywh if truth is None else truth)
    if len(regions) != len(sequence):
        raise EvaluationError(
            f"sequence {sequence.name!r} has {len(sequence)} frames but {len(regions)} true regions; give one per frame"
        )
    run = _Run(tracker, sequence, protocol, regions)
    frame = 0
    while frame < len(sequence):
        frame = run.start(frame)
        while frame < len(sequence):
            frame, failed = run.follow(frame)
            if failed:
                break
    rows = np.full((len(run.rows), max((len(row) for row in run.rows), default=1)), np.nan)
    for padded, row in zip(rows, run.rows, strict=True):
        padded[: len(row)] = row
    return Trajectory(rows), run.seconds


class _Run:
    """The state of one run: rows and seconds so far, and what real time asks for."""

    def __init__(self, tracker: Any, sequence: Sequence, protocol: VotProtocol, truth: Regions) -> None:
        self.tracker, self.sequence, self.protocol, self.truth = tracker, sequence, protocol, truth
        self.known = is_region(truth) & np.isfinite(sequence.boxes_xywh).all(axis=1)
        self.rows: list[NDArray[np.float64]] = [np.array([float(SKIPPED)])] * len(sequence)
        self.seconds = np.zeros(len(sequence))
        self.missing = self.grace = 0

    def start(self, frame: int) -> int:
        """Starts the tracker in this frame or the next one with truth; gives the frame after it."""
        while frame < len(self.rows) and not self.known[frame]:
            frame += 1
        if frame < len(self.rows):
            image = self.sequence.read_frame(frame)
            self.grace = self.protocol.realtime_grace
            began = time.perf_counter()
            self.tracker.init(image, self.sequence.boxes_xywh[frame].copy())
            self._needed(frame, time.perf_counter() - began)
            self.rows[frame] = np.array([float(INITIALIZED)])
            self.answer = self.truth[frame][np.isfinite(self.truth[frame])]
        return frame + 1

    def follow(self, frame: int) -> tuple[int, bool]:
        """Tracks one frame; gives the next one to look at, and whether the target was lost."""
        image = self.sequence.read_frame(frame)
        if self.missing > 0:
            self.missing -= 1
        else:
            began = time.perf_counter()
            answer = self.tracker.update(image)
            self._needed(frame, time.perf_counter() - began)
            self.answer = self._checked(answer, frame)
        overlap = region_overlaps(
            self.protocol.accuracy_overlap,
            self.truth[frame],
            self.answer,
            (image.shape[1], image.shape[0]),
        )[0]
        if overlap <= 0:
            self.rows[frame] = np.array([float(FAILED)])
            return frame + self.protocol.skip, True
        self.rows[frame] = self.answer
        return frame + 1, False

    def _needed(self, frame: int, seconds: float) -> None:
        self.seconds[frame] = seconds
        self.missing = 0
        fps = self.protocol.realtime_fps
        if fps is None or seconds * fps <= 1:
            return
        if self.grace > 0:
            self.grace -= 1
        else:
            self.missing = missed_frames(seconds, fps)

    def _checked(self, answer: Any, frame: int) -> NDArray[np.float64]:
        try:
            row = np.asarray(answer, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError):
            row = np.zeros(0)
        if len(row) < 4 or len(row) % 2:
            raise EvaluationError(
                f"{type(self.tracker).__name__}.update gave {answer!r} in frame {frame} of {self.sequence.name!r}; "
                "expected four numbers x,y,w,h, or the corners of a polygon"
            )
        return row


def missed_frames(seconds: float, fps: float) -> int:
    """How many frames pass unseen while the tracker works on one.

    Args:
        seconds: that it needs, 0 or more.
        fps: frames per second of the camera, above 0.
    """
    # Work of a whole number of frames must not become one more by a rounding error.
    return max(0, math.ceil(round(seconds * fps, 9)) - 2)

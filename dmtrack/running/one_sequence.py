"""One tracker on one sequence: in one go, or as VOT does, started again after each failure."""

from __future__ import annotations

import contextlib
import math
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association.detections import Detections, Tracks
from dmtrack.boxes import Boxes
from dmtrack.data.sequences import MultiObjectSequence, Sequence
from dmtrack.data.sources.mot_challenge import FIRST_PIXEL_XYWH
from dmtrack.errors import DMTrackError, EvaluationError, OutputError
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
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE, Protocol, VotProtocol
from dmtrack.evaluation.results import BOX_DECIMALS, ResultStore, SequenceResult
from dmtrack.evaluation.scoring import combine, score_result
from dmtrack.files import write_text
from dmtrack.tracking.adapter import as_tracker
from dmtrack.tracking.base import MultiTracker, Tracker


def track_sequence(
    tracker: Any, sequence: Sequence, on_frame: Callable[[], object] | None = None, decimals: int = BOX_DECIMALS
) -> SequenceResult:
    """Tracks one sequence from its first true box, or everything in one that has many objects.

    Args:
        tracker: a `dmtrack.tracking.base.Tracker`, or any object of got10k's contract (see `as_tracker`); a
            `MultiTracker` for a `MultiObjectSequence`. One with a
            method `frames_of(sequence)` gets what that yields instead of images (stored detections), and no
            time is recorded, because none of it is the time of a tracker that sees images.
        sequence: what to track; its first frame must show the target.
        on_frame: called after each frame.
        decimals: with which boxes will be stored.

    Returns:
        Boxes rounded as they are stored, so that scores are the same before and after storing.

    Raises:
        EvaluationError: the target is absent in the first frame, the tracker answers with no box, or it follows one
            target where there are many objects, or many where there is one.
    """
    many, everything = isinstance(sequence, MultiObjectSequence), isinstance(tracker, MultiTracker)
    check_kind(getattr(tracker, "name", tracker), everything, f"sequence {sequence.name!r}", many)
    if isinstance(tracker, MultiTracker) and isinstance(sequence, MultiObjectSequence):
        return _track_everything(tracker, sequence, on_frame)
    first_box = first_box_of(sequence)
    says_presence = isinstance(tracker, Tracker)
    tracker = as_tracker(tracker)
    own_frames = getattr(tracker, "frames_of", None)
    boxes, seconds, scores, present = [first_box], [], [1.0], [True]
    for index, image in enumerate(sequence.frames() if own_frames is None else own_frames(sequence)):
        start = time.perf_counter()
        if index == 0:
            tracker.init(image, first_box.copy())
        else:
            answer = tracker.step(image)
            box = np.asarray(answer.box_xywh, dtype=np.float64).reshape(-1)
            if box.shape != (4,):
                raise EvaluationError(
                    f"the tracker gave {box.size} numbers for frame {index} of {sequence.name!r}; a box is x,y,w,h"
                )
            boxes.append(box)
            scores.append(float(answer.score))
            present.append(bool(answer.present))
        seconds.append(time.perf_counter() - start)
        if on_frame is not None:
            on_frame()
    stored_boxes = np.asarray(np.round(np.array(boxes), decimals), dtype=np.float64)
    times = np.array(seconds) if own_frames is None else None
    if not says_presence:
        return SequenceResult(stored_boxes, times)
    return SequenceResult(stored_boxes, times, np.array(scores), np.array(present))


def check_kind(name: Any, everything: bool, where: str, many_objects: bool) -> None:
    """Refuses a tracker of one target where there are many objects, and the other way round.

    Args:
        name: of the tracker.
        everything: it follows everything in sight, and not one target.
        where: the sequence or benchmark.
        many_objects: that has many objects, and not one target.

    Raises:
        EvaluationError: it does not fit.
    """
    if everything == many_objects:
        return
    follows, has, fitting = ("everything", "one target", "of one target, such as dmtrackReID_tiny")
    if many_objects:
        follows, has, fitting = ("one target", "no target", "of many objects, such as crowd_tiny")
    raise EvaluationError(
        f"tracker {name} follows {follows}, and {where} has {has}; give the config of a tracker {fitting}"
    )


def _track_everything(
    tracker: MultiTracker, sequence: MultiObjectSequence, on_frame: Callable[[], object] | None
) -> SequenceResult:
    """The tracks of all frames, rounded as they are stored."""
    own_frames = getattr(tracker, "frames_of", None)
    tracker.reset()
    parts, seconds = [np.zeros((0, 9))], []
    for number, frame in enumerate(sequence.frames() if own_frames is None else own_frames(sequence), start=1):
        start = time.perf_counter()
        tracks = tracker.step(frame)
        seconds.append(time.perf_counter() - start)
        parts.append(track_rows(number, tracks))
        if on_frame is not None:
            on_frame()
    return SequenceResult(
        np.zeros((0, 4)), np.array(seconds) if own_frames is None else None, tracks=np.concatenate(parts)
    )


def track_rows(frame: int, tracks: Detections) -> NDArray[np.float64]:
    """(n, 9) the tracks, or detections, of a frame as MOTChallenge writes them (see `mot_rows`), rounded as stored.

    Args:
        frame: its number, from 1.
        tracks: in it; classes are counted from 1, and -1 where there are none, as identities of detections are.
    """
    rows = np.ones((len(tracks), 9))
    rows[:, 0], rows[:, 1] = frame, tracks.ids if isinstance(tracks, Tracks) else -1
    rows[:, 2:6] = np.round(tracks.boxes_xywh + FIRST_PIXEL_XYWH, 2)
    rows[:, 6] = np.round(tracks.scores.astype(np.float64), 4)
    rows[:, 7] = -1 if tracks.classes is None else tracks.classes + 1
    return rows


def first_box_of(sequence: Sequence) -> Boxes:
    """(4,) the true box that a tracker is given.

    Raises:
        EvaluationError: there is none in the first frame.
    """
    first_box = sequence.boxes_xywh[0] if len(sequence) else np.full(4, np.nan)
    if not np.isfinite(first_box).all():
        raise EvaluationError(f"sequence {sequence.name!r} has no box in its first frame; give it one, or leave it out")
    return np.asarray(first_box, dtype=np.float64)


class Failure(NamedTuple):
    """Why a sequence has no result: one sentence, and the traceback."""

    reason: str
    trace: str


def failure_of(error: Exception) -> Failure:
    """What is told and kept of an error while it is being handled."""
    reason = str(error) if isinstance(error, DMTrackError) else f"{type(error).__name__}: {error}"
    return Failure(" ".join(reason.split()), traceback.format_exc())


def attempt(do: Callable[[], object], trace: Path) -> str | None:
    """Does something with one sequence; whatever a user's tracker raises concerns that sequence alone.

    Args:
        do: what is done.
        trace: file for the traceback of what went wrong; removed where nothing did.

    Returns:
        None, or the sentence that says why it was not done.

    Raises:
        OutputError: what came of it cannot be written.
    """
    try:
        do()
    except OutputError:
        raise
    except Exception as error:
        failure = failure_of(error)
        with contextlib.suppress(OutputError):
            write_text(trace, failure.trace)
        return failure.reason
    trace.unlink(missing_ok=True)
    return None


def track_and_store(store: ResultStore, tracker: Any, sequence: Sequence, on_frame: Callable[[], object]) -> str | None:
    """Tracks a sequence and stores its result; returns and raises what `attempt` does."""
    name = sequence.name
    return attempt(
        lambda: store.write(name, track_sequence(tracker, sequence, on_frame)), store.folder / name / "error.txt"
    )


def tracking_success(
    tracker: Any,
    sequences: Iterable[Sequence],
    protocol: Protocol = DMTRACK_VISIBLE,
    on_frame: Callable[[], object] | None = None,
) -> dict[str, float]:
    """Tracks and scores at once, storing nothing: what training calls to validate.

    Args:
        tracker: of the Tracker contract, or of got10k's.
        sequences: held out from training.
        protocol: the rules.
        on_frame: called after each frame, for progress.

    Returns:
        `success`, `precision` and, where the protocol has it, `normalized_precision`, in [0, 1]; NaN where no frame
        counts.
    """
    scored = [score_result(protocol, sequence, track_sequence(tracker, sequence, on_frame)) for sequence in sequences]
    scores = combine(protocol, getattr(tracker, "name", "tracker"), "validation", scored).scores
    return {metric: scores[metric] for metric in ("success", "precision", "normalized_precision") if metric in scores}


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

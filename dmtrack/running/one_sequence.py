"""One tracker on one sequence, in one go."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Detections, Tracks
from dmtrack.boxes import Boxes
from dmtrack.data.sequences import MultiObjectSequence, Sequence
from dmtrack.data.sources.mot_challenge import FIRST_PIXEL_XYWH
from dmtrack.errors import DMTrackError, EvaluationError, OutputError
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE, Protocol
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

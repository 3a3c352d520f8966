"""One tracker on one sequence."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from dmtrack.boxes import Boxes
from dmtrack.data.types import Sequence
from dmtrack.errors import DMTrackError, EvaluationError, OutputError
from dmtrack.evaluation.results import BOX_DECIMALS, ResultStore, SequenceResult
from dmtrack.tracking.base import Tracker


def track_sequence(tracker: Any, sequence: Sequence, on_frame: Callable[[], object] | None = None) -> SequenceResult:
    """Tracks one sequence from its first true box.

    Args:
        tracker: a `dmtrack.tracking.base.Tracker`, or any object of got10k's contract, which then gets PIL images.
        sequence: what to track; its first frame must show the target.
        on_frame: called after each frame.

    Returns:
        Boxes rounded as they are stored, so that scores are the same before and after storing.

    Raises:
        EvaluationError: the target is absent in the first frame, or the tracker answers with no box.
    """
    first_box = sequence.boxes_xywh[0] if len(sequence) else np.full(4, np.nan)
    if not np.isfinite(first_box).all():
        raise EvaluationError(f"sequence {sequence.name!r} has no box in its first frame; give it one, or leave it out")
    ours = isinstance(tracker, Tracker)
    boxes, seconds, scores, present = [first_box], [], [1.0], [True]
    for index, frame in enumerate(sequence.frames()):
        image = frame if ours else PillowImage.fromarray(frame)
        start = time.perf_counter()
        if index == 0:
            tracker.init(image, first_box.copy())
        elif ours:
            answer = tracker.step(image)
            boxes.append(_checked_box(answer.box_xywh, sequence.name, index))
            scores.append(float(answer.score))
            present.append(bool(answer.present))
        else:
            boxes.append(_checked_box(tracker.update(image), sequence.name, index))
        seconds.append(time.perf_counter() - start)
        if on_frame is not None:
            on_frame()
    stored_boxes = np.asarray(np.round(np.array(boxes), BOX_DECIMALS), dtype=np.float64)
    if not ours:
        return SequenceResult(stored_boxes, np.array(seconds))
    return SequenceResult(stored_boxes, np.array(seconds), np.array(scores), np.array(present))


def track_and_store(store: ResultStore, tracker: Any, sequence: Sequence, on_frame: Callable[[], object]) -> str | None:
    """Tracks a sequence and stores its result.

    Returns:
        None, or the sentence that says why there is no result; the traceback then lies beside the results.

    Raises:
        OutputError: the result cannot be written.
    """
    try:
        result = track_sequence(tracker, sequence, on_frame)
    except Exception as error:
        # Whatever a user's tracker raises concerns this sequence alone; the traceback is kept beside its results.
        reason = str(error) if isinstance(error, DMTrackError) else f"{type(error).__name__}: {error}"
        with contextlib.suppress(OutputError):
            store.write_failure(sequence.name, traceback.format_exc())
        return " ".join(reason.split())
    store.write(sequence.name, result)
    return None


def _checked_box(box: Any, name: str, index: int) -> Boxes:
    values = np.asarray(box, dtype=np.float64).reshape(-1)
    if values.shape != (4,):
        raise EvaluationError(f"the tracker gave {values.size} numbers for frame {index} of {name!r}; a box is x,y,w,h")
    return values

"""Trackers of two worlds over one sequence: ours in 0-based pixels, others as their toolkit would have run them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image as PillowImage

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.frames import FrameFiles
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.results import SequenceResult
from dmtrack.media.images import as_rgb
from dmtrack.running.experiments.viewing import Viewer, shown
from dmtrack.running.one_sequence import first_box_of, track_sequence
from dmtrack.tracking.base import Tracker, TrackResult


def drive(tracker: Any, sequence: Sequence, index_base: int, viewer: Viewer | None = None) -> SequenceResult:
    """Tracks a sequence from its first true box.

    A tracker of got10k's contract with a method `track` is given the image files, as in got10k, because some read
    images in a way of their own; others get PIL images.

    Args:
        tracker: one of ours, or of got10k's contract.
        sequence: in 0-based pixels.
        index_base: number of the first pixel in the benchmark's files.
        viewer: where to draw, if anywhere.

    Returns:
        Boxes as the benchmark's result files have them: counted from `index_base`.

    Raises:
        EvaluationError: the target is absent in the first frame, or the tracker answers with no box.
    """
    shift = np.array([index_base, index_base, 0, 0], dtype=np.float64)
    if isinstance(tracker, Tracker):
        result = track_sequence(shown(tracker, viewer), sequence)
        return replace(result, boxes_xywh=result.boxes_xywh + shift)
    counted = replace(sequence, boxes_xywh=sequence.boxes_xywh + shift)
    frames = sequence.read_frame
    if callable(getattr(tracker, "track", None)) and isinstance(frames, FrameFiles):
        return _track_files(tracker, counted, frames, viewer is not None)
    return track_sequence(shown(tracker, viewer), counted)


def _track_files(tracker: Any, sequence: Sequence, frames: FrameFiles, visualize: bool) -> SequenceResult:
    paths = [str(frames.path(index)) for index in range(len(frames))]
    answer = tracker.track(paths, first_box_of(sequence).copy(), visualize=visualize)
    try:
        boxes, seconds = (np.asarray(values, dtype=np.float64) for values in answer)
    except (TypeError, ValueError) as error:
        raise EvaluationError(
            f"{type(tracker).__name__}.track gave {type(answer).__name__} for {sequence.name!r} ({error}); expected "
            "boxes (frames, 4) and seconds (frames,)"
        ) from error
    if boxes.shape != (len(sequence), 4) or seconds.shape != (len(sequence),):
        raise EvaluationError(
            f"{type(tracker).__name__}.track gave boxes {boxes.shape} and seconds {seconds.shape} for the "
            f"{len(sequence)} frames of {sequence.name!r}; expected ({len(sequence)}, 4) and ({len(sequence)},)"
        )
    return SequenceResult(boxes, seconds)


class PillowTracker:
    """A tracker of got10k's contract that is given PIL images of arrays; ours are given the arrays.

    Args:
        tracker: one of ours, or of got10k's contract.
    """

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker

    def init(self, image: NDArray[np.uint8], box: Any) -> None:
        """Hands the first frame on."""
        self.tracker.init(self._image(image), box)

    def update(self, image: NDArray[np.uint8]) -> Any:
        """Hands a frame on."""
        return self.tracker.update(self._image(image))

    def _image(self, image: NDArray[np.uint8]) -> Any:
        return image if isinstance(self.tracker, Tracker) else PillowImage.fromarray(image)


class PresenceTracker(Tracker):
    """A tracker of got10k's contract, extended as long-term toolkits extend it, under our contract.

    `update` may give four numbers x,y,w,h; five, the last one being the confidence; or a tuple (box, confidence) or
    (box, confidence, present). Confidence is 1 and the target present where it does not say it.

    Args:
        tracker: of that contract.
    """

    def __init__(self, tracker: Any) -> None:
        super().__init__(str(getattr(tracker, "name", None) or type(tracker).__name__))
        self.tracker = tracker

    def init(self, image: Any, box: ArrayLike) -> None:
        """Hands the first frame on."""
        self.tracker.init(PillowImage.fromarray(as_rgb(image)), np.asarray(box, dtype=np.float64))

    def step(self, image: Any) -> TrackResult:
        """Hands a frame on.

        Raises:
            EvaluationError: the answer is nothing of the above.
        """
        answer = self.tracker.update(PillowImage.fromarray(as_rgb(image)))
        box, said = answer, (1.0, True)
        if isinstance(answer, (tuple, list)) and answer and np.ndim(answer[0]) == 1:
            box, said = answer[0], (*answer[1:], *(1.0, True)[len(answer) - 1 :])
        try:
            values = np.asarray(box, dtype=np.float64).reshape(-1)
            if len(values) == 5:
                values, said = values[:4], (float(values[4]), True)
            if len(values) != 4 or len(said) != 2:
                raise ValueError(f"{len(values)} numbers")
            return TrackResult(values, float(said[0]), bool(said[1]))
        except (TypeError, ValueError) as error:
            raise EvaluationError(
                f"{self.name}.update gave {answer!r} ({error}); expected x,y,w,h, or x,y,w,h,confidence, or the tuple "
                "(box, confidence, present)"
            ) from error


def with_presence(tracker: Any) -> Tracker:
    """One of our trackers as it is, another one under our contract."""
    return tracker if isinstance(tracker, Tracker) else PresenceTracker(tracker)

"""Stored results drawn on their sequences: one mp4 for several sequences, and a picture to stand for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage

from dmtrack.data.sequences import Image, Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.one_pass import overlaps
from dmtrack.evaluation.results import SequenceResult
from dmtrack.files import atomic_path
from dmtrack.media.drawing import CANDIDATE_RGB, annotate, draw_box, draw_label
from dmtrack.media.video import VideoWriter

_WHITE = (255, 255, 255)
_READABLE_WIDTH = 1200
"""Frames narrower than this are enlarged by a whole factor, so that lines and labels are fine."""


@dataclass(frozen=True)
class Rival:
    """A second tracker in the same picture: its name there, and its results by name of the sequence."""

    name: str
    results: Callable[[str], SequenceResult]


def write_result_video(
    path: str | Path,
    items: Iterable[tuple[Sequence, SequenceResult]],
    rival: Rival | None = None,
    frames_per_second: float = 25.0,
    on_frame: Callable[[], object] | None = None,
) -> Path:
    """Writes sequences one after the other, with the tracker's box, the true box, and the IoU of each frame.

    Args:
        path: of the mp4; the poster gets the same name with `.jpg`.
        items: sequences of one frame size with their results.
        rival: whose boxes are drawn below the tracker's, in another colour.
        frames_per_second: of the video.
        on_frame: called after each frame, for progress.

    Returns:
        The poster: a frame from the middle of the first sequence in which the target is seen.

    Raises:
        EvaluationError: there is no sequence.
        MediaError: frame sizes differ, or the video cannot be encoded.
        OutputError: a file cannot be written.
    """
    poster_path = Path(path).with_suffix(".jpg")
    poster: Image | None = None
    writer: VideoWriter | None = None
    try:
        for sequence, result in items:
            other = None if rival is None else (rival.name, rival.results(sequence.name))
            visible = np.flatnonzero(sequence.present)
            middle = int(visible[len(visible) // 2]) if len(visible) else 0
            for index, frame in enumerate(sequence.frames()):
                picture = _draw(frame, sequence, result, index, other)
                if writer is None:
                    writer = VideoWriter(path, frames_per_second, (picture.shape[1], picture.shape[0]))
                writer.write(picture)
                if poster is None and index == middle:
                    poster = picture
                if on_frame is not None:
                    on_frame()
        if writer is None or poster is None:
            raise EvaluationError(f"{path}: there is no sequence to draw")
        writer.close()
    finally:
        if writer is not None:
            writer.discard()
    with atomic_path(poster_path) as temporary:
        PillowImage.fromarray(poster).save(temporary, quality=88)
    return poster_path


def _draw(
    frame: Image, sequence: Sequence, result: SequenceResult, index: int, other: tuple[str, SequenceResult] | None
) -> Image:
    factor = max(1, round(_READABLE_WIDTH / frame.shape[1]))
    large = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) if factor > 1 else frame
    truth = sequence.boxes_xywh[index]
    score = 1.0 if result.scores is None else float(result.scores[index])
    present = result.present is None or bool(result.present[index])
    if other is not None:
        large = large.copy()
        draw_box(large, other[1].boxes_xywh[index] * factor, CANDIDATE_RGB)
    picture = annotate(large, result.boxes_xywh[index] * factor, score, present, truth * factor)
    if sequence.present[index]:
        state = f"IoU {overlaps(result.boxes_xywh[index], truth):.2f}"
        if other is not None:
            state += f" ({other[0]} {overlaps(other[1].boxes_xywh[index], truth):.2f})"
    else:
        state = "target out of view"
    text = f"{sequence.name}  {index + 1}/{len(sequence)}  {state}"
    draw_label(picture, text, (0.0, 0.0), _WHITE)
    return picture

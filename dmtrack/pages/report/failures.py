"""Where a tracker fails: the worst sequences, the longest failure in each, and a few frames of it.

Of many objects at once, the frames are those with most mistakes (see `mistakes`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import DMTrackError
from dmtrack.evaluation.measures.multi_object import Pairing
from dmtrack.evaluation.reporting.figures.theme import COLOURS
from dmtrack.evaluation.reporting.study import Study
from dmtrack.media.images import encode_jpeg
from dmtrack.pages.report.mistakes import draw_mistakes, worst_frames
from dmtrack.pages.shell import data_uri

if TYPE_CHECKING:
    from dmtrack.media.drawing import Colour

LOST_BELOW = 0.1
"""A frame counts as lost with an IoU below."""

GOOD_FROM = 0.5
"""A frame counts as good with an IoU from there on."""

TRUTH_RGB: Colour = (255, 255, 255)
MOST_BOXES = 4
"""Trackers whose boxes are drawn; more would hide the target."""

_WIDTH = 320
_WIDE = 640
"""Width of frames with many objects, which are smaller."""

_JPEG_QUALITY = 72


@dataclass(frozen=True)
class Picture:
    """A frame with boxes.

    Attributes:
        frame: its number, from 0.
        caption: what it shows.
        data_uri: a JPEG that a page can hold.
    """

    frame: int
    caption: str
    data_uri: str


@dataclass(frozen=True)
class Failure:
    """One of the worst sequences of a tracker.

    Attributes:
        sequence: its name.
        overlaps: by tracker, (frames,) IoU; NaN where a frame is not counted.
        lost: first and last frame of the longest failure of the tracker; None where it never is lost.
        pictures: of that failure; empty where no image can be read.
        pairing: who was taken for whom, where there are many objects; None with one target.
    """

    sequence: str
    overlaps: dict[str, NDArray[np.float64]]
    lost: tuple[int, int] | None
    pictures: tuple[Picture, ...] = ()
    pairing: Pairing | None = None


def find_failures(study: Study, tracker: str, count: int = 6, images: bool = True) -> list[Failure]:
    """The sequences with a tracker's worst numbers, the worst first.

    Args:
        study: with the tracker in it.
        tracker: whose failures are looked for; the boxes of others are drawn, too.
        count: how many sequences.
        images: read frames where they can be read.
    """
    by_name = {sequence.name: sequence for sequence in study.sequences}
    measure = study.report.protocol.compared
    key, sign = measure.key, 1 if measure.higher_is_better else -1
    score = next(item for item in study.report.scores if item.tracker == tracker)
    counted = [item for item in score.sequences if item.counted.any() and not math.isnan(item.scores[key])]
    failures = []
    for item in sorted(counted, key=lambda item: sign * item.scores[key])[:count]:
        sequence, pairing = by_name[item.name], item.pairing
        overlaps = _overlaps(study, sequence)
        lost = longest_failure(overlaps[tracker])
        pictures: tuple[Picture, ...] = ()
        if images and pairing is not None:
            pictures = _pictures_of_mistakes(sequence, pairing)
        elif images:
            pictures = _pictures(study, sequence, tracker, overlaps[tracker], lost)
        failures.append(Failure(item.name, overlaps, lost, pictures, pairing))
    return failures


def _overlaps(study: Study, sequence: Sequence) -> dict[str, NDArray[np.float64]]:
    """By tracker, (frames,) IoU of each frame.

    It is 0 where a rule or a NaN makes the frame a miss, and NaN where the frame is not counted, or not covered by the
    result.
    """
    found = {}
    for tracker, score in zip(study.trackers, study.report.scores, strict=True):
        for item in score.sequences:
            if item.name == sequence.name:
                covered = tracker.covered(sequence)
                overlaps = np.full(max(len(sequence), covered.start + len(item.counted)), np.nan)
                overlaps[covered.start : covered.stop][item.counted] = np.nan_to_num(item.iou)
                found[tracker.name] = overlaps
    return found


def longest_failure(overlaps: NDArray[np.float64]) -> tuple[int, int] | None:
    """First and last frame of the longest stretch of lost frames; frames that are not counted do not end it."""
    counted = np.flatnonzero(~np.isnan(overlaps))
    lost = np.concatenate([[False], overlaps[counted] < LOST_BELOW, [False]])
    edges = np.flatnonzero(lost[1:] != lost[:-1]).reshape(-1, 2)
    if not len(edges):
        return None
    start, end = edges[np.argmax(edges[:, 1] - edges[:, 0])]
    return int(counted[start]), int(counted[end - 1])


def chosen_frames(overlaps: NDArray[np.float64], lost: tuple[int, int] | None) -> list[tuple[int, str]]:
    """Frames that tell the story of a failure, with captions: how it began, before, during, and its end."""
    counted = np.flatnonzero(~np.isnan(overlaps))
    if lost is None:
        quarters = counted[np.linspace(0, len(counted) - 1, 5).astype(int)]
        return [(int(frame), f"IoU {overlaps[frame]:.2f}") for frame in dict.fromkeys(quarters.tolist())]
    start, end = lost
    good = counted[(counted < start) & (np.nan_to_num(overlaps[counted]) >= GOOD_FROM)]
    story = {0: "first frame"}
    if len(good):
        story.setdefault(int(good[-1]), f"last good frame, IoU {overlaps[good[-1]]:.2f}")
    inside = counted[(counted >= start) & (counted <= end)]
    story.setdefault(start, f"lost, IoU {overlaps[start]:.2f}")
    middle = int(inside[len(inside) // 2])
    story.setdefault(middle, f"still lost, IoU {overlaps[middle]:.2f}")
    after = counted[counted > end]
    if len(after):
        story.setdefault(int(after[0]), f"found again, IoU {overlaps[after[0]]:.2f}")
    else:
        story.setdefault(end, "end, never found again")
    return sorted(story.items())


def tracker_colours(study: Study) -> dict[str, Colour]:
    """Colours of the boxes, the same as in the figures."""
    colours = {}
    for place, tracker in enumerate(study.trackers):
        text = COLOURS[place % len(COLOURS)].lstrip("#")
        red, green, blue = (int(text[at : at + 2], 16) for at in (0, 2, 4))
        colours[tracker.name] = (red, green, blue)
    return colours


def drawn_trackers(study: Study, tracker: str) -> list[str]:
    """Whose boxes pictures show: the tracker and the best of the others."""
    others = [score.tracker for score in study.report.ranked() if score.tracker != tracker]
    return [tracker, *others[: MOST_BOXES - 1]]


def _pictures(
    study: Study,
    sequence: Sequence,
    tracker: str,
    overlaps: NDArray[np.float64],
    lost: tuple[int, int] | None,
) -> tuple[Picture, ...]:
    shown = drawn_trackers(study, tracker)
    by_name = {item.name: item for item in study.trackers if sequence.name in item.results}
    pictures = []
    for frame, caption in chosen_frames(overlaps, lost):
        boxes = {
            name: by_name[name].results[sequence.name].boxes_xywh[frame - by_name[name].covered(sequence).start]
            for name in shown
            if name in by_name and frame in by_name[name].covered(sequence)
        }
        try:
            image = sequence.read_frame(frame)
        except (DMTrackError, OSError):
            return ()  # annotations alone: the numbers stand, only the pictures are not at hand
        pictures.append(Picture(frame, caption, _draw(study, image, sequence.boxes_xywh[frame], boxes)))
    return tuple(pictures)


def _pictures_of_mistakes(sequence: Sequence, pairing: Pairing) -> tuple[Picture, ...]:
    pictures = []
    for frame, caption in worst_frames(pairing):
        try:
            small, scale = _shrunk(sequence.read_frame(frame), _WIDE)
        except (DMTrackError, OSError):
            return ()
        draw_mistakes(small, pairing, frame, scale)
        pictures.append(Picture(frame, caption, _encoded(small)))
    return tuple(pictures)


def _draw(
    study: Study,
    image: NDArray[np.uint8],
    truth_xywh: NDArray[np.float64],
    boxes: dict[str, NDArray[np.float64]],
) -> str:
    from dmtrack.media.drawing import draw_box

    small, scale = _shrunk(image, _WIDTH)
    colours = tracker_colours(study)
    draw_box(small, truth_xywh * scale, TRUTH_RGB, dashed=True)
    for name, box_xywh in reversed(boxes.items()):
        draw_box(small, box_xywh * scale, colours[name])
    return _encoded(small)


def _shrunk(image: NDArray[np.uint8], width: int) -> tuple[NDArray[np.uint8], float]:
    """The image at another width, and by what it was scaled.

    Boxes are drawn after scaling, so that their lines are equally wide on every video.
    """
    import cv2  # only pages with frames pay for this

    scale = width / image.shape[1]
    size_wh = (width, max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8), scale


def _encoded(image: NDArray[np.uint8]) -> str:
    """As a JPEG that a page can hold."""
    return data_uri("image/jpeg", encode_jpeg(image, _JPEG_QUALITY))


def binned(overlaps: NDArray[np.float64], most: int = 240) -> NDArray[np.float64]:
    """(bins,) mean over neighbouring frames, NaN where none of them is counted; as they are where there are few."""
    edges = np.unique(np.linspace(0, len(overlaps), min(most, len(overlaps)) + 1).astype(int))
    counted = np.add.reduceat(~np.isnan(overlaps), edges[:-1])
    sums = np.add.reduceat(np.nan_to_num(overlaps), edges[:-1])
    return np.divide(sums, counted, out=np.full(len(counted), np.nan), where=counted > 0)

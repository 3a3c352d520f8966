"""Drawing boxes and labels on frames: colours that colour-blind people can tell apart, sizes that follow the frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from dmtrack.media.images import Image

Colour = tuple[int, int, int]

# Okabe and Ito's palette.
TARGET_RGB: Colour = (230, 159, 0)
GROUND_TRUTH_RGB: Colour = (86, 180, 233)
ABSENT_RGB: Colour = (200, 200, 200)
CANDIDATE_RGB: Colour = (204, 121, 167)
TARGETS_RGB: tuple[Colour, ...] = (
    TARGET_RGB,
    (0, 158, 115),
    CANDIDATE_RGB,
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
"""Of several targets, in order; then from the first again. The sky blue of the truth is not among them."""

_DARK_RGB: Colour = (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def line_width(image: Image) -> int:
    """Line width in pixels that is equally visible at any frame size: 2 up to 600 lines, 3 at 720, 9 at 2160."""
    return max(2, round(min(image.shape[:2]) / 240))


def draw_box(image: Image, box_xywh: ArrayLike, colour: Colour = TARGET_RGB, dashed: bool = False) -> None:
    """Draws the outline of a box, with a dark edge so that it shows on any background, into `image`.

    A box with NaN, or wholly outside, draws nothing.

    Args:
        image: HxWx3 uint8 RGB, changed in place.
        box_xywh: left, top, width, height in pixels; rounded to whole ones.
        colour: RGB.
        dashed: for boxes that are not seen but remembered.
    """
    box = np.asarray(box_xywh, dtype=np.float64)
    if not np.isfinite(box).all():
        return
    width = line_width(image)
    size_wh = np.array(image.shape[1::-1], dtype=np.float64)
    # Corners far outside are brought near first: OpenCV's fixed-point lines overflow on huge coordinates.
    x1, y1 = np.rint(np.clip(box[:2], -16, size_wh + 16)).astype(int).tolist()
    x2, y2 = np.rint(np.clip(box[:2] + box[2:] - 1, -16, size_wh + 16)).astype(int).tolist()
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    dash = min(6 * width, max(2, (x2 - x1 + y2 - y1) // 6))
    for drawn, thickness in ((_DARK_RGB, width + 2), (colour, width)):
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            for first, second in _dashes(start, end, dash) if dashed else [(start, end)]:
                cv2.line(image, first, second, drawn, thickness)


def _dashes(start: tuple[int, int], end: tuple[int, int], length: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """First and last points of the dashes of a line; gaps are as long as dashes."""
    across_xy = np.subtract(end, start)
    count = max(1, round(float(np.hypot(*across_xy)) / length / 2))
    shares = (np.arange(count)[:, None] + (0.0, 0.5)) / count  # of the way, where each dash begins and ends
    points_xy = np.rint(start + across_xy * shares[:, :, None]).astype(int)
    return [((x1, y1), (x2, y2)) for (x1, y1), (x2, y2) in points_xy.tolist()]


def draw_label(image: Image, text: str, corner_xy: tuple[float, float], colour: Colour = TARGET_RGB) -> None:
    """Writes text on a dark plate whose lower left corner is `corner_xy`, moved so that it stays inside, into `image`.

    Args:
        image: HxWx3 uint8 RGB, changed in place.
        text: ASCII, one line.
        corner_xy: where the plate would sit: the top left corner of the box it names.
        colour: RGB of the text.
    """
    height, width = image.shape[:2]
    scale = max(0.35, min(height, width) / 900)
    thickness = max(1, round(scale * 1.6))
    (text_width, text_height), baseline = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = max(2, round(3 * scale))
    plate_width, plate_height = text_width + 2 * pad, text_height + baseline + 2 * pad
    left = round(min(max(corner_xy[0], 0), max(width - plate_width, 0)))
    top = round(min(max(corner_xy[1] - plate_height, 0), max(height - plate_height, 0)))
    plate = image[top : top + plate_height, left : left + plate_width]
    plate[:] = plate // 4
    cv2.putText(image, text, (left + pad, top + pad + text_height), _FONT, scale, colour, thickness, cv2.LINE_AA)


def annotate_tracks(
    frame: Image, boxes_xywh: ArrayLike, ids: Sequence[int], labels: Sequence[str], trails_xy: Sequence[ArrayLike] = ()
) -> Image:
    """A copy of the frame with every track's box and label on it; an identity always has the same colour.

    Args:
        frame: HxWx3 uint8 RGB.
        boxes_xywh: (n, 4) left, top, width, height in pixels of the frame.
        ids: of the tracks.
        labels: what is written on each; empty for nothing.
        trails_xy: (points, 2) pixels where each has been, a line under all boxes; empty draws none.
    """
    image = np.ascontiguousarray(frame).copy()
    size_wh = np.array(image.shape[1::-1], dtype=np.float64)
    for trail, one in zip(trails_xy, ids, strict=False):
        points = np.rint(np.clip(trail, -16, size_wh + 16)).astype(np.int32)
        cv2.polylines(image, [points], False, TARGETS_RGB[one % len(TARGETS_RGB)], line_width(image), cv2.LINE_AA)
    for box, one, label in zip(np.asarray(boxes_xywh, np.float64).reshape(-1, 4), ids, labels, strict=True):
        colour = TARGETS_RGB[one % len(TARGETS_RGB)]
        draw_box(image, box, colour)
        if label:
            draw_label(image, label, (float(box[0]), float(box[1])), colour)
    return image


def annotate(
    frame: Image,
    box_xywh: ArrayLike,
    score: float,
    present: bool = True,
    ground_truth_xywh: ArrayLike | None = None,
    name: str = "target",
    colour: Colour = TARGET_RGB,
) -> Image:
    """A copy of the frame with the tracker's answer on it.

    A target that is present has a solid orange box with its score. One that is absent has the last known box dashed in
    gray and the word `absent`. The true box, where it is known and the target visible, is sky blue.

    Args:
        frame: HxWx3 uint8 RGB.
        box_xywh: left, top, width, height in pixels of the frame.
        score: in [0, 1].
        present: whether the tracker says that the target is in the frame.
        ground_truth_xywh: the true box; a row of NaN means that the target is truly absent.
        name: what the label calls the target.
        colour: RGB of the box while the target is present.

    Returns:
        HxWx3 uint8 RGB.
    """
    image = np.ascontiguousarray(frame).copy()
    if ground_truth_xywh is not None:
        draw_box(image, ground_truth_xywh, GROUND_TRUTH_RGB)
    box = np.asarray(box_xywh, dtype=np.float64)
    colour = colour if present else ABSENT_RGB
    draw_box(image, box, colour, dashed=not present)
    text = f"{name} {score:.2f}" if present else f"{name} absent {score:.2f}"
    gap = 2 * line_width(image)
    corner = (float(box[0]) - gap, float(box[1]) - gap) if np.isfinite(box).all() else (0.0, 0.0)
    draw_label(image, text, corner, colour)
    return image

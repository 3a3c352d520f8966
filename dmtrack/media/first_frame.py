"""A first frame on which a person reads off a box: with a grid of pixels, and with likely objects that have numbers.

A one-shot detector proposes nothing before it has a template, so likely objects are found without any network:
connected regions lighter, darker or more coloured than a threshold, for many thresholds, ranked by how much the colours
inside their box differ from those around it (colour contrast; Alexe et al., CVPR 2010, section 3.2).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import Boxes, pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.media.drawing import TARGETS_RGB, draw_box, draw_label
from dmtrack.media.images import Image

_LONGER_SIDE = 320
"""Of the picture that is looked at, whatever the size of the frame."""

_SMALLEST_SHARE, _LARGEST_SHARE = 0.0008, 0.2
"""Of the picture's area in a region."""

_THRESHOLDS = 14
"""Of each of lightness and two colours, at equal distances."""

_LARGEST_ASPECT = 5.0
_LARGEST_OVERLAP = 0.5
_BINS = 5
"""Of the histogram, for each of lightness and two colours."""

_FEWEST_PIXELS, _MOST_PIXELS = 960, 1920
"""Longer side of the picture that is shown."""

_GRID_STEPS = (10, 20, 50, 100, 200, 500, 1000)
_MOST_LINES = 16
_GRID_RGB = (255, 255, 255)


def propose_boxes(image: Image, count: int = 9) -> Boxes:
    """Boxes around what may be objects, the most distinct first.

    A place to begin, no detector: of 35 first frames (12 generated plain ones, 12 with look-alikes, 11 of OTB, VOT,
    UAV123 and TLD) the target is among nine boxes, with an IoU of 0.3 or more, in 58, 83 and 36 %.

    Args:
        image: HxWx3 uint8 RGB.
        count: at most so many.

    Returns:
        (n, 4) left, top, width, height in whole pixels; fewer than `count`, or none, in a picture without contrast.
    """
    scale = min(1.0, _LONGER_SIDE / max(image.shape[:2]))
    lab = cv2.cvtColor(cv2.medianBlur(_resized(image, scale), 3), cv2.COLOR_RGB2LAB)
    colours = _colour_numbers(lab)
    height, width = colours.shape
    boxes = _regions(lab)
    w, h = boxes[:, 2], boxes[:, 3]
    sensible = (w < 0.7 * width) & (h < 0.8 * height) & (np.minimum(w, h) >= 4)
    boxes = boxes[sensible & (np.maximum(w, h) <= _LARGEST_ASPECT * np.minimum(w, h))]
    scores = np.array([_contrast(colours, box) for box in boxes])
    overlaps = pairwise_iou_xyxy(xywh_to_xyxy(boxes), xywh_to_xyxy(boxes))
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if len(kept) < count and not (overlaps[index, kept] > _LARGEST_OVERLAP).any():
            kept.append(index)
    return np.rint(boxes[kept] / scale)


def first_frame_picture(image: Image, boxes_xywh: ArrayLike) -> Image:
    """The frame with lines of equal distance, their numbers in pixels of the frame, and numbered boxes.

    Args:
        image: HxWx3 uint8 RGB.
        boxes_xywh: (n, 4) in pixels of the frame; they are numbered from 1.

    Returns:
        HxWx3 uint8 RGB, enlarged or reduced so that lines and numbers can be read.
    """
    longer = max(image.shape[:2])
    scale = min(max(1.0, np.ceil(_FEWEST_PIXELS / longer)), _MOST_PIXELS / longer)
    picture = np.ascontiguousarray(_resized(image, scale)).copy()
    step = next((step for step in _GRID_STEPS if longer / step <= _MOST_LINES), _GRID_STEPS[-1])
    lines = picture.copy()
    for axis in (0, 1):
        for place in range(step, image.shape[1 - axis], step):
            at = round(place * scale)
            start, end = ((at, 0), (at, picture.shape[0])) if axis == 0 else ((0, at), (picture.shape[1], at))
            cv2.line(lines, start, end, _GRID_RGB, 1)
    picture = cv2.addWeighted(lines, 0.4, picture, 0.6, 0)
    for number, box in enumerate(np.asarray(boxes_xywh, dtype=np.float64).reshape(-1, 4)):
        colour = TARGETS_RGB[number % len(TARGETS_RGB)]
        draw_box(picture, box * scale, colour)
        draw_label(picture, str(number + 1), (box[0] * scale, box[1] * scale), colour)
    for place in range(step, image.shape[1], step):
        draw_label(picture, str(place), (place * scale, 0), _GRID_RGB)
    for place in range(step, image.shape[0], step):
        draw_label(picture, str(place), (0, place * scale), _GRID_RGB)
    return picture


def _resized(image: Image, scale: float) -> Image:
    if scale == 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _regions(lab: Image) -> Boxes:
    """(n, 4) boxes xywh of connected regions, every one once."""
    smallest, largest = (share * lab.shape[0] * lab.shape[1] for share in (_SMALLEST_SHARE, _LARGEST_SHARE))
    found = [np.zeros((0, 4))]
    for channel in cv2.split(lab):
        low, high = np.percentile(channel, (0.5, 99.5))
        for threshold in np.linspace(low, high, _THRESHOLDS + 2)[1:-1] if high > low else ():
            above = (channel > threshold).astype(np.uint8)
            for mask in (above, 1 - above):
                stats = cv2.connectedComponentsWithStats(mask, connectivity=4)[2][1:]
                areas = stats[:, cv2.CC_STAT_AREA]
                found.append(stats[(areas >= smallest) & (areas <= largest), :4])
    return np.unique(np.concatenate(found), axis=0)


def _colour_numbers(lab: Image) -> NDArray[np.int64]:
    """Every pixel's bin of a histogram of lightness and colours, whose range is stretched to what the picture has."""
    values = lab.reshape(-1, 3).astype(np.float64)
    low, high = np.percentile(values, (1, 99), axis=0)
    steps = np.clip((values - low) / np.maximum(high - low, 1) * _BINS, 0, _BINS - 1).astype(np.int64)
    return (steps @ np.array([_BINS * _BINS, _BINS, 1])).reshape(lab.shape[:2])


def _contrast(colours: NDArray[np.int64], box_xywh: Boxes) -> float:
    """Distance of the colours in a box from those in a ring around it; of two that differ alike, the larger counts."""
    x, y, w, h = box_xywh.astype(int).tolist()
    beside, above = max(2, w // 4), max(2, h // 4)
    ring = colours[max(0, y - above) : y + h + above, max(0, x - beside) : x + w + beside]
    inside = np.bincount(colours[y : y + h, x : x + w].ravel(), minlength=_BINS**3)
    around = np.bincount(ring.ravel(), minlength=_BINS**3) - inside
    if not around.any():
        return 0.0
    first, second = inside / inside.sum(), around / around.sum()
    both = first + second
    distance = np.divide((first - second) ** 2, both, out=np.zeros_like(both), where=both > 0).sum() / 2
    return float(distance * (w * h) ** 0.25)

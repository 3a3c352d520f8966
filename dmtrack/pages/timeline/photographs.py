"""Frames with what was thought of them drawn in, small enough for a page."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from dmtrack.association.timeline import RIGHT_IOU, Snapshot
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.media.drawing import draw_box, draw_label
from dmtrack.media.images import Image, encode_jpeg

CHOSEN_RGB, WRONG_RGB, TRUTH_RGB, OTHER_RGB = (230, 159, 0), (220, 30, 50), (0, 150, 255), (200, 200, 200)
SHOWN_WIDTH = 640
MOST_LABELS = 8
"""Other tracklets that are named; the weaker ones are drawn without their number."""


def photograph(snapshot: Snapshot, read_frame: Callable[[int], Image] | None = None) -> bytes:
    """A JPEG of the frame: the answer orange, or red where it is wrong; the truth dashed blue; other tracklets gray.

    Args:
        snapshot: what to draw.
        read_frame: gives the frame; without it, the snapshot's own JPEG is drawn on.
    """
    if read_frame is not None:
        image = np.ascontiguousarray(read_frame(snapshot.frame))
    else:
        image = cv2.cvtColor(cv2.imdecode(np.frombuffer(snapshot.jpeg or b"", np.uint8), cv2.IMREAD_COLOR),
                             cv2.COLOR_BGR2RGB)  # fmt: skip
    zoom = SHOWN_WIDTH / image.shape[1]
    size = (SHOWN_WIDTH, max(1, round(image.shape[0] * zoom)))
    # Boxes are drawn at the size in which they are looked at, so that lines and words are equally clear for all videos.
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
    others = np.flatnonzero(snapshot.ids != snapshot.answer_id)
    order = others[np.argsort(-np.nan_to_num(snapshot.scores[others]), kind="stable")]
    for place, row in list(enumerate(order))[::-1]:
        box = snapshot.boxes_xywh[row] * zoom
        draw_box(small, box, OTHER_RGB)
        if place < MOST_LABELS:
            draw_label(
                small,
                f"{snapshot.ids[row]}: {snapshot.scores[row]:.2f}",
                tuple(box[:2] - 4),
                OTHER_RGB,
            )
    colour = CHOSEN_RGB
    if snapshot.truth_xywh is not None:
        pair = xywh_to_xyxy(np.stack([snapshot.box_xywh, snapshot.truth_xywh]))
        if paired_iou_xyxy(pair[:1], pair[1:])[0] < RIGHT_IOU:
            colour = WRONG_RGB
    box = snapshot.box_xywh * zoom
    draw_box(small, box, colour, dashed=not snapshot.present)
    said = "" if snapshot.present else " absent"
    draw_label(small, f"{snapshot.answer_id}: {snapshot.score:.2f}{said}", tuple(box[:2] - 4), colour)
    if snapshot.truth_xywh is not None:
        draw_box(small, snapshot.truth_xywh * zoom, TRUTH_RGB, dashed=True)
    return encode_jpeg(small)

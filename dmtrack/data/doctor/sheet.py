"""Contact sheets: many small frames with their boxes in one picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.media.drawing import (
    ABSENT_RGB,
    CANDIDATE_RGB,
    GROUND_TRUTH_RGB,
    TARGET_RGB,
    Colour,
    annotate_tracks,
    draw_box,
    draw_label,
)
from dmtrack.media.images import Image

COLOURS: tuple[Colour, ...] = (GROUND_TRUTH_RGB, TARGET_RGB, CANDIDATE_RGB, (0, 158, 115), (240, 228, 66), (213, 94, 0))
"""One per instance, repeated where there are more; Okabe and Ito's palette."""

_SMALL_SIDE = 30
"""A box whose sides are below so many pixels of the sheet hides what is in it."""
_GAP = 6
_TITLE_HEIGHT = 24
_PAPER_RGB: Colour = (24, 24, 24)
_INK_RGB: Colour = (230, 230, 230)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Tile:
    """One frame of a sheet.

    Attributes:
        image: HxWx3 RGB, uint8, or float on the 0..255 scale.
        boxes_xywh: (instances, 4) in pixels of the image; NaN rows are not drawn.
        label: in the lower left corner.
        absent: the target is not in the frame, which the label says in gray.
        ids: (instances,) of the objects, which have their own colours; without them colours go by place.
        names: (instances,) what is written on the boxes.
    """

    image: NDArray[np.generic]
    boxes_xywh: ArrayLike
    label: str = ""
    absent: bool = False
    ids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    def render(self, width: int) -> Image:
        """The frame scaled to fit a square of a width, with its boxes; a single small one is also shown close up."""
        pixels = np.asarray(self.image)
        image = pixels if pixels.dtype == np.uint8 else np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        scale = width / max(image.shape[:2])
        size_wh = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(np.ascontiguousarray(image), size_wh, interpolation=method)
        boxes = np.asarray(self.boxes_xywh, dtype=np.float64).reshape(-1, 4)
        for place, box in enumerate(boxes if not self.ids else ()):
            draw_box(small, box * scale, COLOURS[place % len(COLOURS)])
        if self.ids:
            small = annotate_tracks(small, boxes * scale, self.ids, self.names)
        elif len(boxes) == 1 and np.isfinite(boxes).all() and (boxes[0, 2:] * scale).max() < _SMALL_SIDE:
            _add_close_up(small, image, boxes[0])
        if self.label:
            draw_label(small, self.label, (0, size_wh[1]), ABSENT_RGB if self.absent else _INK_RGB)
        return small


def _add_close_up(small: Image, image: Image, box_xywh: NDArray[np.float64]) -> None:
    """Puts the surroundings of a box, 1.8 times its larger side, in the upper corner that is farther from it."""
    side = min(max(small.shape[1] // 4, 16), *small.shape[:2])
    reach = max(1.8 * float(box_xywh[2:].max()), 8.0)
    zoom = side / reach
    corner = box_xywh[:2] + box_xywh[2:] / 2 - reach / 2
    move = np.array([[zoom, 0.0, -zoom * corner[0]], [0.0, zoom, -zoom * corner[1]]])
    view = np.asarray(cv2.warpAffine(np.ascontiguousarray(image), move, (side, side)), dtype=np.uint8)
    draw_box(view, np.concatenate([(box_xywh[:2] - corner) * zoom, box_xywh[2:] * zoom]), COLOURS[0])
    cv2.rectangle(view, (0, 0), (side - 1, side - 1), _INK_RGB, 1)
    left = 0 if box_xywh[0] * 2 > image.shape[1] else small.shape[1] - side
    small[:side, left : left + side] = view


def contact_sheet(rows: Collection[tuple[str, Collection[Tile]]], tile_width: int = 320) -> Image:
    """Rows of frames under their titles.

    Args:
        rows: (title, frames); titles are ASCII.
        tile_width: longer side of every frame in pixels.

    Returns:
        HxWx3 uint8 RGB.
    """
    columns = max((len(tiles) for _, tiles in rows), default=1)
    width = columns * (tile_width + _GAP) + _GAP
    strips = [_strip(title, [tile.render(tile_width) for tile in tiles], width) for title, tiles in rows]
    return np.concatenate(strips) if strips else np.full((_GAP, width, 3), _PAPER_RGB, np.uint8)


def _strip(title: str, tiles: list[Image], width: int) -> Image:
    height = max((tile.shape[0] for tile in tiles), default=0)
    top = _TITLE_HEIGHT if title else 0
    strip = np.full((top + height + _GAP, width, 3), _PAPER_RGB, np.uint8)
    cv2.putText(strip, title, (_GAP, _TITLE_HEIGHT - 8), _FONT, 0.5, _INK_RGB, 1, cv2.LINE_AA)
    left = _GAP
    for tile in tiles:
        strip[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        left += tile.shape[1] + _GAP
    return strip

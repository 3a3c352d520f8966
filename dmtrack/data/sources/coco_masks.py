"""The outlines of COCO: polygons, and run lengths as numbers or as a string (pycocotools' format)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from dmtrack.errors import DataError

_FINER = 4
"""Pillow fills the pixels of a polygon's border, too, so polygons are drawn this many times as large."""


def read_mask(segmentation: Any, size_wh: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """The mask that a "segmentation" describes, (height, width) bool.

    Args:
        segmentation: a list of polygons [x1, y1, x2, y2, ...], or `{"size": [height, width], "counts": ...}`.
        size_wh: (width, height) of the image.
        where: names the annotation in errors.

    Raises:
        DataError: it is something else, or of an image of another size.
    """
    width, height = size_wh
    try:
        if isinstance(segmentation, dict):
            if list(segmentation["size"]) != [height, width]:
                raise DataError(
                    f"{where} is a mask of {segmentation['size'][1]}x{segmentation['size'][0]} pixels, and the image "
                    f"has {width}x{height}; give the images that the masks were drawn on"
                )
            counts = segmentation["counts"]
            return _fill(_unpack(counts) if isinstance(counts, str) else [int(run) for run in counts], height, width)
        canvas = PillowImage.new("L", (_FINER * width, _FINER * height))
        draw = ImageDraw.Draw(canvas)
        for polygon in segmentation:
            corners = np.array(polygon, np.float64).reshape(-1, 2)
            if (corners < -1).any() or (corners > np.array(size_wh) + 1).any():
                raise DataError(
                    f"{where} has corners beyond its image of {width}x{height} pixels; give the right images"
                )
            draw.polygon([(float(x), float(y)) for x, y in corners * _FINER - 0.5], fill=255)
        return np.asarray(np.array(canvas.resize(size_wh, PillowImage.Resampling.BOX)) > 127)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{where} cannot be read ({type(error).__name__}: {error}); expected polygons [[x1, y1, x2, y2, ...], ...] "
            'or {"size": [height, width], "counts": ...}'
        ) from error


def _unpack(text: str) -> list[int]:
    """Run lengths of pycocotools' string: 5 bits in a character; differences to the last but one from the fourth on."""
    counts: list[int] = []
    place = 0
    while place < len(text):
        value = shift = 0
        more = True
        while more:
            bits = ord(text[place]) - 48
            value |= (bits & 0x1F) << shift
            more = bool(bits & 0x20)
            place, shift = place + 1, shift + 5
            if not more and bits & 0x10:
                value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def _fill(counts: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """Runs of background and object in turn, down the columns."""
    if sum(counts) != height * width or min(counts, default=0) < 0:
        raise ValueError(f"its runs cover {sum(counts)} of {height * width} pixels")
    filled = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.ascontiguousarray(filled.reshape(width, height).T)

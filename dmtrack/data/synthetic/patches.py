"""The unit that scenes are made of: a picture of one thing with its outline."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image

MARGIN = 2
"""Transparent pixels around the outline of every patch."""


@dataclass(frozen=True)
class Patch:
    """A picture of one thing with its outline.

    Attributes:
        rgba: (height, width, 4) uint8. Colours are defined everywhere (also where alpha is 0), the alpha channel is
            the soft outline; its tight box lies `MARGIN` pixels inside the array.
        area: pixels with alpha above one half.
    """

    rgba: NDArray[np.uint8]
    area: int

    @property
    def rgb(self) -> Image:
        """(height, width, 3) colours."""
        return self.rgba[..., :3]

    @property
    def alpha(self) -> NDArray[np.uint8]:
        """(height, width) soft outline."""
        return self.rgba[..., 3]

    @property
    def extent_wh(self) -> tuple[int, int]:
        """Width and height of the tight box of the outline, in patch pixels."""
        height, width = self.rgba.shape[:2]
        return width - 2 * MARGIN, height - 2 * MARGIN


def tight_box(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of the true pixels, right and bottom exclusive; None where there are none."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8) if mask.dtype == np.bool_ else mask)
    return (left, top, left + width, top + height) if width and height else None


def make_patch(rgb: Image, alpha: NDArray[np.uint8]) -> Patch | None:
    """A patch cropped to its outline, or None where the outline is empty."""
    solid = (alpha > 127).view(np.uint8)
    box = tight_box(solid)
    if box is None:
        return None
    left, top, right, bottom = box
    rgba = np.dstack([rgb[top:bottom, left:right], alpha[top:bottom, left:right]])
    rgba = cv2.copyMakeBorder(rgba, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    clear_margin(rgba, MARGIN)
    return Patch(np.asarray(rgba), int(np.count_nonzero(solid)))


def clear_margin(rgba: NDArray[np.uint8], margin: int) -> None:
    """Makes the outer pixels transparent, in place."""
    alpha = rgba[..., 3]
    alpha[:margin] = 0
    alpha[-margin:] = 0
    alpha[:, :margin] = 0
    alpha[:, -margin:] = 0

"""Resizing both sides of a pair."""

from __future__ import annotations

import cv2
import numpy as np

from dmtrack.data.preprocessing import resize, resize_factor
from dmtrack.data.samples import Pair
from dmtrack.data.transforms.draws import Draws, integer, one_of
from dmtrack.data.transforms.sides import Side, pair_of, sides_of
from dmtrack.errors import ConfigError
from dmtrack.registry import TRANSFORMS

INTERPOLATIONS = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "nearest": cv2.INTER_NEAREST,
    "lanczos": cv2.INTER_LANCZOS4,
}


@TRANSFORMS.register
class Rescale:
    """Resizes each side so that it fits in a scale, which may be drawn anew for every image.

    Args:
        scale: (long side, short side) in pixels that the image must fit in; images grow as well as shrink.
        short_side_range: the short side of the scale is drawn from this range, both ends included; None keeps it.
        interpolations: one of them is drawn per image.
        exact_ratio: boxes follow the ratio that rounding to whole pixels left, on each axis; False multiplies them by
            the wanted factor, as the published code does.
    """

    def __init__(
        self,
        scale: tuple[int, int] = (900, 608),
        short_side_range: tuple[int, int] | None = (256, 608),
        interpolations: tuple[str, ...] = ("linear", "cubic", "area", "nearest", "lanczos"),
        exact_ratio: bool = True,
    ) -> None:
        unknown = [name for name in interpolations if name not in INTERPOLATIONS]
        if unknown or not interpolations:
            raise ConfigError(f"Rescale: interpolations {interpolations!r}; expected names of {sorted(INTERPOLATIONS)}")
        if short_side_range is not None and not 0 < short_side_range[0] <= short_side_range[1]:
            raise ConfigError(f"Rescale: short_side_range {short_side_range!r}; expected (smallest, largest) in pixels")
        self.scale = (int(scale[0]), int(scale[1]))
        self.short_side_range = short_side_range
        self.interpolations = tuple(INTERPOLATIONS[name] for name in interpolations)
        self.exact_ratio = exact_ratio

    def __call__(self, pair: Pair, rng: Draws) -> Pair:
        """Resizes the query side, then the search side."""
        query, search = sides_of(pair)
        return pair_of(self._rescale(query, rng), self._rescale(search, rng), identities=pair.identities)

    def _rescale(self, side: Side, rng: Draws) -> Side:
        interpolation = one_of(rng, self.interpolations) if len(self.interpolations) > 1 else self.interpolations[0]
        scale = self.scale
        if self.short_side_range is not None:
            low, high = self.short_side_range
            scale = (max(scale), integer(rng, low, high + 1))
        return _resized(side, resize_factor(*_height_width(side), scale), interpolation, self.exact_ratio)


@TRANSFORMS.register
class ShrinkToFit:
    """Makes large images as small as the network will see them at most, so that all later steps cost less.

    Args:
        scale: (long side, short side) in pixels; images that fit already stay as they are.
    """

    def __init__(self, scale: tuple[int, int] = (900, 608)) -> None:
        self.scale = scale

    def __call__(self, pair: Pair, rng: Draws) -> Pair:
        """Shrinks each side if needed; draws nothing."""
        query, search = sides_of(pair)
        return pair_of(self._shrink(query), self._shrink(search), identities=pair.identities)

    def _shrink(self, side: Side) -> Side:
        factor = resize_factor(*_height_width(side), self.scale)
        if factor >= 1:
            return side
        # Down to a half, bilinear sampling sees every pixel and takes a fifth of the time.
        interpolation = cv2.INTER_AREA if factor < 0.5 else cv2.INTER_LINEAR
        return _resized(side, factor, interpolation, exact_ratio=True)


def _height_width(side: Side) -> tuple[int, int]:
    return int(side.image.shape[0]), int(side.image.shape[1])


def _resized(side: Side, factor: float, interpolation: int, exact_ratio: bool) -> Side:
    height, width = side.image.shape[:2]
    # A side must not round to nothing.
    factor = max(factor, 1.0 / min(height, width))
    image = resize(np.ascontiguousarray(side.image), factor, interpolation)
    if not exact_ratio:
        return Side(image, side.boxes_xyxy * factor)
    across, down = image.shape[1] / width, image.shape[0] / height
    return Side(image, side.boxes_xyxy * np.array([across, down, across, down]))

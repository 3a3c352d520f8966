"""Overlap of two regions: the same pair has three different values, and every tool means another one.

| rule | used by | how |
|---|---|---|
| `inclusive` | TraX of the time of PySOT, the VOT challenges with restarts | pixels with both borders, in float32 |
| `rounded` | VOT toolkit in Python, MMTracking | pixels after rounding; rectangles end one pixel earlier |
| `exact` | got10k toolkit | areas of the polygons |

Rectangles (10, 10, 20, 20) and (15, 15, 20, 20) overlap by 0.40895, 0.39130 and 0.39130.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.polygons import intersection_over_union
from dmtrack.evaluation.measures.spans import Rows, Spans, filled, polygon_spans, rectangle_spans
from dmtrack.evaluation.measures.trajectory import Regions, as_regions, is_region, number_of_values, to_polygons

Overlaps = NDArray[np.float64]

Rasterizing = Literal["inclusive", "rounded", "exact"]
"""See the table of this module."""

Border = Literal["size", "last-pixel"]
"""Where the image ends for the rule `inclusive`: at pixel number `width`, which is one beyond the image, or at
`width - 1`. PySOT does the former for accuracy and the latter for the expected average overlap."""

_FARTHEST = 1e8
"""Pixels; farther coordinates are as far outside of every image, and would only overflow."""

_ROWS_AT_ONCE = 60_000
"""Rows of pixels per batch: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class OverlapRule:
    """How the overlap of two regions is computed."""

    rasterizing: Rasterizing = "inclusive"
    border: Border = "size"

    def __str__(self) -> str:
        return self.rasterizing


INCLUSIVE = OverlapRule("inclusive", "size")
INCLUSIVE_LAST_PIXEL = OverlapRule("inclusive", "last-pixel")
ROUNDED = OverlapRule("rounded", "last-pixel")
EXACT = OverlapRule("exact", "size")


def region_overlaps(
    rule: OverlapRule, truth: ArrayLike, results: ArrayLike, image_size_wh: tuple[int, int] | None
) -> Overlaps:
    """Overlap of true regions with results, frame by frame.

    Args:
        rule: which of the definitions.
        truth: (frames, columns) true regions, see `trajectory.py`.
        results: (frames, columns) of the tracker.
        image_size_wh: width and height of the frames; None is understood by the rule `exact` alone, and clips nothing.

    Returns:
        (frames,) in [0, 1]; NaN where there is no true region or the result is a special code; 0 where the result is
        no region at all (NaN, infinite).

    Raises:
        EvaluationError: different numbers of frames, or no image size for a rule that needs one.
    """
    truth, results = as_regions(truth), as_regions(results)
    if len(truth) != len(results):
        raise EvaluationError(f"{len(truth)} true regions stand against {len(results)} results; give one per frame")
    limit = _limit(rule, image_size_wh)
    overlaps = np.zeros(len(truth))
    overlaps[~is_region(truth) | (number_of_values(results) == 1)] = np.nan
    compared = is_region(truth) & is_region(results)
    for frames in _alike(truth, results, compared):
        pair = [np.clip(regions[frames], -_FARTHEST, _FARTHEST) for regions in (truth, results)]
        if rule.rasterizing == "exact":
            overlaps[frames] = intersection_over_union(to_polygons(pair[0]), to_polygons(pair[1]), image_size_wh)
            continue
        fill = _Inclusive if rule.rasterizing == "inclusive" else _Rounded
        overlaps[frames] = _rasterized(fill(pair[0]), fill(pair[1]), limit)
    return overlaps


def _limit(rule: OverlapRule, image_size_wh: tuple[int, int] | None) -> NDArray[np.float64]:
    """(2,) number of the last column and row that can be filled."""
    if image_size_wh is None:
        if rule.rasterizing != "exact":
            raise EvaluationError(f"overlaps by the rule {rule.rasterizing!r} need the size of the frames; give it")
        return np.full(2, np.inf)
    beyond = rule.rasterizing == "inclusive" and rule.border == "size"
    return np.array(image_size_wh, dtype=np.float64) - (0 if beyond else 1)


def _alike(truth: Regions, results: Regions, compared: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """Frames in groups in which all true regions are rectangles, or all polygons; likewise the results."""
    kinds = 2 * (number_of_values(truth) == 4) + (number_of_values(results) == 4)
    for kind in range(4):
        frames = np.flatnonzero(compared & (kinds == kind))
        if len(frames):
            yield frames


class _Inclusive:
    """Regions as TraX fills them: corners in float32, rounded, the borders at both sides filled."""

    strict = True

    def __init__(self, regions: Regions) -> None:
        self.rectangular = bool((number_of_values(regions[:1]) == 4).all())
        # Corners are made in float32 too, because that is where left + width is rounded.
        self.corners = _float32_corners(regions)
        low, high = self.corners.min(axis=1), self.corners.max(axis=1)
        self.bounds = np.concatenate([np.floor(low), np.ceil(high)], axis=1).astype(np.float64)

    def spans(
        self, frames: NDArray[np.int64], origin: NDArray[np.float64], rows: Rows, widths: NDArray[np.int64]
    ) -> Spans:
        """Fills the regions of some frames in windows that begin at `origin`."""
        if self.rectangular:
            return rectangle_spans(self.rectangles(frames, origin), rows, widths)
        return polygon_spans(self._whole(frames, origin), rows, widths, tips=False, flat_edges=False)

    def rectangles(self, frames: NDArray[np.int64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
        """(frames, 4) first and last pixel of rectangles, counted from `origin`."""
        whole = self._whole(frames, origin)
        sides = np.concatenate([whole.min(axis=1), whole.max(axis=1)], axis=1)
        # A rectangle of no width has one repeated node per row, one of no height has none: nothing is filled.
        sides[(sides[:, :2] == sides[:, 2:]).any(axis=1)] = (0, 0, -1, -1)
        return sides

    def _whole(self, frames: NDArray[np.int64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
        shifted = (self.corners[frames] - origin[:, None].astype(np.float32)).astype(np.float64)
        return np.trunc(shifted + np.copysign(0.5, shifted))


class _Rounded:
    """Regions as the VOT toolkit fills them: rounded, rectangles from their first to their last pixel."""

    strict = False

    def __init__(self, regions: Regions) -> None:
        rounded = np.round(regions.astype(np.float32)).astype(np.float64)
        self.rectangular = bool((number_of_values(regions[:1]) == 4).all())
        if self.rectangular:
            self.corners = np.stack([rounded[:, :2], rounded[:, :2] + rounded[:, 2:4] - 1], axis=1)
            self.bounds = self.corners.reshape(-1, 4)
        else:
            self.corners = to_polygons(rounded)
            self.bounds = np.concatenate([self.corners.min(axis=1), self.corners.max(axis=1)], axis=1)

    def spans(
        self, frames: NDArray[np.int64], origin: NDArray[np.float64], rows: Rows, widths: NDArray[np.int64]
    ) -> Spans:
        """Fills the regions of some frames in windows that begin at `origin`."""
        if self.rectangular:
            return rectangle_spans(self.rectangles(frames, origin), rows, widths)
        return polygon_spans(self.corners[frames] - origin[:, None], rows, widths, tips=True, flat_edges=True)

    def rectangles(self, frames: NDArray[np.int64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
        """(frames, 4) first and last pixel of rectangles, counted from `origin`."""
        return (self.corners[frames] - origin[:, None]).reshape(-1, 4)


def _rasterized(first: _Inclusive | _Rounded, second: _Inclusive | _Rounded, limit: NDArray[np.float64]) -> Overlaps:
    """(frames,) common pixels over pixels of either, within the image."""
    bounds = [
        np.concatenate([np.maximum(region.bounds[:, :2], 0.0), np.minimum(region.bounds[:, 2:], limit)], axis=1)
        for region in (first, second)
    ]
    origin = np.minimum(bounds[0][:, :2], bounds[1][:, :2])
    size = np.maximum(bounds[0][:, 2:], bounds[1][:, 2:]) - origin + 1
    compared = (size >= 1).all(axis=1)
    # Without common pixels in their bounding boxes there are none at all.
    compared &= (bounds[0][:, :2] <= bounds[1][:, 2:]).all(axis=1) & (bounds[1][:, :2] <= bounds[0][:, 2:]).all(axis=1)
    if first.strict:
        compared &= _comparable(*bounds)
    overlaps = np.zeros(len(origin))
    frames = np.flatnonzero(compared)
    if first.rectangular and second.rectangular:
        rectangles = [region.rectangles(frames, origin[frames]) for region in (first, second)]
        overlaps[frames] = _rectangle_overlaps(rectangles[0], rectangles[1], size[frames] - 1)
        return overlaps
    batch = np.cumsum(size[frames, 1]) // _ROWS_AT_ONCE
    for chunk in np.split(frames, np.flatnonzero(np.diff(batch)) + 1):
        if not len(chunk):
            continue
        windows = size[chunk].astype(np.int64)
        starts = np.cumsum(windows[:, 1]) - windows[:, 1]
        frame = np.repeat(np.arange(len(chunk)), windows[:, 1])
        rows = Rows(frame, np.arange(len(frame)) - starts[frame], starts)
        spans, others = (region.spans(chunk, origin[chunk], rows, windows[:, 0]) for region in (first, second))
        common = filled(spans, rows, others)
        either = filled(spans, rows) + filled(others, rows) - common
        overlaps[chunk] = np.divide(common, either, out=np.zeros(len(common)), where=either > 0)
    return overlaps


def _rectangle_overlaps(first: NDArray[np.float64], second: NDArray[np.float64], last: NDArray[np.float64]) -> Overlaps:
    """(frames,) of rectangles from first to last pixel, in windows whose last pixel is `last`."""
    first, second = (
        np.concatenate([np.maximum(sides[:, :2], 0.0), np.minimum(sides[:, 2:], last)], axis=1)
        for sides in (first, second)
    )
    shared = np.concatenate([np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])], axis=1)
    area, other, common = (
        np.maximum(sides[:, 2:] - sides[:, :2] + 1, 0.0).prod(axis=1) for sides in (first, second, shared)
    )
    either = area + other - common
    return np.divide(common, either, out=np.zeros(len(common)), where=either > 0)


def _comparable(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
    """What TraX compares at all: bounding boxes that share more than a border and are of comparable size."""
    shared = (first[:, :2] < second[:, 2:]).all(axis=1) & (second[:, :2] < first[:, 2:]).all(axis=1)
    area, other = ((bounds[:, 2:] - bounds[:, :2]).prod(axis=1) for bounds in (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        differ = (area / other < 1e-10) | (other / area < 1e-10)
    return np.asarray(shared & ~differ)


def _float32_corners(regions: Regions) -> NDArray[np.float32]:
    if number_of_values(regions[:1])[0] != 4:
        return to_polygons(regions).astype(np.float32)
    left, top, width, height = regions[:, :4].astype(np.float32).T
    right, bottom = left + width, top + height
    return np.stack([np.stack([left, top], axis=1), np.stack([right, bottom], axis=1)], axis=1)

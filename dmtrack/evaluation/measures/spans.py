"""Polygons filled row by row, as the VOT tools do it, for many polygons at once.

A filled polygon is kept as spans: for each row of pixels the first and the last filled pixel of each stretch. Sizes and
intersections follow from spans alone, so that no mask is ever made.

A row of pixels is crossed by the polygon's edges at nodes, which are truncated to whole pixels, sorted, and filled in
pairs, both ends included. A node that repeats stands for a corner on the row; the two tools differ in what they do with
it when it is the last pair of the row: TraX of the time of PySOT leaves it out, so that the single pixel at the tip of
a polygon is lost, and the VOT toolkit fills it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_BEYOND = np.inf
"""Stands where an edge does not cross the row; sorts behind all nodes."""


@dataclass(frozen=True)
class Rows:
    """The rows of pixels in which two regions are compared, of many frames one after the other.

    Attributes:
        frame: (rows,) the frame that each row belongs to, ascending.
        number: (rows,) the row's number, from 0 at the top of the frame's window.
        starts: (frames,) position of each frame's first row. Every frame has at least one row.
    """

    frame: Integers
    number: Integers
    starts: Integers


Spans = list[tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Disjoint stretches of filled pixels per row: the k-th entry has first and last pixels, (rows,) each; empty where the
last is before the first."""


def polygon_spans(
    polygons: NDArray[np.float64], rows: Rows, widths: Integers, *, tips: bool, flat_edges: bool
) -> Spans:
    """Fills polygons whose corners are whole pixels, counted from the corner of their windows.

    Args:
        polygons: (frames, corners, 2) whole numbers; corners may lie outside the window.
        rows: the rows of the windows.
        widths: (frames,) of the windows, at least 1.
        tips: whether a row that is touched in a single pixel is filled there.
        flat_edges: whether the first corner of a horizontal edge counts as a node.
    """
    nodes = _nodes(polygons, rows, flat_edges)
    # Network of neighbour exchanges; for the four nodes of a quadrilateral it is much faster than np.sort.
    count = len(nodes)
    for pass_ in range(count):
        for at in range(pass_ % 2, count - 1, 2):
            low = np.minimum(nodes[at], nodes[at + 1])
            nodes[at + 1] = np.maximum(nodes[at], nodes[at + 1])
            nodes[at] = low
    last_pixel = (widths - 1).astype(np.float64)[rows.frame]
    found = sum((node < _BEYOND).astype(np.int64) for node in nodes)
    next_free = np.zeros(len(rows.frame), dtype=np.int64)
    spans: Spans = []
    filled_until = np.full(len(rows.frame), -1.0)
    for at in range(count - 1):
        free = (next_free == at) & (nodes[at + 1] < _BEYOND)
        if not free.any():
            continue
        repeated = nodes[at] == nodes[at + 1]
        if tips:
            repeated &= at < found - 2
        fills = free & ~repeated
        next_free = np.where(free, np.where(repeated, at + 1, at + 2), next_free)
        first = np.where(fills, np.maximum(nodes[at], filled_until + 1), 0.0)
        last = np.where(fills, np.minimum(nodes[at + 1], last_pixel), -1.0)
        filled_until = np.maximum(filled_until, last)
        spans.append((first, last))
    return _merged(spans)


def rectangle_spans(inclusive_xyxy: NDArray[np.float64], rows: Rows, widths: Integers) -> Spans:
    """Fills rectangles from their first to their last pixel, (frames, 4) counted from the corner of their windows."""
    left, top, right, bottom = (side[rows.frame] for side in inclusive_xyxy.T)
    inside = (rows.number >= top) & (rows.number <= bottom)
    first = np.where(inside, np.maximum(left, 0.0), 0.0)
    last = np.where(inside, np.minimum(right, widths[rows.frame] - 1.0), -1.0)
    return [(first, last)]


def filled(spans: Spans, rows: Rows, others: Spans | None = None) -> Integers:
    """(frames,) number of filled pixels; of those that the others fill, too, where these are given."""
    if others is not None:
        spans = [
            (np.maximum(first, other_first), np.minimum(last, other_last))
            for first, last in spans
            for other_first, other_last in others
        ]
    total = np.zeros(len(rows.frame), dtype=np.int64)
    for first, last in spans:
        total += np.maximum(last - first + 1, 0.0).astype(np.int64)
    return np.asarray(np.add.reduceat(total, rows.starts)) if len(rows.starts) else np.zeros(0, dtype=np.int64)


def _nodes(polygons: NDArray[np.float64], rows: Rows, flat_edges: bool) -> list[NDArray[np.float64]]:
    """One array of nodes per edge."""
    row = rows.number.astype(np.float64)
    nodes = []
    previous = polygons[:, -1]
    for corner in np.moveaxis(polygons, 1, 0):
        (x, y), (x_before, y_before) = corner.T, previous.T
        rise = y_before - y
        flat = rise == 0
        frame = rows.frame
        low, high = np.minimum(y, y_before)[frame], np.maximum(y, y_before)[frame]
        # The order of these operations decides about single pixels: divide first, then multiply, in double precision.
        share = (row - y[frame]) / np.where(flat, 1.0, rise)[frame]
        crossing = np.trunc(x[frame] + share * (x_before - x)[frame])
        crossed = (row >= low) & (row <= high)
        # A corner that repeats the one before it is no edge.
        no_edge = flat if not flat_edges else flat & (x == x_before)
        if no_edge.any():
            crossed &= ~no_edge[frame]
        nodes.append(np.where(crossed, crossing, _BEYOND))
        previous = corner
    return nodes


def _merged(spans: Spans) -> Spans:
    """The same stretches in as few arrays as hold them: nearly all polygons have one stretch per row."""
    merged: Spans = []
    for first, last in spans:
        for index, (held_first, held_last) in enumerate(merged):
            if not ((held_last >= held_first) & (last >= first)).any():
                empty = held_last < held_first
                merged[index] = (np.where(empty, first, held_first), np.where(empty, last, held_last))
                break
        else:
            merged.append((first, last))
    return merged

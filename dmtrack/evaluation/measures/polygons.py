"""Exact areas of polygons and of their intersections, for many polygons at once.

A polygon is cut into the triangles between its first corner and each of its other edges; an area is the signed sum over
the triangles. That holds for every simple polygon, concave ones too, and triangles are clipped edge by edge as
Sutherland and Hodgman do (Reentrant polygon clipping, 1974).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Areas = NDArray[np.float64]


def intersection_over_union(
    first: Points, second: Points, image_size_wh: tuple[float, float] | None = None
) -> NDArray[np.float64]:
    """IoU of pairs of polygons, (frames,) in [0, 1], 0 where both have no area.

    Args:
        first: (frames, corners, 2).
        second: (frames, other corners, 2).
        image_size_wh: where given, both are clipped to [0, width] x [0, height] before.
    """
    pieces, signs = _pieces(first, image_size_wh)
    others, other_signs = _pieces(second, image_size_wh)
    area = np.abs(np.einsum("tf,tf->f", signs, np.stack([_area(*piece) for piece in pieces])))
    other_area = np.abs(np.einsum("tf,tf->f", other_signs, np.stack([_area(*piece) for piece in others])))
    common = np.zeros(len(first))
    clips, clip_signs = _triangles(second)
    for piece, sign in zip(pieces, signs, strict=True):
        for clip, clip_sign in zip(clips, clip_signs, strict=True):
            common += sign * clip_sign * _area(*_clip_to_convex(*piece, clip))
    common = np.clip(np.abs(common), 0.0, np.minimum(area, other_area))
    union = area + other_area - common
    return np.divide(common, union, out=np.zeros_like(union), where=union > 0)


def _triangles(polygons: Points) -> tuple[list[Points], Areas]:
    """Counterclockwise triangles, (frames, 3, 2) each, and (triangles, frames) their orientation in the polygon."""
    triangles, signs = [], []
    for corner in range(1, polygons.shape[1] - 1):
        triangle = polygons[:, [0, corner, corner + 1]]
        sign = np.sign(_cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]))
        triangles.append(np.where((sign < 0)[:, None, None], triangle[:, ::-1], triangle))
        signs.append(sign)
    return triangles, np.stack(signs)


def _pieces(
    polygons: Points, image_size_wh: tuple[float, float] | None
) -> tuple[list[tuple[Points, NDArray[np.int64]]], Areas]:
    """The triangles as convex polygons with their numbers of corners, clipped to the image where it is given."""
    triangles, signs = _triangles(polygons)
    pieces = [(triangle, np.full(len(polygons), 3)) for triangle in triangles]
    if image_size_wh is not None:
        width, height = image_size_wh
        corners = np.array([(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)])
        image = np.broadcast_to(corners, (len(polygons), 4, 2))
        pieces = [_clip_to_convex(*piece, image) for piece in pieces]
    return pieces, signs


def _clip_to_convex(points: Points, count: NDArray[np.int64], clip: Points) -> tuple[Points, NDArray[np.int64]]:
    """What of convex polygons lies inside other convex ones.

    Args:
        points: (frames, corners, 2); of each row, only the first `count` points are corners.
        count: (frames,).
        clip: (frames, other corners, 2) with the inside at the left of each edge as x points right and y up.
    """
    for corner in range(clip.shape[1]):
        start = clip[:, corner]
        direction = clip[:, (corner + 1) % clip.shape[1]] - start
        points, count = _clip_to_half_plane(points, count, start, direction)
    return points, count


def _clip_to_half_plane(
    points: Points, count: NDArray[np.int64], start: Points, direction: Points
) -> tuple[Points, NDArray[np.int64]]:
    frames, corners = points.shape[:2]
    index = np.arange(corners)
    following = np.where(index + 1 < count[:, None], index + 1, 0)
    distance = _cross(direction[:, None], points - start[:, None])
    distance_after = np.take_along_axis(distance, following, axis=1)
    after = np.take_along_axis(points, following[..., None], axis=1)
    used = index < count[:, None]
    inside = distance >= 0
    crosses = inside != (distance_after >= 0)
    span = np.where(crosses, distance - distance_after, 1.0)
    crossing = points + (distance / span)[..., None] * (after - points)
    kept = np.stack([used & inside, used & crosses], axis=2).reshape(frames, 2 * corners)
    candidates = np.stack([points, crossing], axis=2).reshape(frames, 2 * corners, 2)
    position = np.cumsum(kept, axis=1) - 1
    count = kept.sum(axis=1)
    result = np.zeros((frames, max(int(count.max(initial=0)), 1), 2))
    frame, column = np.nonzero(kept)
    result[frame, position[frame, column]] = candidates[frame, column]
    return result, count


def _area(points: Points, count: NDArray[np.int64]) -> Areas:
    """(frames,) of convex polygons, by the shoelace formula around their first corner."""
    used = np.arange(points.shape[1]) < count[:, None]
    spokes = np.where(used[..., None], points - points[:, :1], 0.0)
    return np.asarray(np.abs(_cross(spokes[:, :-1], spokes[:, 1:]).sum(axis=1)) / 2)


def _cross(first: Points, second: Points) -> NDArray[np.float64]:
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])

"""Views of one background: which part of it each of two cameras sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image

SizeWH = tuple[int, int]


@dataclass(frozen=True)
class Camera:
    """An affine camera.

    Attributes:
        centre_xy: background pixel in the middle of the view.
        scale: view pixels per background pixel.
        angle: rotation in radians.
        aspect: horizontal stretch over vertical stretch.
        mirrored: left and right swapped.
    """

    centre_xy: tuple[float, float]
    scale: float
    angle: float = 0.0
    aspect: float = 1.0
    mirrored: bool = False

    def matrix(self, size_wh: SizeWH) -> NDArray[np.float64]:
        """(2, 3) from continuous background coordinates to continuous view coordinates."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        sign = -1.0 if self.mirrored else 1.0
        stretch = np.diag([sign * self.aspect**0.5, self.aspect**-0.5])
        linear = self.scale * np.array([[cosine, -sine], [sine, cosine]]) @ stretch
        shift = np.array(size_wh) / 2 - linear @ np.array(self.centre_xy)
        return np.column_stack([linear, shift])

    def project_boxes(self, boxes_xyxy: NDArray[np.float64], size_wh: SizeWH) -> NDArray[np.float64]:
        """Background boxes (n, 4) in the view: the boxes around the projected inscribed ellipses, not clipped.

        A rotated box's corners would give too large a box, because few things fill the corners of theirs.
        """
        matrix = self.matrix(size_wh)
        centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
        half = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2
        reach = np.sqrt((half**2) @ (matrix[:, :2] ** 2).T)
        return np.concatenate([centres - reach, centres + reach], axis=1)

    def render(self, background: Image, size_wh: SizeWH) -> Image:
        """The view of a background, mirrored beyond its edges."""
        matrix = self.matrix(size_wh)
        if self.scale < 0.6:  # shrink by area first: bilinear sampling would alias
            height, width = background.shape[:2]
            factor = self.scale * 1.15
            small_wh = (max(2, round(width * factor)), max(2, round(height * factor)))
            background = np.asarray(cv2.resize(background, small_wh, interpolation=cv2.INTER_AREA))
            matrix = matrix @ np.diag([width / small_wh[0], height / small_wh[1], 1.0])
        # From continuous coordinates to OpenCV's, in which the first pixel's centre is 0.
        matrix = matrix.copy()
        matrix[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
        return np.asarray(cv2.warpAffine(background, matrix, size_wh, borderMode=cv2.BORDER_REFLECT_101))


def keep_inside(
    centre_xy: tuple[float, float], scale: float, background_wh: SizeWH, size_wh: SizeWH
) -> tuple[float, float]:
    """The nearest centre from which an unrotated view sees nothing beyond the background, where it fits at all."""
    centre = []
    for value, length, view in zip(centre_xy, background_wh, size_wh, strict=True):
        half = view / scale / 2
        centre.append(length / 2 if 2 * half >= length else float(np.clip(value, half, length - half)))
    return centre[0], centre[1]


def covering_scale(background_wh: SizeWH, size_wh: SizeWH) -> float:
    """The smallest scale at which the background covers the view."""
    return max(size_wh[0] / background_wh[0], size_wh[1] / background_wh[1])


def camera_pair(
    rng: np.random.Generator,
    background_wh: SizeWH,
    size_wh: SizeWH,
    focus_xy: tuple[float, float],
    scale: float,
    largest_zoom: float = 0.45,
) -> tuple[Camera, Camera]:
    """Two cameras on one background, alike or very different.

    Args:
        rng: source of all randomness.
        background_wh: size of the background.
        size_wh: size of both views.
        focus_xy: background point that both see near their middle.
        scale: view pixels per background pixel around which both zoom.
        largest_zoom: natural logarithm of the strongest zoom in or out, each.
    """
    smallest = covering_scale(background_wh, size_wh)
    change = rng.uniform(0.15, 1.0)
    mirrored = bool(rng.random() < 0.5)
    aspect = float(np.exp(rng.normal(0, 0.08)))
    cameras = []
    for _ in range(2):
        own_scale = max(scale * np.exp(change * rng.uniform(-largest_zoom, largest_zoom)), smallest)
        shift = change * rng.uniform(-0.35, 0.35, 2) * size_wh / own_scale
        wanted = (focus_xy[0] + float(shift[0]), focus_xy[1] + float(shift[1]))
        centre = keep_inside(wanted, own_scale, background_wh, size_wh)
        angle = change * rng.normal(0, 0.30 if rng.random() < 0.15 else 0.07)
        own_aspect = aspect * float(np.exp(change * rng.normal(0, 0.06)))
        cameras.append(Camera(centre, float(own_scale), float(angle), own_aspect, mirrored))
    return cameras[0], cameras[1]

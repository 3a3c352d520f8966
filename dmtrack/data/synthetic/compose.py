"""Drawing patches into a view, and reading from the view what is visible of each."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.patches import Patch, clear_margin, tight_box

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Placement:
    """Where and how a patch appears in a view.

    Attributes:
        centre_xy: of the patch, in view pixels.
        scale: view pixels per patch pixel.
        angle: rotation in radians, clockwise on the screen.
        aspect: width is multiplied and height divided by the square root of it.
        shear: horizontal shift per vertical pixel.
        elastic: (4, 4, 2) shifts of a control grid as shares of the patch's size, or None.
        light: lookup table (1, 256, 3) uint8 for the colours, or None.
        blur: length of motion blur in view pixels (0: none), with `blur_angle` in radians.
        blur_angle: direction of the motion blur.
    """

    centre_xy: tuple[float, float]
    scale: float = 1.0
    angle: float = 0.0
    aspect: float = 1.0
    shear: float = 0.0
    elastic: NDArray[np.float32] | None = None
    light: NDArray[np.uint8] | None = None
    blur: float = 0.0
    blur_angle: float = 0.0

    def matrix(self) -> Matrix:
        """(2, 2) from patch pixels around the centre to view pixels."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        stretch = np.diag([self.aspect**0.5, self.aspect**-0.5]) @ np.array([[1.0, self.shear], [0.0, 1.0]])
        return np.asarray(self.scale * np.array([[cosine, -sine], [sine, cosine]]) @ stretch)


def motion_kernel(length: float, angle: float) -> NDArray[np.float32]:
    """A normalised line kernel of odd size for motion blur over `length` pixels."""
    size = max(3, int(np.ceil(length)) | 1)
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * (length / 2)
    first = np.rint((middle - reach) * 16).astype(int)
    last = np.rint((middle + reach) * 16).astype(int)
    cv2.line(kernel, (int(first[0]), int(first[1])), (int(last[0]), int(last[1])), 1.0, 1, cv2.LINE_AA, shift=4)
    kernel[middle, middle] = max(kernel[middle, middle], 1.0)
    return np.asarray(kernel / kernel.sum())


def warp_patch(
    patch: Patch, placement: Placement, size_wh: tuple[int, int]
) -> tuple[NDArray[np.uint8], int, int] | None:
    """The patch as a view of `size_wh` shows it.

    Returns:
        (RGBA window, left, top) of the part inside the view, or None where there is none.
    """
    rgba = patch.rgba
    matrix = placement.matrix()
    if placement.scale < 0.7:  # shrink by area first: bilinear sampling would alias
        height, width = rgba.shape[:2]
        small_wh = (max(3, round(width * placement.scale)), max(3, round(height * placement.scale)))
        matrix = matrix @ np.diag([width / small_wh[0], height / small_wh[1]])
        rgba = cv2.resize(rgba, small_wh, interpolation=cv2.INTER_AREA)
        rgba = cv2.copyMakeBorder(rgba, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        clear_margin(rgba, 1)
    height, width = rgba.shape[:2]
    reach = np.abs(matrix) @ np.array([width / 2, height / 2])
    if placement.elastic is not None:
        reach = reach * (1 + 1.2 * float(np.abs(placement.elastic).max()))
    reach = reach + placement.blur + 1
    centre = np.asarray(placement.centre_xy)
    left, top = np.floor(np.maximum(centre - reach, 0)).astype(int).tolist()
    right, bottom = np.ceil(np.minimum(centre + reach, size_wh)).astype(int).tolist()
    if right - left < 1 or bottom - top < 1:
        return None
    inverse = np.linalg.inv(matrix)
    # Pixel (x, y) of the view covers [x, x + 1); its centre is x + .5, and pixel i of the patch is centred at i + .5.
    x = np.arange(left, right, dtype=np.float32) + np.float32(0.5 - centre[0])
    y = np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - centre[1])
    inverse32 = inverse.astype(np.float32)
    map_x = (inverse32[0, 1] * y + np.float32(width / 2 - 0.5))[:, None] + (inverse32[0, 0] * x)[None, :]
    map_y = (inverse32[1, 1] * y + np.float32(height / 2 - 0.5))[:, None] + (inverse32[1, 0] * x)[None, :]
    if placement.elastic is not None:
        shift = _elastic_shift(placement.elastic, centre, reach, (left, top, right, bottom))
        map_x += shift[..., 0] * np.float32(width)
        map_y += shift[..., 1] * np.float32(height)
    warped = cv2.remap(rgba, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if placement.light is not None:
        warped[..., :3] = cv2.LUT(np.ascontiguousarray(warped[..., :3]), placement.light)
    if placement.blur >= 1.5:
        kernel = motion_kernel(placement.blur, placement.blur_angle)
        warped = cv2.filter2D(warped, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(warped), left, top


def _elastic_shift(
    elastic: NDArray[np.float32], centre: NDArray[np.float64], reach: NDArray[np.float64], window: tuple[int, ...]
) -> NDArray[np.float32]:
    """The 4x4 grid of shifts, spread over the patch's reach, upsampled to the window of view pixels."""
    left, top, right, bottom = window
    # 3 grid intervals over twice the reach, so that the field stays the same when the view clips the window.
    step_x, step_y = 3.0 / (2 * reach[0]), 3.0 / (2 * reach[1])
    transform = np.array(
        [
            [step_x, 0, (left + 0.5 - (centre[0] - reach[0])) * step_x],
            [0, step_y, (top + 0.5 - (centre[1] - reach[1])) * step_y],
        ]
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = (right - left, bottom - top)
    return np.asarray(cv2.warpAffine(elastic, transform, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


class Canvas:
    """A view being drawn back to front, which knows for every pixel what it shows.

    Attributes:
        image: (height, width, 3) uint8 RGB, or None when only visibility is wanted.
        owner: (height, width) int16, the number of the thing shown; 0 is the background.
    """

    def __init__(self, image: Image | None, size_wh: tuple[int, int]) -> None:
        self.image = image
        self.size_wh = size_wh
        self.owner = np.zeros((size_wh[1], size_wh[0]), np.int16)

    def draw(self, patch: Patch, placement: Placement, number: int) -> None:
        """Draws a patch over what is there; `number` (not 0) identifies it in `owner`."""
        warped = warp_patch(patch, placement, self.size_wh)
        if warped is None:
            return
        rgba, left, top = warped
        height, width = rgba.shape[:2]
        window = np.s_[top : top + height, left : left + width]
        alpha = np.ascontiguousarray(rgba[..., 3])
        self.owner[window][alpha > 127] = number
        if self.image is not None:
            region = np.ascontiguousarray(self.image[window])
            weight = alpha.astype(np.float32) * np.float32(1 / 255)
            self.image[window] = cv2.blendLinear(np.ascontiguousarray(rgba[..., :3]), region, weight, 1 - weight)

    def visible(self, number: int) -> tuple[int, tuple[int, int, int, int] | None]:
        """Pixels that a thing shows, and their tight box (left, top, right, bottom), right and bottom exclusive."""
        mask = (self.owner == number).view(np.uint8)
        return int(cv2.countNonZero(mask)), tight_box(mask)

    def visible_background(self, box_xyxy: NDArray[np.float64]) -> tuple[float, tuple[float, ...] | None]:
        """Of a box of the background: the share not covered by drawn things, and the box around what is uncovered.

        The box must lie in the view. Rows and columns that are covered from side to side are cut off its edges.
        """
        left, top = np.floor(box_xyxy[:2]).astype(int)
        right, bottom = np.ceil(box_xyxy[2:]).astype(int)
        free = (self.owner[top:bottom, left:right] == 0).view(np.uint8)
        box = tight_box(free)
        if box is None:
            return 0.0, None
        low, high = np.array([left, top]) + box[:2], np.array([left, top]) + box[2:]
        clipped = (*np.maximum(low, box_xyxy[:2]).tolist(), *np.minimum(high, box_xyxy[2:]).tolist())
        return float(cv2.countNonZero(free)) / free.size, clipped

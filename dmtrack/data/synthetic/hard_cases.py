"""What trackers fail on, for training pairs: things that turn, bend, show in part, stand in crowds; night, shake."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.config import Share
from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.compose import motion_kernel
from dmtrack.data.synthetic.effects import add_noise, compress, light_table
from dmtrack.data.synthetic.patches import MARGIN, Patch, make_patch
from dmtrack.data.synthetic.real_images import Photo

PART_SIZE = (0.4, 1.0)
"""Width and height of a part in those of the thing; one of the two is at most `NOT_WHOLE`."""
NOT_WHOLE = 0.7
PART_AT_BORDER = 0.5
"""How often a part reaches to a border of the thing, in either direction."""
SAME_SHAPE = 0.15
"""By so much the logarithms of width : height of the two views of a thing may differ for a part of it."""

TwoBoxes = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class HardCases:
    """How often each happens, from 0 (never; nothing is drawn for it) to 1.

    Attributes:
        turning: a thing turns out of the picture's plane between the two views, or about its own upright axis.
        bending: a thing bends far between the two views.
        cut_off: one view shows but a part of a thing.
        far: a photograph, or both moments of a clip, is seen from afar, set into another photograph.
        tiny: a thing is at most twice as large as the smallest target.
        crowd: a thing stands among many that look almost like it.
        night: both views are dark and noisy.
        shake: a view is blurred along a line.
        codec: both views have few pixels and strong compression.
    """

    turning: Share = 0.0
    bending: Share = 0.0
    cut_off: Share = 0.0
    far: Share = 0.0
    tiny: Share = 0.0
    crowd: Share = 0.0
    night: Share = 0.0
    shake: Share = 0.0
    codec: Share = 0.0

    def seen_again(self, rng: np.random.Generator, patch: Patch) -> Patch:
        """The same thing in the other view."""
        for share, change in ((self.turning, turned), (self.bending, bent), (self.cut_off, without_a_side)):
            if share and rng.random() < share:
                patch = change(rng, patch)
        return patch

    def camera_effects(self, rng: np.random.Generator, images: list[Image]) -> list[Image]:
        """Both views as a poor camera shows them.

        Args:
            rng: source of all randomness.
            images: the two views, HxWx3 uint8 RGB; the list is changed.
        """
        if self.shake:
            for view in (0, 1):
                if rng.random() < self.shake:
                    kernel = motion_kernel(float(rng.uniform(4, 22)), float(rng.uniform(0, np.pi)))
                    blurred = cv2.filter2D(images[view], -1, kernel, borderType=cv2.BORDER_REFLECT_101)
                    images[view] = np.asarray(blurred)
        if self.night and rng.random() < self.night:
            gain, noise = float(rng.uniform(0.12, 0.5)), float(rng.uniform(2, 14))
            images = [_dark(rng, image, gain, noise) for image in images]
        if self.codec and rng.random() < self.codec:
            factor, quality = float(rng.uniform(1.0, 2.5)), int(rng.integers(8, 45))
            images = [_compressed(image, factor, quality) for image in images]
        return images


def set_into(rng: np.random.Generator, photos: tuple[Photo, ...], surroundings: Image) -> tuple[Photo, ...]:
    """Photographs of one size, all at one place of an image 1.5 to 3 times as wide and high; their own pixels stay."""
    height, width = photos[0].image.shape[:2]
    factor = float(rng.uniform(1.5, 3.0))
    wide_wh = (round(width * factor), round(height * factor))
    left, top = (int(rng.integers(outer - inner + 1)) for outer, inner in zip(wide_wh, (width, height), strict=True))
    around = cv2.resize(surroundings, wide_wh, interpolation=cv2.INTER_LINEAR)
    margins = (top, wide_wh[1] - height - top, left, wide_wh[0] - width - left)
    placed, shift = [], np.array([left, top, left, top])
    for photo in photos:
        image = around.copy()
        image[top : top + height, left : left + width] = photo.image
        masks = tuple(
            None if mask is None else np.asarray(cv2.copyMakeBorder(mask, *margins, cv2.BORDER_CONSTANT, value=(0,)))
            for mask in photo.masks
        )
        placed.append(replace(photo, image=image, boxes_xyxy=photo.boxes_xyxy + shift, masks=masks))
    return tuple(placed)


def perhaps_a_part(rng: np.random.Generator, boxes_xyxy: TwoBoxes, share: float, smallest: float) -> TwoBoxes:
    """A target in two views, or the same part of it in both.

    Args:
        rng: source of all randomness.
        boxes_xyxy: of the whole thing in the two views, (4,) each.
        share: how often it is a part, in [0, 1].
        smallest: square root of the area of the smallest part, in pixels; what is smaller shows too little.
    """
    part = same_part(rng, boxes_xyxy) if rng.random() < share else None
    if part is None or min(float(np.prod(box[2:] - box[:2])) for box in part) < smallest**2:
        return boxes_xyxy
    return part


def same_part(rng: np.random.Generator, boxes_xyxy: TwoBoxes) -> TwoBoxes | None:
    """The boxes of a random part of a thing in two views, (4,) each, from those of the whole.

    None where the views differ too much in shape (it turned, or something hides half of it): a share of one box is
    not the same share of the other then.
    """
    first, second = (np.log((box[2] - box[0]) / (box[3] - box[1])) for box in boxes_xyxy)
    if abs(first - second) > SAME_SHAPE:
        return None
    size = rng.uniform(*PART_SIZE, 2)
    size[int(rng.integers(2))] = rng.uniform(PART_SIZE[0], NOT_WHOLE)
    start = rng.uniform(0.0, 1.0, 2)
    start = np.where(rng.random(2) < PART_AT_BORDER, np.round(start), start) * (1.0 - size)
    shares = np.concatenate([start, start + size])
    one, other = (np.tile(box[:2], 2) + shares * np.tile(box[2:] - box[:2], 2) for box in boxes_xyxy)
    return one, other


def turned(rng: np.random.Generator, patch: Patch) -> Patch:
    """A thing turned by up to 65 degrees: a flat one foreshortened, or a round one whose surface slides along.

    What comes into sight of a round thing is the mirror image of what is beside it: most things are symmetric.
    """
    height, width = patch.rgba.shape[:2]
    angle = float(rng.uniform(0.35, 1.13)) * (1 if rng.random() < 0.5 else -1)
    if rng.random() < 0.5:
        across = (np.arange(width) + 0.5) / width * 2 - 1
        surface = np.arcsin(np.clip(across, -1, 1)) + angle
        # Beyond the edge of what was seen its mirror image goes on.
        source = (np.sin(surface) + 1) / 2 * width - 0.5
        columns = np.broadcast_to(source.astype(np.float32), (height, width))
        rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width))
        rgb = cv2.remap(
            np.ascontiguousarray(patch.rgb), columns, rows.copy(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        return _patch_or(patch, np.asarray(rgb), np.ascontiguousarray(patch.alpha))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    middle = np.array([width, height]) / 2
    offsets = corners - middle
    axis = 0 if rng.random() < 0.75 else 1  # mostly about an upright axis, as what stands on the ground does
    depth = offsets[:, axis] / middle[axis] * np.sin(angle)
    nearer = 1 / (1 + float(rng.uniform(0.1, 0.45)) * depth)
    offsets[:, axis] *= np.cos(angle)
    seen = (offsets * nearer[:, None]).astype(np.float32)
    seen -= seen.min(axis=0)
    size_wh = np.maximum(np.ceil(seen.max(axis=0)), 3).astype(int)
    matrix = cv2.getPerspectiveTransform(corners, seen)
    rgb = cv2.warpPerspective(patch.rgb, matrix, size_wh.tolist(), borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(patch.alpha, matrix, size_wh.tolist())
    return _patch_or(patch, np.asarray(rgb), np.asarray(alpha))


def bent(rng: np.random.Generator, patch: Patch) -> Patch:
    """A thing whose parts are shifted by up to a third of its size, smoothly, the outline with them."""
    height, width = patch.rgba.shape[:2]
    border = round(0.3 * max(height, width))
    rgba = cv2.copyMakeBorder(patch.rgba, border, border, border, border, cv2.BORDER_REPLICATE)
    rgba[..., 3] = cv2.copyMakeBorder(
        np.ascontiguousarray(patch.alpha), border, border, border, border, cv2.BORDER_CONSTANT, value=(0,)
    )
    wide_wh = (width + 2 * border, height + 2 * border)
    shifts = rng.normal(0, rng.uniform(0.04, 0.12), (2, 4, 4)).astype(np.float32)
    shifts *= np.float32(np.sqrt(width * height))
    map_x = cv2.resize(shifts[0], wide_wh, interpolation=cv2.INTER_CUBIC) + np.arange(wide_wh[0], dtype=np.float32)
    map_y = cv2.resize(shifts[1], wide_wh, interpolation=cv2.INTER_CUBIC)
    map_y += np.arange(wide_wh[1], dtype=np.float32)[:, None]
    rgba = cv2.remap(rgba, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _patch_or(patch, np.asarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))


def without_a_side(rng: np.random.Generator, patch: Patch) -> Patch:
    """A thing of which one side, up to half of it, is not seen."""
    alpha = patch.alpha.copy()
    height, width = alpha.shape
    hidden = rng.uniform(0.2, 0.5)
    side = int(rng.integers(4))
    rows, columns = round(hidden * (height - 2 * MARGIN)) + MARGIN, round(hidden * (width - 2 * MARGIN)) + MARGIN
    window = (np.s_[:rows], np.s_[height - rows :], np.s_[:, :columns], np.s_[:, width - columns :])[side]
    alpha[window] = 0
    return _patch_or(patch, np.ascontiguousarray(patch.rgb), alpha)


def _patch_or(patch: Patch, rgb: Image, alpha: NDArray[np.uint8]) -> Patch:
    """The changed patch, or the former one where too little of it is left to be recognised."""
    changed = make_patch(rgb, alpha)
    return patch if changed is None or changed.area < 0.15 * patch.area else changed


def _dark(rng: np.random.Generator, image: Image, gain: float, noise: float) -> Image:
    cast = np.exp(rng.normal(0, 0.12, 3))
    table = light_table(
        gain * float(rng.uniform(0.8, 1.2)), float(rng.uniform(0, 20)), float(rng.uniform(1, 1.6)), cast
    )
    return add_noise(rng, np.asarray(cv2.LUT(image, table)), noise)


def _compressed(image: Image, factor: float, quality: int) -> Image:
    height, width = image.shape[:2]
    small = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(compress(np.asarray(small), quality), (width, height)))

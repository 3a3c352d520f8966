"""Things to paste into scenes: procedural shapes, and soft-edged cut-outs of photographs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.patches import Patch, make_patch
from dmtrack.data.synthetic.real_images import Photo, RealImages
from dmtrack.data.synthetic.textures import random_colour, texture

Mask = NDArray[np.uint8]

LARGEST_PATCH = 200
"""Longest side of a patch in pixels; larger objects are upsampled when drawn."""


def superellipse_mask(rng: np.random.Generator, height: int, width: int, softness: float = 1.0) -> Mask:
    """A superellipse (between an ellipse and a box) with a wavy, soft edge that fills the array.

    Args:
        rng: source of all randomness.
        height: of the mask, in pixels.
        width: of the mask, in pixels.
        softness: width of the edge in pixels.
    """
    exponent = rng.uniform(1.8, 5.0)
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    cosine, sine = np.cos(angles), np.sin(angles)
    radius = (np.abs(cosine) ** exponent + np.abs(sine) ** exponent) ** (-1.0 / exponent)
    for wave in range(2, 6):
        radius = radius * (1 + rng.normal(0, 0.10 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi)))
    return _fill(np.stack([radius * cosine, radius * sine], axis=1), height, width, softness)


def polygon_mask(rng: np.random.Generator, height: int, width: int) -> Mask:
    """A random polygon, star-shaped around its centre."""
    corners = int(rng.integers(3, 10))
    angles = np.sort((np.arange(corners) + rng.uniform(-0.35, 0.35, corners)) * 2 * np.pi / corners)
    radius = rng.uniform(0.45, 1.0, corners)
    return _fill(np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1), height, width, 1.0)


def blob_mask(rng: np.random.Generator, height: int, width: int) -> Mask:
    """A smooth closed curve."""
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = np.ones_like(angles)
    for wave in range(1, 7):
        radius += rng.normal(0, 0.35 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radius = np.maximum(radius, 0.15)
    return _fill(np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1), height, width, 1.0)


def _fill(points: NDArray[np.float64], height: int, width: int, softness: float) -> Mask:
    low, high = points.min(0), points.max(0)
    inner = np.array([width, height]) - 1 - min(softness, 0.2 * min(width, height))
    offset = (np.array([width, height]) - 1 - inner) / 2
    points = (points - low) / (high - low) * inner + offset
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    if softness > 1.5:
        size = int(softness) | 1
        mask = cv2.GaussianBlur(mask, (size, size), 0)
    return np.asarray(mask)


def _shade(rng: np.random.Generator, rgb: Image, mask: Mask) -> Image:
    """Light from one side and a darker rim, so that shapes do not look flat."""
    height, width = mask.shape
    ramp = cv2.resize(rng.uniform(0.65, 1.25, (2, 2)).astype(np.float32), (width, height))
    if rng.random() < 0.5:
        blurred = cv2.blur(mask, (2 * (width // 8) + 1, 2 * (height // 8) + 1), borderType=cv2.BORDER_CONSTANT)
        ramp = ramp * (np.float32(0.45) + blurred.astype(np.float32) * np.float32(0.55 / 255))
    return np.asarray(cv2.convertScaleAbs(rgb * ramp[..., None]))


def _parts(rng: np.random.Generator, height: int, width: int) -> tuple[Image, Mask]:
    """Several overlapping parts of different colours, as bodies with heads and limbs or vehicles have."""
    rgb = texture(rng, height, width)
    mask = np.zeros((height, width), np.uint8)
    upright = rng.random() < 0.5
    count = int(rng.integers(2, 6))
    for part in range(count):
        along = (part + 0.5) / count + rng.normal(0, 0.06)
        across = 0.5 + rng.normal(0, 0.09)
        long_side, short_side = rng.uniform(1.2, 1.8) / count, rng.uniform(0.25, 0.95)
        x, y, part_width, part_height = (
            (across, along, short_side, long_side) if upright else (along, across, long_side, short_side)
        )
        size_wh = max(4, int(part_width * width)), max(4, int(part_height * height))
        left = int(np.clip(x * width - size_wh[0] / 2, 0, max(0, width - size_wh[0])))
        top = int(np.clip(y * height - size_wh[1] / 2, 0, max(0, height - size_wh[1])))
        window = np.s_[top : min(height, top + size_wh[1]), left : min(width, left + size_wh[0])]
        part_mask = superellipse_mask(rng, *mask[window].shape)
        if rng.random() < 0.5:
            colour = texture(rng, part_mask.shape[0], part_mask.shape[1], int(rng.integers(0, 3)))
        else:
            colour = np.broadcast_to(random_colour(rng).astype(np.uint8), (*part_mask.shape, 3))
        inside = part_mask > 127
        rgb[window][inside] = colour[inside]
        mask[window] = np.maximum(mask[window], part_mask)
    return rgb, mask


def procedural_object(rng: np.random.Generator, size: float) -> Patch:
    """A random thing: a textured polygon, blob or superellipse, or several parts.

    Args:
        rng: source of all randomness.
        size: square root of the area of its box, in pixels.
    """
    aspect = float(np.exp(rng.normal(0, 0.45)))
    limit = LARGEST_PATCH / max(size * aspect**0.5, size * aspect**-0.5)
    size *= min(1.0, limit)
    width, height = max(10, round(size * aspect**0.5)), max(10, round(size * aspect**-0.5))
    if rng.random() < 0.45:
        rgb, mask = _parts(rng, height, width)
    else:
        draw = (superellipse_mask, polygon_mask, blob_mask, blob_mask)[int(rng.integers(4))]
        rgb, mask = texture(rng, height, width, int(rng.integers(0, 7))), draw(rng, height, width)
    patch = make_patch(_shade(rng, rgb, mask), mask)
    if patch is None:  # an outline thinner than a pixel
        patch = make_patch(rgb, np.full((height, width), 255, np.uint8))
    assert patch is not None
    return patch


def cut_out(rng: np.random.Generator, photo: Photo, row: int, size: float) -> Patch | None:
    """An object of a photograph, along its outline where that is known; else soft-edged, by a shape in its box.

    Args:
        rng: source of all randomness.
        photo: where it is.
        row: of the object in `photo`.
        size: square root of the wanted area of its box, in pixels; photographs are never upsampled here.

    Returns:
        The patch, or None where the box holds too few pixels.
    """
    box_xyxy, mask = photo.boxes_xyxy[row], photo.masks[row]
    left, top = np.floor(np.maximum(box_xyxy[:2], 0)).astype(int)
    right, bottom = np.ceil(np.minimum(box_xyxy[2:], photo.image.shape[1::-1])).astype(int)
    width, height = right - left, bottom - top
    if min(width, height) < 8:
        return None
    factor = min(1.0, size / float(np.sqrt(width * height)), LARGEST_PATCH / max(width, height))
    target_wh = (max(8, round(width * factor)), max(8, round(height * factor)))
    rgb = photo.image[top:bottom, left:right]
    rgb = cv2.resize(rgb, target_wh, interpolation=cv2.INTER_AREA) if factor < 1 else rgb.copy()
    if mask is not None:
        alpha = mask[top:bottom, left:right]
        alpha = np.asarray(cv2.resize(alpha, target_wh, interpolation=cv2.INTER_AREA) if factor < 1 else alpha)
        return make_patch(np.asarray(rgb), cv2.blur(alpha, (3, 3)))
    softness = float(rng.uniform(0.5, 0.06 * min(target_wh) + 1.5))
    return make_patch(np.asarray(rgb), superellipse_mask(rng, target_wh[1], target_wh[0], softness))


def random_object(rng: np.random.Generator, photos: RealImages | None, cut_out_share: float, size: float) -> Patch:
    """A thing of about `size` pixels: a cut-out of an annotated object of a photograph, or a procedural one.

    Args:
        rng: source of all randomness.
        photos: what to cut from; of each, one of the larger annotated objects where there are any. None: never.
        cut_out_share: how often a thing is cut out, where there are photographs.
        size: square root of the wanted area of its box, in pixels.
    """
    if photos is not None and rng.random() < cut_out_share:
        photo = photos.sample(rng)
        sides = (photo.boxes_xyxy[:, 2:] - photo.boxes_xyxy[:, :2]).min(axis=1)
        large = np.flatnonzero(sides >= min(24.0, float(sides.max())))
        patch = cut_out(rng, photo, int(large[rng.integers(len(large))]), size)
        if patch is not None:
            return patch
    return procedural_object(rng, size)

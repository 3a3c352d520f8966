"""Look-alikes of an object, with a controlled similarity."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.patches import Patch, make_patch
from dmtrack.data.synthetic.textures import noise_field, texture


def _recoloured(rng: np.random.Generator, rgb: Image, strength: float) -> Image:
    """Colours mixed by a random matrix; `strength` 0 leaves them, 1 turns them into others."""
    order = rng.permutation(3)
    far = np.eye(3)[order] * rng.uniform(0.4, 1.5, 3)[:, None] + rng.normal(0, 0.15, (3, 3))
    matrix = (1 - strength) * np.eye(3) + strength * far
    offset = strength * rng.normal(0, 45, 3)
    if strength > 0.5 and rng.random() < 0.3:
        matrix, offset = -matrix, offset + 255
    return np.asarray(cv2.transform(rgb, np.column_stack([matrix, offset]).astype(np.float32)))


def _partly_retextured(rng: np.random.Generator, rgb: Image, strength: float) -> Image:
    """A share `strength` of the surface, in connected regions, replaced by another texture."""
    height, width = rgb.shape[:2]
    field = noise_field(rng, height, width)
    region = field < np.quantile(field, strength)
    other = texture(rng, height, width, details=int(rng.integers(0, 4)))
    result = rgb.copy()
    result[region] = other[region]
    return result


def _retextured(rng: np.random.Generator, rgb: Image, strength: float) -> Image:
    """Another texture blended over the surface."""
    other = texture(rng, rgb.shape[0], rgb.shape[1], int(rng.integers(0, 6)))
    return np.asarray(cv2.addWeighted(rgb, 1 - strength, other, strength, 0))


def _reshaped(rng: np.random.Generator, alpha: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """The outline bent elastically by up to a fifth of its size."""
    height, width = alpha.shape
    reach = 0.10 * strength * min(height, width)
    shifts = rng.normal(0, reach, (2, 4, 4)).astype(np.float32)
    map_x = cv2.resize(shifts[0], (width, height)) + np.arange(width, dtype=np.float32)[None, :]
    map_y = cv2.resize(shifts[1], (width, height)) + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(alpha, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))


def look_alike(rng: np.random.Generator, patch: Patch, similarity: float) -> Patch:
    """Another thing, about as large, that looks like `patch`: recoloured, partly re-textured, or its shape re-textured.

    Args:
        rng: source of all randomness.
        patch: what to imitate.
        similarity: 1 gives a copy, 0 a thing of the same shape and size with nothing else in common.
    """
    strength = float(np.clip(1.0 - similarity, 0.0, 1.0))
    if strength == 0.0:
        return patch
    change = (_recoloured, _partly_retextured, _retextured)[int(rng.integers(3))]
    rgb = change(rng, np.ascontiguousarray(patch.rgb), strength)
    changed = make_patch(rgb, _reshaped(rng, np.ascontiguousarray(patch.alpha), strength))
    return patch if changed is None else changed

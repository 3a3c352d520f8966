"""Procedural textures: scalar fields (noise, stripes, checks, cells...) coloured by a random palette."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image

Field = NDArray[np.uint8]


def random_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """An RGB colour in [0, 255]; grayish ones are as frequent as in photographs, not as in a colour cube."""
    value = rng.uniform(20, 245)
    saturation = float(rng.beta(1.2, 2.2)) if rng.random() < 0.75 else float(rng.uniform(0.5, 1.0))
    hue = rng.random() * 6.0
    offsets = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0, 0.0, 1.0)
    return np.asarray(value * (1.0 - saturation * (1.0 - offsets)))


def random_palette(rng: np.random.Generator, colours: int) -> NDArray[np.float64]:
    """(colours, 3) RGB colours in [0, 255], half of the time variations of one."""
    first = random_colour(rng)
    if rng.random() < 0.5:
        spread = rng.uniform(8, 60)
        rows = [first, *(first + rng.normal(0, spread) + rng.normal(0, 0.4 * spread, 3) for _ in range(colours - 1))]
        return np.clip(np.stack(rows), 0, 255)
    return np.stack([first, *(random_colour(rng) for _ in range(colours - 1))])


def colourise(field: Field, palette: NDArray[np.float64], hard: bool) -> Image:
    """Colours a scalar field: 0..255 runs through the palette, in steps (`hard`) or as a gradient."""
    positions = np.linspace(0, len(palette) - 1, 256)
    if hard:
        table = palette[np.minimum((positions * len(palette) / (len(palette) - 1)).astype(int), len(palette) - 1)]
    else:
        table = np.stack([np.interp(positions, np.arange(len(palette)), palette[:, c]) for c in range(3)], axis=1)
    return np.asarray(cv2.applyColorMap(field, np.rint(table).astype(np.uint8).reshape(256, 1, 3)))


def noise_field(rng: np.random.Generator, height: int, width: int) -> Field:
    """Smooth noise summed over octaves."""
    size = max(height, width)
    base = rng.uniform(1.5, 10)
    total = np.zeros((height, width), np.float32)
    weight = 1.0
    decay = rng.uniform(0.3, 0.8)
    for _ in range(4):
        rows, columns = max(2, round(base * height / size)), max(2, round(base * width / size))
        if base > size / 2:
            break
        grid = (rng.random((rows + 1, columns + 1), dtype=np.float32) - 0.5) * np.float32(weight)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        base *= 2.7
        weight *= decay
    return np.asarray(cv2.normalize(total, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U))


def _plane(rng: np.random.Generator, height: int, width: int, angle: float | None = None) -> NDArray[np.float32]:
    angle = rng.uniform(0, 2 * np.pi) if angle is None else angle
    columns = np.arange(width, dtype=np.float32) * np.float32(np.cos(angle))
    rows = np.arange(height, dtype=np.float32) * np.float32(np.sin(angle))
    return np.asarray(rows[:, None] + columns[None, :])


def stripes_field(rng: np.random.Generator, height: int, width: int) -> Field:
    """Parallel stripes, straight or bent."""
    period = max(height, width) / rng.uniform(1.5, 16)
    plane = _plane(rng, height, width)
    if rng.random() < 0.5:
        grid = rng.normal(0, period * rng.uniform(0.1, 1.2), (4, 4)).astype(np.float32)
        plane = plane + cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    phase = plane * np.float32(256 / max(period, 3.0))
    saw = phase.astype(np.int32).astype(np.uint8)
    return np.asarray(np.minimum(saw, 255 - saw) * 2) if rng.random() < 0.7 else saw


def checks_field(rng: np.random.Generator, height: int, width: int) -> Field:
    """A checkerboard or tiles, turned by a random angle."""
    period = max(3.0, max(height, width) / rng.uniform(2, 14))
    angle = rng.choice([0.0, rng.uniform(0, np.pi)])
    first = np.floor(_plane(rng, height, width, angle) / period).astype(np.int32)
    second = np.floor(_plane(rng, height, width, angle + np.pi / 2) / (period * rng.uniform(0.4, 1.5))).astype(np.int32)
    if rng.random() < 0.5:
        return np.asarray(((first + second) & 1) * 255).astype(np.uint8)
    table = rng.integers(0, 256, 61).astype(np.uint8)
    return np.asarray(table[(first * 7 + second * 13) % 61])


def cells_field(rng: np.random.Generator, height: int, width: int) -> Field:
    """Irregular cells of one value each."""
    size = max(height, width)
    cells = rng.uniform(3, 16)
    grid = rng.integers(0, 256, (max(2, round(cells * height / size)), max(2, round(cells * width / size))))
    field = cv2.resize(grid.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    amplitude = 0.6 * size / cells
    shifts = rng.uniform(-amplitude, amplitude, (2, 5, 5)).astype(np.float32)
    map_x = cv2.resize(shifts[0], (width, height)) + np.arange(width, dtype=np.float32)[None, :]
    map_y = cv2.resize(shifts[1], (width, height)) + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(field, map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT))


def rings_field(rng: np.random.Generator, height: int, width: int) -> Field:
    """Concentric rings around a random centre."""
    x = (np.arange(width, dtype=np.float32) - np.float32(rng.uniform(0, width)))[None, :]
    y = (np.arange(height, dtype=np.float32) - np.float32(rng.uniform(0, height)))[:, None]
    radius = np.sqrt(x * x + y * y * np.float32(rng.uniform(0.4, 2.5)))
    saw = (radius * np.float32(256 * rng.uniform(0.8, 6) / max(height, width))).astype(np.int32).astype(np.uint8)
    return np.asarray(np.minimum(saw, 255 - saw) * 2)


def gradient_field(rng: np.random.Generator, height: int, width: int) -> Field:
    """A linear gradient."""
    plane = _plane(rng, height, width)
    return np.asarray(cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U))


def blobs_field(rng: np.random.Generator, height: int, width: int) -> Field:
    """Discs of random size and value on a plain ground."""
    field = np.full((height, width), rng.integers(0, 256), np.uint8)
    size = max(height, width)
    largest = size * rng.uniform(0.04, 0.25)
    for _ in range(int(rng.integers(4, 40))):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        radius = max(1, int(largest * rng.uniform(0.3, 1.0)))
        cv2.circle(field, centre, radius, int(rng.integers(0, 256)), -1, cv2.LINE_AA)
    return field


_FIELDS: tuple[Callable[[np.random.Generator, int, int], Field], ...] = (
    noise_field,
    noise_field,
    stripes_field,
    checks_field,
    cells_field,
    rings_field,
    gradient_field,
    blobs_field,
)


def draw_details(rng: np.random.Generator, image: Image, count: int) -> None:
    """Draws polygons, lines, ellipses and letters of random colours into an image, in place."""
    height, width = image.shape[:2]
    size = max(height, width)
    for _ in range(count):
        colour = tuple(float(value) for value in random_colour(rng))
        kind = rng.integers(0, 5)
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        reach = size * rng.uniform(0.04, 0.35)
        if kind <= 1:
            corners = int(rng.integers(3, 7))
            angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
            radii = reach * rng.uniform(0.4, 1.0, corners)
            points = np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
            cv2.fillPoly(image, [np.rint(points).astype(np.int32)], colour, cv2.LINE_AA)
        elif kind == 2:
            end = (int(x + rng.normal(0, 2 * reach)), int(y + rng.normal(0, 2 * reach)))
            cv2.line(image, (x, y), end, colour, max(1, int(reach * rng.uniform(0.03, 0.3))), cv2.LINE_AA)
        elif kind == 3:
            axes = (max(1, int(reach * 0.6)), max(1, int(reach * rng.uniform(0.15, 0.6))))
            thickness = -1 if rng.random() < 0.6 else max(1, int(reach * 0.1))
            cv2.ellipse(image, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, colour, thickness, cv2.LINE_AA)
        else:
            letters = "".join(chr(code) for code in rng.integers(48, 91, int(rng.integers(1, 4))))
            scale = reach / 40.0
            thickness = max(1, int(scale * 2.5))
            cv2.putText(image, letters, (x, y), int(rng.integers(0, 8)), scale, colour, thickness, cv2.LINE_AA)


def texture(rng: np.random.Generator, height: int, width: int, details: int = 0) -> Image:
    """A random texture, (height, width, 3) uint8 RGB.

    Args:
        rng: source of all randomness.
        height: of the texture, in pixels.
        width: of the texture, in pixels.
        details: how many polygons, lines and letters to draw on it.
    """
    field = _FIELDS[int(rng.integers(len(_FIELDS)))](rng, height, width)
    image = colourise(field, random_palette(rng, int(rng.integers(2, 5))), hard=rng.random() < 0.4)
    if rng.random() < 0.35:
        other = colourise(noise_field(rng, height, width), random_palette(rng, 3), hard=False)
        image = cv2.addWeighted(image, 0.6, other, 0.4, 0)
    if details:
        draw_details(rng, image, details)
    return np.asarray(image)

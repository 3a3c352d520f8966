"""Draws everything about a video from a random generator: what is in it, and what happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.camera import Camera, SizeWH, covering_scale, keep_inside
from dmtrack.data.synthetic.compose import Canvas, Placement
from dmtrack.data.synthetic.look_alikes import look_alike
from dmtrack.data.synthetic.motion import (
    Curve,
    MovingPatch,
    bump,
    meeting,
    moving_patch,
    smooth_curve,
    wandering_centres,
)
from dmtrack.data.synthetic.objects import procedural_object, random_object
from dmtrack.data.synthetic.patches import make_patch
from dmtrack.data.synthetic.real_images import RealImages
from dmtrack.data.synthetic.scenes import random_size
from dmtrack.data.synthetic.textures import texture
from dmtrack.data.synthetic.video import RenderedVideo, Weather

SMALLEST, LARGEST = 16.0, 0.42
"""Sizes of targets: from 16 pixels to this share of the frame's height."""


@dataclass(frozen=True)
class Script:
    """What a video shall contain.

    Attributes:
        frames: its length.
        size_wh: of its frames.
        distractors: look-alikes of the target.
        similarity: lowest and highest similarity of the look-alikes.
        leaves: the target leaves the view once and comes back.
        occluded: something passes in front of the target.
    """

    frames: int
    size_wh: SizeWH
    distractors: int
    similarity: tuple[float, float]
    leaves: bool
    occluded: bool


def direct(
    rng: np.random.Generator,
    script: Script,
    make_background: Callable[[np.random.Generator], Image],
    photos: RealImages | None,
    noise_seed: tuple[int, ...],
) -> RenderedVideo:
    """Draws a video of the script.

    Args:
        rng: source of all randomness.
        script: what shall be in it.
        make_background: draws a background.
        photos: what targets are cut from, six times in ten; None makes them procedural.
        noise_seed: entropy of the frames' noise.
    """
    frames, size_wh = script.frames, script.size_wh
    background = make_background(rng)
    size = random_size(rng, size_wh, SMALLEST * size_wh[1] / 256, LARGEST)
    patch = random_object(rng, photos, 0.6, 1.3 * size)
    path = wandering_centres(rng, frames, size_wh)
    if script.leaves:
        path = path + _way_out(rng, path, size, size_wh)
    target = moving_patch(rng, patch, path, size, size_wh)
    below: list[MovingPatch] = []
    above: list[MovingPatch] = []
    for _ in range(script.distractors):
        own = wandering_centres(rng, frames, size_wh, reach=0.45)
        moment = rng.uniform(0.25, 1.0) * frames
        own = meeting(rng, own, path, moment, apart=size * rng.uniform(0.2, 1.1))
        double = look_alike(rng, patch, float(rng.uniform(*script.similarity)))
        track = moving_patch(rng, double, own, size * float(np.exp(rng.normal(0, 0.12))), size_wh)
        (above if rng.random() < 0.4 else below).append(track)
    if script.occluded:
        above.append(_passing_occluder(rng, target, size_wh))
    cameras = camera_path(rng, background, frames, size_wh)
    weather = draw_weather(rng, frames, noise_seed)
    return RenderedVideo(background, cameras, target, tuple(below), tuple(above), weather, size_wh)


def procedural_canvas(rng: np.random.Generator, size_wh: SizeWH) -> Image:
    """A textured background 1.6 times as large as the frames, with things lying around on it."""
    width, height = round(1.6 * size_wh[0]), round(1.6 * size_wh[1])
    details = (0, int(rng.integers(2, 12)), int(rng.integers(12, 70)))[int(rng.integers(3))]
    image = np.ascontiguousarray(texture(rng, height, width, details))
    canvas = Canvas(image, (width, height))
    for _ in range(int(rng.integers(0, 9))):
        patch = procedural_object(rng, random_size(rng, size_wh, 12.0, 0.5))
        centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        canvas.draw(patch, Placement(centre, angle=float(rng.uniform(-np.pi, np.pi))), 1)
    return image


def _way_out(rng: np.random.Generator, path: Curve, size: float, size_wh: SizeWH) -> Curve:
    """(frames, 2) shift that takes the target out of the nearest side of the view and back."""
    frames = len(path)
    start = rng.uniform(0.2, 0.55) * frames
    length = max(3.0, rng.uniform(0.08, 0.2) * frames)
    outside = bump(frames, start, length, ramp=max(4.0, 0.08 * frames))
    side = int(rng.integers(4))
    axis, sign = side % 2, 1.0 if side < 2 else -1.0
    shift = np.zeros((frames, 2))
    shift[:, axis] = sign * outside * (size_wh[axis] + 2.5 * size)
    return shift


def _passing_occluder(rng: np.random.Generator, target: MovingPatch, size_wh: SizeWH) -> MovingPatch:
    """A bar or a thing that stands in the target's way, or passes over it."""
    frames = len(target.sizes)
    moment = int(rng.uniform(0.2, 0.9) * frames)
    size = float(target.sizes[moment])
    if rng.random() < 0.6:
        thickness = max(6, round(size * rng.uniform(0.3, 1.1)))
        bar = texture(rng, size_wh[1], min(thickness, size_wh[0]))
        patch = make_patch(bar, np.full(bar.shape[:2], 255, np.uint8))
        assert patch is not None
    else:
        patch = procedural_object(rng, size * float(rng.uniform(0.7, 1.3)))
    speed = rng.normal(0, 1.5, 2)
    centres = target.centres_xy[moment] + (np.arange(frames) - moment)[:, None] * speed
    tilt = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.12))
    full_size = float(np.sqrt(np.prod(patch.extent_wh)))
    flat = np.zeros(frames)
    elastic = np.zeros((2, 4, 4, 2), np.float32)
    return MovingPatch(patch, centres, flat + full_size, flat + tilt, flat + 1.0, elastic, flat)


def camera_path(
    rng: np.random.Generator, background: Image, frames: int, size_wh: SizeWH, motion: float = 1.0
) -> tuple[Camera, ...]:
    """A camera that pans, zooms, turns and shakes over a background; `motion` 0 lets it stand."""
    background_wh = (background.shape[1], background.shape[0])
    covering = covering_scale(background_wh, size_wh)
    shake = rng.normal(0, rng.choice([0.0, 1.0]) * rng.uniform(0.2, 1.2), (frames, 2))
    zoom = np.exp(motion * smooth_curve(rng, frames, rng.uniform(0, 0.22), rng.uniform(50, 120)))
    scales = np.maximum(covering * 1.3 * zoom, covering)
    angles = motion * smooth_curve(rng, frames, rng.uniform(0, 0.08), rng.uniform(50, 120))
    reach = motion * rng.uniform(0.05, 0.5)
    x = background_wh[0] * (0.5 + smooth_curve(rng, frames, reach, rng.uniform(50, 120)))
    y = background_wh[1] * (0.5 + smooth_curve(rng, frames, reach, rng.uniform(50, 120)))
    cameras = []
    for frame in range(frames):
        scale = float(scales[frame])
        wanted = (float(x[frame] + motion * shake[frame, 0]), float(y[frame] + motion * shake[frame, 1]))
        centre = keep_inside(wanted, scale, background_wh, size_wh)
        cameras.append(Camera(centre, scale, float(angles[frame])))
    return tuple(cameras)


def draw_weather(rng: np.random.Generator, frames: int, noise_seed: tuple[int, ...]) -> Weather:
    """Light that changes, focus that may be lost for a while, and noise."""
    tint = np.stack([smooth_curve(rng, frames, 0.08, 60.0) for _ in range(3)], axis=1)
    defocus = np.zeros(frames)
    if rng.random() < 0.3:
        defocus = np.maximum(0.0, smooth_curve(rng, frames, 2.2, rng.uniform(30, 60)) - 0.3)
    return Weather(
        gains=np.exp(smooth_curve(rng, frames, rng.uniform(0, 0.35), rng.uniform(40, 120))),
        gammas=np.exp(smooth_curve(rng, frames, rng.uniform(0, 0.35), rng.uniform(40, 120))),
        casts=np.exp(tint * rng.uniform(0, 1)),
        defocus=defocus,
        noise=float(rng.uniform(0, 8)) if rng.random() < 0.7 else 0.0,
        noise_seed=noise_seed,
    )

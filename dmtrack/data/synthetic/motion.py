"""How things move through a video: smooth functions of time, given for every frame in advance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.synthetic.camera import SizeWH
from dmtrack.data.synthetic.compose import Placement
from dmtrack.data.synthetic.patches import Patch

Curve = NDArray[np.float64]


def smooth_curve(rng: np.random.Generator, frames: int, amplitude: float, fastest: float = 45.0) -> Curve:
    """A sum of three sines around 0.

    Args:
        rng: source of all randomness.
        frames: length of the curve.
        amplitude: the largest absolute value that it can reach.
        fastest: shortest period in frames.
    """
    time = np.arange(frames)
    weights = rng.dirichlet([2.0, 1.5, 1.0])
    periods = fastest * np.array([rng.uniform(2, 4), rng.uniform(1.2, 2), rng.uniform(1, 1.2)])
    phases = rng.uniform(0, 2 * np.pi, 3)
    sines = np.sin(2 * np.pi * time[:, None] / periods + phases)
    return np.asarray(amplitude * sines @ weights)


def bump(frames: int, start: float, length: float, ramp: float) -> Curve:
    """0, rising smoothly to 1 over `ramp` frames at `start`, falling after `length` frames."""
    time = np.arange(frames)
    rise = np.clip((time - start) / ramp, 0, 1)
    fall = np.clip((start + length + 2 * ramp - time) / ramp, 0, 1)
    both = np.minimum(rise, fall)
    return np.asarray(both * both * (3 - 2 * both))


@dataclass(frozen=True)
class MovingPatch:
    """A thing and its pose in every frame of a video.

    Attributes:
        patch: what it looks like.
        centres_xy: (frames, 2) in view pixels.
        sizes: (frames,) square root of its area in view pixels.
        angles: (frames,) radians.
        aspects: (frames,) horizontal over vertical stretch.
        elastic: (2, 4, 4, 2) two deformations between which it swings.
        phases: (frames,) radians, position of that swing.
        blur: exposure as a share of the time between frames (0: no motion blur).
    """

    patch: Patch
    centres_xy: NDArray[np.float64]
    sizes: Curve
    angles: Curve
    aspects: Curve
    elastic: NDArray[np.float32]
    phases: Curve
    blur: float = 0.0

    def placement(self, frame: int) -> Placement:
        """The pose in one frame."""
        width, height = self.patch.extent_wh
        before, after = max(frame - 1, 0), min(frame + 1, len(self.sizes) - 1)
        step = (self.centres_xy[after] - self.centres_xy[before]) / max(after - before, 1)
        phase = self.phases[frame]
        elastic = np.cos(phase) * self.elastic[0] + np.sin(phase) * self.elastic[1]
        return Placement(
            centre_xy=(float(self.centres_xy[frame, 0]), float(self.centres_xy[frame, 1])),
            scale=float(self.sizes[frame]) / float(np.sqrt(width * height)),
            angle=float(self.angles[frame]),
            aspect=float(self.aspects[frame]),
            elastic=elastic.astype(np.float32),
            blur=min(self.blur * float(np.hypot(*step)), 0.6 * float(self.sizes[frame])),
            blur_angle=float(np.arctan2(step[1], step[0])),
        )


def wandering_centres(rng: np.random.Generator, frames: int, size_wh: SizeWH, reach: float = 0.4) -> Curve:
    """(frames, 2) of a smooth path in the view, at most `reach` of its width and height from its middle."""
    fastest = rng.uniform(35, 90)
    x = smooth_curve(rng, frames, reach * size_wh[0] * rng.uniform(0.6, 1.3), fastest)
    y = smooth_curve(rng, frames, reach * size_wh[1] * rng.uniform(0.6, 1.3), fastest)
    limit = reach * np.array(size_wh)
    return np.asarray(np.array(size_wh) / 2 + np.clip(np.stack([x, y], axis=1), -limit, limit))


def moving_patch(
    rng: np.random.Generator, patch: Patch, centres_xy: Curve, size: float, size_wh: SizeWH
) -> MovingPatch:
    """A thing of about `size` pixels on a path, which grows, shrinks, turns, stretches and bends on its way."""
    frames = len(centres_xy)
    growth = np.exp(smooth_curve(rng, frames, rng.uniform(0, 0.5), rng.uniform(50, 120)))
    angles = smooth_curve(rng, frames, rng.uniform(0, 0.5), rng.uniform(40, 120))
    if rng.random() < 0.15:
        angles = angles + np.arange(frames) * rng.uniform(-0.06, 0.06)
    return MovingPatch(
        patch=patch,
        centres_xy=centres_xy,
        sizes=np.clip(size * growth, 9.0, 0.7 * size_wh[1]),
        angles=angles,
        aspects=np.exp(smooth_curve(rng, frames, rng.uniform(0, 0.3), rng.uniform(40, 100))),
        elastic=rng.normal(0, rng.uniform(0.003, 0.025), (2, 4, 4, 2)).astype(np.float32),
        phases=np.cumsum(np.full(frames, 2 * np.pi / rng.uniform(15, 60))),
        blur=float(rng.uniform(0.2, 0.8)) if rng.random() < 0.35 else 0.0,
    )


def meeting(rng: np.random.Generator, own_xy: Curve, other_xy: Curve, moment: float, apart: float) -> Curve:
    """A path that follows its own way, but meets another path around one moment.

    Args:
        rng: source of all randomness.
        own_xy: (frames, 2) its own way.
        other_xy: (frames, 2) the path to meet.
        moment: frame at which they are nearest.
        apart: distance at that frame in pixels.
    """
    time = np.arange(len(own_xy))
    weight = np.exp(-(((time - moment) / rng.uniform(5, 14)) ** 2))[:, None]
    angle = rng.uniform(0, 2 * np.pi)
    offset = apart * np.array([np.cos(angle), np.sin(angle)])
    return np.asarray((1 - weight) * own_xy + weight * (other_xy + offset))

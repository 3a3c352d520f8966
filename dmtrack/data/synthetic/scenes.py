"""Two-view scenes: a background seen by two cameras, things that move between them, look-alikes and occluders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.camera import Camera, SizeWH, camera_pair, covering_scale, keep_inside
from dmtrack.data.synthetic.compose import Canvas, Placement
from dmtrack.data.synthetic.effects import random_light
from dmtrack.data.synthetic.look_alikes import look_alike
from dmtrack.data.synthetic.objects import procedural_object
from dmtrack.data.synthetic.patches import Patch, make_patch
from dmtrack.data.synthetic.real_images import Photo
from dmtrack.data.synthetic.textures import texture

Point = tuple[float, float]
Motion = NDArray[np.float64]

NOTHING = np.zeros((0, 4))

LARGEST_THING = 0.6
"""Square root of a pasted thing's area as a share of the view's height, at most."""


@dataclass(frozen=True)
class Thing:
    """A pasted thing and how each view shows it.

    Attributes:
        patches: what it looks like in each view; mostly the same.
        placements: for each view, None where it does not show the thing.
    """

    patches: tuple[Patch, Patch]
    placements: tuple[Placement | None, Placement | None]


@dataclass
class Scene:
    """Everything of a pair before it is drawn.

    Attributes:
        backgrounds: one HxWx3 RGB image per view; mostly the same.
        cameras: one per view.
        boxes_xyxy: for each view, (n, 4) annotated boxes of its background, in background pixels; row i of both is one
            object. Empty where the backgrounds have nothing in common.
        things: pasted things, back to front; any of them may be a target.
        occluders: for each view, what is drawn over everything.
    """

    backgrounds: tuple[Image, Image]
    cameras: tuple[Camera, Camera]
    boxes_xyxy: tuple[NDArray[np.float64], NDArray[np.float64]] = (NOTHING, NOTHING)
    things: list[Thing] = field(default_factory=list)
    occluders: tuple[list[Thing], list[Thing]] = field(default_factory=lambda: ([], []))

    def draw(self, view: int, size_wh: SizeWH) -> Canvas:
        """View 0 or 1. In the canvas's `owner`, thing i has the number i + 1 and occluders have -1."""
        canvas = Canvas(self.cameras[view].render(self.backgrounds[view], size_wh), size_wh)
        for number, thing in enumerate(self.things, start=1):
            placement = thing.placements[view]
            if placement is not None:
                canvas.draw(thing.patches[view], placement, number)
        for thing in self.occluders[view]:
            placement = thing.placements[view]
            if placement is not None:
                canvas.draw(thing.patches[view], placement, -1)
        return canvas


def real_background(rng: np.random.Generator, photo: Photo, size_wh: SizeWH) -> tuple[Image, tuple[Camera, Camera]]:
    """A photograph and two cameras that see one of its annotated objects.

    The zoom makes the object's size log-uniform as far as the photograph allows: from all of it to a third of it.
    """
    background_wh = (photo.image.shape[1], photo.image.shape[0])
    box = photo.boxes_xyxy[int(rng.integers(len(photo.boxes_xyxy)))]
    size = float(np.sqrt(np.prod(box[2:] - box[:2])))
    wanted = float(np.exp(rng.uniform(np.log(10.0), np.log(0.6 * size_wh[1]))))
    covering = covering_scale(background_wh, size_wh)
    scale = float(np.clip(wanted / max(size, 1.0), covering, 3.0 * covering))
    offset = rng.uniform(-0.3, 0.3, 2) * np.array(size_wh) / scale
    focus = ((box[0] + box[2]) / 2 + offset[0], (box[1] + box[3]) / 2 + offset[1])
    return photo.image, camera_pair(rng, background_wh, size_wh, (float(focus[0]), float(focus[1])), scale)


def clip_background(
    rng: np.random.Generator, moments: tuple[Photo, Photo], size_wh: SizeWH
) -> tuple[tuple[Image, Image], tuple[Camera, Camera]]:
    """Two moments of a clip and a camera on each; the second one follows the first object some of the way."""
    first, second = moments
    _, cameras = real_background(rng, first, size_wh)
    centres = [(one.boxes_xyxy[0, :2] + one.boxes_xyxy[0, 2:]) / 2 for one in moments]
    wanted = np.array(cameras[1].centre_xy) + rng.uniform(0.3, 1.0) * (centres[1] - centres[0])
    background_wh = (second.image.shape[1], second.image.shape[0])
    centre = keep_inside((float(wanted[0]), float(wanted[1])), cameras[1].scale, background_wh, size_wh)
    return (first.image, second.image), (cameras[0], replace(cameras[1], centre_xy=centre))


def procedural_background(
    rng: np.random.Generator, size_wh: SizeWH, share: float = 1.35
) -> tuple[Image, tuple[Camera, Camera]]:
    """A texture `share` times as large as the view, and two cameras on it."""
    width, height = round(size_wh[0] * share), round(size_wh[1] * share)
    details = (0, int(rng.integers(1, 10)), int(rng.integers(10, 60)))[int(rng.integers(3))]
    if rng.random() < 0.5:  # drawn at half the size: softer, and cheaper
        small = texture(rng, height // 2, width // 2, details)
        image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    else:
        image = texture(rng, height, width, details)
    scale = float(rng.uniform(0.9, 1.5))
    return image, camera_pair(rng, (width, height), size_wh, (width / 2, height / 2), scale)


def camera_motion(cameras: tuple[Camera, Camera], size_wh: SizeWH) -> Motion:
    """(2, 3) from the pixels of the first view to those of the second, for two cameras on one background."""
    first, second = (np.vstack([camera.matrix(size_wh), [0.0, 0.0, 1.0]]) for camera in cameras)
    return np.asarray((second @ np.linalg.inv(first))[:2])


def random_motion(rng: np.random.Generator, size_wh: SizeWH) -> Motion:
    """A random shift, zoom and turn between two views that have nothing in common."""
    zoom, angle = float(np.exp(rng.normal(0, 0.35))), float(rng.normal(0, 0.1))
    cosine, sine = zoom * np.cos(angle), zoom * np.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]])
    middle = np.array(size_wh) / 2
    return np.column_stack([linear, middle - linear @ middle + rng.normal(0, 0.1, 2) * size_wh])


def random_size(
    rng: np.random.Generator, size_wh: SizeWH, smallest: float = 8.0, largest: float = LARGEST_THING
) -> float:
    """Square root of an object's area in pixels, log-uniform from `smallest` to `largest` of the view's height."""
    return float(np.exp(rng.uniform(np.log(smallest), np.log(max(largest * size_wh[1], smallest + 1)))))


def anywhere(rng: np.random.Generator, size_wh: SizeWH) -> Point:
    """A point of the view."""
    return float(rng.uniform(0, size_wh[0])), float(rng.uniform(0, size_wh[1]))


def placed(rng: np.random.Generator, patch: Patch, centre_xy: Point, size: float, angle: float) -> Placement:
    """A random pose: deformation, shear, stretch, light and motion blur around the given place, size and angle."""
    width, height = patch.extent_wh
    elastic = None
    if rng.random() < 0.6:
        elastic = rng.normal(0, rng.uniform(0.005, 0.04), (4, 4, 2)).astype(np.float32)
    moving = rng.random() < 0.1
    return Placement(
        centre_xy=centre_xy,
        scale=size / float(np.sqrt(width * height)),
        angle=angle + float(rng.normal(0, 0.5 if rng.random() < 0.2 else 0.12)),
        aspect=float(np.exp(rng.normal(0, 0.12))),
        shear=float(rng.normal(0, 0.08)),
        elastic=elastic,
        light=random_light(rng, 0.5) if rng.random() < 0.4 else None,
        blur=float(rng.uniform(2, 4 + 0.25 * size)) if moving else 0.0,
        blur_angle=float(rng.uniform(0, np.pi)) if moving else 0.0,
    )


def moving_thing(
    rng: np.random.Generator,
    make: Callable[[float], tuple[Patch, Patch]],
    motion: Motion,
    size_wh: SizeWH,
    size: float,
    near_share: float = 0.5,
) -> Thing:
    """A thing in both views.

    Args:
        rng: source of all randomness.
        make: gives the patches of both views for a size in pixels.
        motion: (2, 3) from the first view's pixels to the second's, for things that do not move by themselves.
        size_wh: of both views.
        size: square root of the thing's area in the first view.
        near_share: how often it stays near its place of the background; otherwise it may be anywhere.
    """
    zoom = float(np.sqrt(abs(np.linalg.det(motion[:, :2]))))
    second_size = size * zoom * float(np.exp(rng.normal(0, 0.3)))
    second_size = float(np.clip(second_size, 7.0, 0.85 * size_wh[1]))
    start = anywhere(rng, size_wh)
    end = anywhere(rng, size_wh)
    if rng.random() < near_share:
        near = motion @ np.array([*start, 1.0]) + rng.normal(0, 0.06 * size_wh[0], 2)
        if 0 < near[0] < size_wh[0] and 0 < near[1] < size_wh[1]:
            end = (float(near[0]), float(near[1]))
    patches = make(max(size, second_size))
    # A patch that shows less of the thing is smaller, and is not magnified.
    first_area, second_area = (np.prod(patch.extent_wh) for patch in patches)
    second_size *= float(np.sqrt(second_area / first_area))
    angle = float(rng.uniform(-np.pi, np.pi)) if rng.random() < 0.1 else 0.0
    turned = angle + float(np.arctan2(motion[1, 0], motion[0, 0]))
    placements = (placed(rng, patches[0], start, size, angle), placed(rng, patches[1], end, second_size, turned))
    return Thing(patches, placements)


def look_alike_of(
    rng: np.random.Generator, thing: Thing, size_wh: SizeWH, similarity: float, both_views: bool = True
) -> Thing:
    """A look-alike of a thing at about the same size elsewhere in the views (in the second one only, if so asked)."""
    return another_like(rng, thing, look_alike(rng, thing.patches[0], similarity), size_wh, both_views)


def another_like(
    rng: np.random.Generator, thing: Thing, patch: Patch, size_wh: SizeWH, both_views: bool = True
) -> Thing:
    """`patch` at about the size of a thing, elsewhere in the views (in the second one only, if so asked)."""
    placements: list[Placement | None] = []
    for original in thing.placements:
        if original is None:
            placements.append(None)
            continue
        size = original.scale * float(np.sqrt(np.prod(thing.patches[0].extent_wh))) * float(np.exp(rng.normal(0, 0.15)))
        placements.append(placed(rng, patch, anywhere(rng, size_wh), max(size, 6.0), original.angle))
    if not both_views:
        placements[0] = None
    return Thing((patch, patch), (placements[0], placements[1]))


def occluder(rng: np.random.Generator, view: int, near_xy: Point, size: float, size_wh: SizeWH) -> Thing:
    """Something in front: a bar, or a thing, over or beside a point of one view.

    Args:
        rng: source of all randomness.
        view: 0 or 1.
        near_xy: what it may cover.
        size: square root of the area of what it may cover.
        size_wh: of the view.
    """
    offset = rng.normal(0, 0.5 * size, 2)
    centre = (near_xy[0] + float(offset[0]), near_xy[1] + float(offset[1]))
    if rng.random() < 0.5:
        thickness = max(4, round(size * rng.uniform(0.15, 0.6)))
        length = int(rng.uniform(1.5, 4) * size) + 8
        bar = texture(rng, max(8, min(length, 200)), min(thickness, 100))
        patch = make_patch(bar, np.full(bar.shape[:2], 255, np.uint8))
        assert patch is not None
        angle = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.15))
        placement = Placement(centre, angle=angle, scale=max(1.0, length / 200))
    else:
        patch = procedural_object(rng, max(8.0, size * float(rng.uniform(0.4, 1.0))))
        placement = placed(rng, patch, centre, max(8.0, size * float(rng.uniform(0.4, 1.0))), 0.0)
    return Thing((patch, patch), (placement, None) if view == 0 else (None, placement))

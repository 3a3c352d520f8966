"""Rendered crowds for trackers of many objects: figures that walk, meet, hide each other, come and go."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.config import Count, CountOrZero
from dmtrack.data.sequences import OnDemand, Track, TrackId, Video, VideoList
from dmtrack.data.synthetic.camera import Camera, SizeWH
from dmtrack.data.synthetic.compose import Canvas
from dmtrack.data.synthetic.directing import camera_path, draw_weather, procedural_canvas
from dmtrack.data.synthetic.look_alikes import look_alike
from dmtrack.data.synthetic.motion import MovingPatch, smooth_curve
from dmtrack.data.synthetic.objects import superellipse_mask
from dmtrack.data.synthetic.patches import Patch, make_patch
from dmtrack.data.synthetic.textures import texture
from dmtrack.data.synthetic.video import TARGET, RenderedVideo
from dmtrack.errors import ConfigError

SPAWN_KEY = 0xC20D
"""First word of the spawn key of every crowd's generator, which no other generated data has."""

SEEN_FROM = 0.02
"""Share of a figure that shows from which it has a row in the ground truth; less than that is out of the view."""

_FIGURE_WH = (80, 200)
_PRESENCE_MARGIN = 3.0
"""Pixels by which a figure's box has to reach into the view."""


@dataclass(frozen=True)
class Domain:
    """What a place looks like: two of them are a source and a target of domain adaptation.

    Attributes:
        walkers: fewest and most figures that are on their way at a time.
        alike: share of figures that are dressed like another one.
        height: of a figure in the middle of the frame, as a share of the frame's height.
        camera: how much the camera moves; 0 stands still.
        posts: most things that stand in front of everything.
        colours: factors of red, green and blue of the light.
        brightness: factor of the light.
        noise: standard deviation of the sensor's noise in grey levels.
        blur: sigma of the lens in pixels.
        thin: width of the figures over that of ordinary ones.
    """

    walkers: tuple[int, int] = (7, 16)
    alike: float = 0.4
    height: float = 0.3
    camera: float = 0.35
    posts: int = 3
    colours: tuple[float, float, float] = (1.0, 1.0, 1.0)
    brightness: float = 1.0
    noise: float = 3.0
    blur: float = 0.0
    thin: float = 1.0


DOMAINS = {
    "street": Domain(),
    "dusk": Domain(
        walkers=(12, 22),
        alike=0.5,
        camera=0.0,
        posts=4,
        colours=(1.15, 0.95, 0.7),
        brightness=0.55,
        noise=7.0,
        blur=0.6,
        thin=0.9,
    ),
    "station": Domain(
        walkers=(14, 26),
        alike=0.6,
        height=0.24,
        camera=0.0,
        posts=5,
        colours=(1.15, 0.95, 0.7),
        brightness=0.5,
        noise=9.0,
        blur=0.9,
        thin=0.8,
    ),
}
"""By name: daylight and a moving camera; more people, as large, in a poor light under a camera that stands; a
dense crowd of smaller people at night."""


@dataclass(frozen=True)
class _Crowd:
    """A rendered video, and which of its things are figures: those of the numbers from `TARGET` on."""

    video: RenderedVideo
    figures: int


class SyntheticCrowds(OnDemand[Video]):
    """A list of rendered videos of crowds.

    Video `i` depends on `seed`, `i`, its length, size and domain, and not on `count`. Boxes are those of whole figures
    inside the frame, also where others hide them; `visibility` is the share that shows. A figure is absent while it
    is outside.

    Args:
        count: number of videos.
        frames: length of each.
        seed: of the whole list.
        size_wh: (width, height) of the frames.
        domain: name of one of `DOMAINS`, or one's own.

    Raises:
        ConfigError: an unknown domain, or a number out of range.
    """

    def __init__(
        self,
        count: CountOrZero,
        frames: Count = 60,
        seed: CountOrZero = 0,
        size_wh: SizeWH = (576, 320),
        domain: str | Domain = "street",
    ) -> None:
        if isinstance(domain, str) and domain not in DOMAINS:
            raise ConfigError(f"SyntheticCrowds: there is no domain {domain!r}; expected {', '.join(DOMAINS)}")
        if count < 0 or frames < 1 or seed < 0 or min(size_wh) < 64:
            raise ConfigError(
                f"SyntheticCrowds: count {count}, frames {frames}, seed {seed}, size {tuple(size_wh)}: expected "
                "numbers from 0, at least one frame, and sides from 64 pixels"
            )
        super().__init__(count, self._video)
        self.count, self.frames, self.seed, self.size_wh = count, frames, seed, size_wh
        self.name = domain if isinstance(domain, str) else "own"
        self.domain = DOMAINS[domain] if isinstance(domain, str) else domain

    def _video(self, index: int) -> Video:
        words = np.random.SeedSequence(self.seed, spawn_key=(SPAWN_KEY, index))
        crowd = _draw_crowd(np.random.default_rng(words), self.domain, self.frames, self.size_wh, (self.seed, index))
        boxes_xywh, visibility = _annotate(crowd, self.size_wh)
        tracks: dict[TrackId, Track] = {}
        for number in range(crowd.figures):
            present = np.asarray(np.isfinite(boxes_xywh[:, number]).all(axis=1))
            if present.any():
                seen = visibility[:, number]
                tracks[len(tracks) + 1] = Track(boxes_xywh[:, number], present, "pedestrian", seen)
        name = f"synthetic_{self.name}_{self.seed}_{index:04d}"
        return Video(name, self.frames, crowd.video.read_frame, tracks, self.size_wh)

    @property
    def videos(self) -> VideoList:
        """The videos, each made when it is asked for."""
        return OnDemand(self.count, self.__getitem__)


def figure(rng: np.random.Generator, thin: float = 1.0) -> Patch:
    """Somebody seen from afar: a head, a body and two legs, each in clothes of their own."""
    width, height = _FIGURE_WH
    width = max(round(width * thin * float(rng.uniform(0.85, 1.2))), 24)
    alpha, rgb = np.zeros((height, width), np.uint8), np.zeros((height, width, 3), np.uint8)
    head, leg = round(0.17 * height), round(0.42 * width)
    step = int(rng.integers(0, max(width - 2 * leg, 1) + 1))
    parts = (
        (height // 2, round(0.5 * height), (width - 2 * leg - step) // 2, leg),
        (height // 2, round(0.5 * height), (width + step) // 2, leg),
        (round(0.14 * height), round(0.46 * height), 0, width),
        (0, head, (width - head) // 2, head),
    )  # top, height, left, width
    legs = texture(rng, parts[0][1], width, 0)
    for number, (top, tall, left, wide) in enumerate(parts):
        left, wide = max(left, 0), min(wide, width - max(left, 0))
        tall = min(tall, height - top)
        mask = superellipse_mask(rng, tall, wide)
        cloth = legs[:tall, :wide] if number < 2 else texture(rng, tall, wide, int(rng.integers(0, 3)))
        window = np.s_[top : top + tall, left : left + wide]
        share = mask[..., None] / np.float32(255)
        rgb[window] = (share * cloth + (1 - share) * rgb[window]).astype(np.uint8)
        alpha[window] = np.maximum(alpha[window], mask)
    # Colours are defined everywhere, so that soft edges do not turn dark.
    outside = cv2.inpaint(np.ascontiguousarray(rgb), (alpha < 250).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    patch = make_patch(np.asarray(outside), alpha)
    assert patch is not None
    return patch


def _draw_crowd(
    rng: np.random.Generator, domain: Domain, frames: int, size_wh: SizeWH, noise_seed: tuple[int, ...]
) -> _Crowd:
    background = procedural_canvas(rng, size_wh)
    cameras = camera_path(rng, background, frames, size_wh, domain.camera)
    walkers = _walkers(rng, domain, cameras, frames, size_wh)
    walkers.sort(key=lambda walker: float(walker.centres_xy[:, 1].mean() + walker.sizes.mean()))
    posts = [_post(rng, cameras, size_wh) for _ in range(int(rng.integers(0, domain.posts + 1)))]
    weather = draw_weather(rng, frames, noise_seed)
    weather = replace(
        weather,
        casts=weather.casts * np.array(domain.colours),
        gains=weather.gains * domain.brightness,
        noise=max(weather.noise, domain.noise),
        defocus=np.maximum(weather.defocus, domain.blur),
    )
    video = RenderedVideo(background, cameras, walkers[0], (), (*walkers[1:], *posts), weather, size_wh)
    return _Crowd(video, len(walkers))


def _walkers(
    rng: np.random.Generator, domain: Domain, cameras: tuple[Camera, ...], frames: int, size_wh: SizeWH
) -> list[MovingPatch]:
    """Figures that cross the view; when one is out of it, another one has come."""
    together = int(rng.integers(domain.walkers[0], domain.walkers[1] + 1))
    clothes: list[Patch] = []
    walkers = []
    for _ in range(together):
        until = -float(rng.uniform(0, 0.7)) * frames  # some are in the view when it begins
        while until < frames:
            if clothes and rng.random() < domain.alike:
                patch = look_alike(rng, clothes[int(rng.integers(len(clothes)))], float(rng.uniform(0.6, 0.98)))
            else:
                patch = figure(rng, domain.thin)
            clothes.append(patch)
            walker, until = _walker(rng, patch, domain, cameras, until, frames, size_wh)
            walkers.append(walker)
            until += float(rng.uniform(0, 0.3)) * frames
    return walkers


def _walker(
    rng: np.random.Generator,
    patch: Patch,
    domain: Domain,
    cameras: tuple[Camera, ...],
    start: float,
    frames: int,
    size_wh: SizeWH,
) -> tuple[MovingPatch, float]:
    """One way through the view, and the frame in which it is over."""
    width, height = size_wh
    depth = float(rng.uniform(0.3, 1.0))  # where the feet are, from the far side to the near one
    tall = domain.height * height * (0.35 + 0.95 * depth) * float(np.exp(rng.normal(0, 0.08)))
    size = tall * float(np.sqrt(patch.extent_wh[0] / patch.extent_wh[1]))
    seconds = float(rng.uniform(45, 160)) / (0.6 + 0.6 * depth)  # frames that the crossing takes
    direction = 1.0 if rng.random() < 0.5 else -1.0
    time = np.arange(frames)
    way = (time - start) / seconds - 0.5  # from -0.5 to 0.5
    pause = smooth_curve(rng, frames, float(rng.choice([0.0, 0.0, 0.18])), 40.0)
    x = width * (0.5 + direction * (way + pause) * 1.25)
    y = height * depth - tall / 2 + smooth_curve(rng, frames, 0.06 * height, 70.0)
    y += height * float(rng.normal(0, 0.15)) * way
    moved = np.array([_shift(cameras[0], camera, size_wh) for camera in cameras])
    swing = rng.normal(0, 0.03, (2, 4, 4, 2)).astype(np.float32)
    walker = MovingPatch(
        patch=patch,
        centres_xy=np.stack([x, y], axis=1) + moved,
        sizes=np.full(frames, size) * np.exp(smooth_curve(rng, frames, 0.1, 60.0)),
        angles=smooth_curve(rng, frames, 0.06, 20.0),
        aspects=np.exp(smooth_curve(rng, frames, 0.12, 12.0)),
        elastic=swing,
        phases=np.cumsum(np.full(frames, 2 * np.pi / rng.uniform(8, 16))),
        blur=0.3 if rng.random() < 0.3 else 0.0,
    )
    return walker, start + seconds * 1.1


def _post(rng: np.random.Generator, cameras: tuple[Camera, ...], size_wh: SizeWH) -> MovingPatch:
    """A lamp post or the like, which stands before everything."""
    width, height = size_wh
    wide = max(6, round(float(rng.uniform(0.012, 0.05)) * width))
    tall = min(200, height)
    patch = make_patch(texture(rng, tall, wide, 0), np.full((tall, wide), 255, np.uint8))
    assert patch is not None
    frames = len(cameras)
    place = np.array([float(rng.uniform(0, width)), height / 2])
    centres = place + np.array([_shift(cameras[0], camera, size_wh) * (1.0, 0.0) for camera in cameras])
    flat = np.zeros(frames)
    size = float(np.sqrt(np.prod(patch.extent_wh))) * 1.1 * height / tall
    elastic = np.zeros((2, 4, 4, 2), np.float32)
    return MovingPatch(patch, centres, flat + size, flat, flat + 1.0, elastic, flat)


def _shift(first: Camera, camera: Camera, size_wh: SizeWH) -> NDArray[np.float64]:
    """(2,) by which what stands in the middle of the first view has moved in another one."""
    return np.asarray(camera.matrix(size_wh) @ np.array([*first.centre_xy, 1.0]) - np.array(size_wh) / 2)


def _annotate(crowd: _Crowd, size_wh: SizeWH) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(frames, figures, 4) boxes of whole figures, NaN outside, and (frames, figures) visible shares."""
    frames, video = len(crowd.video), crowd.video
    boxes_xywh = np.full((frames, crowd.figures, 4), np.nan)
    visibility = np.zeros((frames, crowd.figures))
    for frame in range(frames):
        together = video.canvas(frame)
        for number, walker in enumerate((video.target, *video.above[: crowd.figures - 1])):
            alone = Canvas(None, size_wh)
            alone.draw(walker.patch, walker.placement(frame), TARGET)
            pixels, box = alone.visible(TARGET)
            whole = walker.patch.area * walker.placement(frame).scale ** 2
            if box is None or pixels < SEEN_FROM * whole or min(box[2] - box[0], box[3] - box[1]) < _PRESENCE_MARGIN:
                continue
            boxes_xywh[frame, number] = box[0], box[1], box[2] - box[0], box[3] - box[1]
            visibility[frame, number] = min(together.visible(TARGET + number)[0] / max(whole, 1.0), 1.0)
    return boxes_xywh, visibility

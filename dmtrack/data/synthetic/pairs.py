"""Training pairs that are rendered when they are drawn."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.config import Amount, Count, Share, parse_section
from dmtrack.data.samples import Clip
from dmtrack.data.synthetic.camera import Camera, SizeWH
from dmtrack.data.synthetic.compose import Canvas, Placement
from dmtrack.data.synthetic.effects import degrade, grayscale
from dmtrack.data.synthetic.hard_cases import HardCases, TwoBoxes, perhaps_a_part, set_into
from dmtrack.data.synthetic.look_alikes import look_alike
from dmtrack.data.synthetic.objects import cut_out, procedural_object, random_object
from dmtrack.data.synthetic.patches import Patch
from dmtrack.data.synthetic.real_clips import RealClips
from dmtrack.data.synthetic.real_images import Photo, RealImages
from dmtrack.data.synthetic.scenes import (
    LARGEST_THING,
    NOTHING,
    Motion,
    Scene,
    Thing,
    another_like,
    camera_motion,
    clip_background,
    look_alike_of,
    moving_thing,
    occluder,
    procedural_background,
    random_motion,
    random_size,
    real_background,
)
from dmtrack.errors import ConfigError
from dmtrack.registry import DATASETS

_ATTEMPTS = 20

CROWD_SIMILARITY = (0.8, 0.97)
CROWD_SIZE = (4, 11)
"""So many look-alikes a thing of a crowd has, the last one excluded."""

RELATIVES = (2, 6)
"""So many objects of one class stand together, the last number excluded."""


@DATASETS.register
class SyntheticPairs:
    """Draws pairs of rendered views of one scene with up to `max_targets` annotated instances.

    The recipe is the one that was found to carry over to real video: most scenes stand on photographs whose annotated
    objects are targets too; pasted things are cut-outs of annotated objects or procedural shapes; many have
    look-alikes. A thing counts as target where at least `minimal_visibility` of it shows in both views. Its box is
    the tight box of what shows of it inside the view, as annotators of tracking data sets draw it.

    Args:
        real_images: dicts with `annotations` (COCO json), `images` (folder) and `weight`; None makes everything
            procedural.
        real_share: how often the background is a photograph, where there are any.
        cut_out_share: how often a pasted thing is cut from a photograph, where there are any.
        real_clips: dicts with `root` and perhaps `names`, as `Davis` takes them: clips with masks; None for none.
        clip_share: how often the views are two moments of a clip, and a pasted thing is cut from two moments, where
            there are any.
        distractor_share: how often a pasted thing gets look-alikes.
        similarity: lowest and highest similarity of look-alikes, within [0, 1].
        relatives_share: how often a pasted thing is cut from a photograph and others of its class stand beside it, cut
            from other photographs; 0 by default. Alike as people are alike, where look-alikes are copies with changes.
        occluder_share: how often something lies over one of the things in a view.
        part_share: how often the target is a part of a thing, the same one in both views; 0 by default. People draw
            boxes around heads and faces, too, and where all targets are whole, boxes grow to the whole thing.
        change_share: how often the two views have different backgrounds.
        gray_share: how often both views are grayscale.
        hard_cases: how often what trackers fail on happens, a `HardCases` or a dict of its attributes; None for never.
        max_targets: instances per pair, at most.
        minimal_visibility: share of a thing's area that has to show in both views.
        smallest_target: square root of the smallest target's area, in pixels of the view.
        image_size_wh: size of both views where `sample` is not given one.
        cache_megabytes: memory for decoded photographs.

    Raises:
        ConfigError: a share outside [0, 1], or fewer than one target.
        DataError: an annotation file or image folder that is missing or of another layout.
    """

    def __init__(
        self,
        real_images: Collection[Mapping[str, Any]] | None = None,
        real_share: Share = 0.72,
        cut_out_share: Share = 0.6,
        real_clips: Collection[Mapping[str, Any]] | None = None,
        clip_share: Share = 0.15,
        distractor_share: Share = 0.5,
        similarity: tuple[Share, Share] = (0.2, 0.85),
        relatives_share: Share = 0.0,
        occluder_share: Share = 0.3,
        part_share: Share = 0.0,
        change_share: Share = 0.12,
        gray_share: Share = 0.1,
        hard_cases: HardCases | Mapping[str, Any] | None = None,
        max_targets: Count = 3,
        minimal_visibility: Share = 0.45,
        smallest_target: Amount = 8.0,
        image_size_wh: SizeWH = (320, 192),
        cache_megabytes: Amount = 512.0,
    ) -> None:
        shares = {
            "real_share": real_share,
            "cut_out_share": cut_out_share,
            "clip_share": clip_share,
            "distractor_share": distractor_share,
            "occluder_share": occluder_share,
            "part_share": part_share,
            "relatives_share": relatives_share,
            "change_share": change_share,
            "gray_share": gray_share,
            "minimal_visibility": minimal_visibility,
            "similarity.0": similarity[0],
            "similarity.1": similarity[1],
        }
        for name, value in shares.items():
            if not 0.0 <= value <= 1.0:
                raise ConfigError(f"SyntheticPairs: {name} is {value}: expected a number from 0 to 1")
        if max_targets < 1:
            raise ConfigError(f"SyntheticPairs: max_targets is {max_targets}: expected at least 1")
        photos = RealImages(real_images, cache_megabytes) if real_images is not None else None
        self._photos = photos if photos is not None and photos.records else None
        self._clips = RealClips(real_clips) if real_clips is not None else None
        self.real_share, self.clip_share = real_share, clip_share
        self.cut_out_share = cut_out_share
        self.distractor_share = distractor_share
        self.similarity = similarity
        self.relatives_share = relatives_share
        self.occluder_share = occluder_share
        self.part_share = part_share
        self.change_share = change_share
        self.gray_share = gray_share
        if not isinstance(hard_cases, HardCases):
            hard_cases = parse_section(hard_cases or {}, HardCases, "hard_cases", source="SyntheticPairs")
        self.hard_cases = hard_cases
        self.max_targets = max_targets
        self.minimal_visibility = minimal_visibility
        self.smallest_target = smallest_target
        self.image_size_wh: SizeWH = (int(image_size_wh[0]), int(image_size_wh[1]))

    def sample(self, rng: np.random.Generator, image_size_wh: SizeWH | None = None) -> Clip:
        """Draws one pair with at least one target; the same state of `rng` gives the same bytes.

        Args:
            rng: source of all randomness.
            image_size_wh: (width, height) of both views; the sampler's own by default.
        """
        size_wh = (int(image_size_wh[0]), int(image_size_wh[1])) if image_size_wh is not None else self.image_size_wh
        for _ in range(_ATTEMPTS):
            scene = self._scene(rng, size_wh)
            views = (scene.draw(0, size_wh), scene.draw(1, size_wh))
            targets = self._targets(scene, views)
            if targets:
                return self._pair(rng, views, targets)
        return self._certain_pair(rng, size_wh)

    def _scene(self, rng: np.random.Generator, size_wh: SizeWH) -> Scene:
        if self._clips is not None and rng.random() < self.clip_share:
            moments = self._clips.sample(rng)
            if self._photos is not None and self.hard_cases.far and rng.random() < self.hard_cases.far:
                first, second = set_into(rng, moments, self._photos.sample(rng).image)
                moments = first, second
            backgrounds, cameras = clip_background(rng, moments, size_wh)
            scene = Scene(backgrounds, cameras, (moments[0].boxes_xyxy, moments[1].boxes_xyxy))
            count = int(rng.integers(0, 3))
        elif self._photos is not None and rng.random() < self.real_share:
            photo = self._photos.sample(rng)
            if self.hard_cases.far and rng.random() < self.hard_cases.far:
                (photo,) = set_into(rng, (photo,), self._photos.sample(rng).image)
            background, cameras = real_background(rng, photo, size_wh)
            scene = Scene((background, background), cameras, (photo.boxes_xyxy, photo.boxes_xyxy))
            count = int(rng.choice(4, p=[0.15, 0.35, 0.3, 0.2]))
            if rng.random() < 0.4 * self.distractor_share:
                scene.things.extend(self._photo_look_alike(rng, photo, cameras, size_wh))
        else:
            background, cameras = procedural_background(rng, size_wh)
            scene = Scene((background, background), cameras)
            count = int(rng.integers(1, 5))
        motion = camera_motion(scene.cameras, size_wh)
        if rng.random() < self.change_share:
            self._change_background(rng, scene, size_wh)
            motion = random_motion(rng, size_wh)
            count = max(count, 1)
        for _ in range(count):
            family = self._family(rng, motion, size_wh)
            rng.shuffle(family)  # type: ignore[arg-type]
            scene.things.extend(family)
        self._add_occluders(rng, scene, size_wh)
        return scene

    def _family(self, rng: np.random.Generator, motion: Motion, size_wh: SizeWH) -> list[Thing]:
        """A thing, and perhaps others that it can be taken for."""
        tiny = bool(self.hard_cases.tiny) and rng.random() < self.hard_cases.tiny
        largest = 2 * self.smallest_target / size_wh[1] if tiny else LARGEST_THING
        size = random_size(rng, size_wh, self.smallest_target, largest)
        if self.relatives_share and rng.random() < self.relatives_share:
            patches = self._relatives(rng, size)
            if patches:
                views = (patches[0], self.hard_cases.seen_again(rng, patches[0]))
                thing = moving_thing(rng, lambda _: views, motion, size_wh, size)
                return [thing, *(another_like(rng, thing, patch, size_wh) for patch in patches[1:])]
        thing = moving_thing(rng, functools.partial(self._make, rng), motion, size_wh, size)
        family = [thing]
        if self.hard_cases.crowd and rng.random() < self.hard_cases.crowd:
            crowd = rng.uniform(*CROWD_SIMILARITY, int(rng.integers(*CROWD_SIZE)))
            family += [look_alike_of(rng, thing, size_wh, float(similarity)) for similarity in crowd]
        elif rng.random() < self.distractor_share:
            for _ in range(int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))):
                similarity = float(rng.uniform(*self.similarity))
                family.append(look_alike_of(rng, thing, size_wh, similarity, bool(rng.random() < 0.75)))
        return family

    def _relatives(self, rng: np.random.Generator, size: float) -> list[Patch]:
        """Cut-outs of different objects of one class; none where there are no two."""
        if self._photos is None:
            return []
        found = self._photos.relatives(rng, int(rng.integers(*RELATIVES)))
        patches = [cut_out(rng, photo, row, 1.5 * size) for photo, row in found]
        return [patch for patch in patches if patch is not None]

    def _make(self, rng: np.random.Generator, size: float) -> tuple[Patch, Patch]:
        """What a thing looks like in both views."""
        if self._clips is not None and rng.random() < self.clip_share:
            patches = self._clips.cut_outs(rng, size)
            if patches is not None:
                return patches
        patch = random_object(rng, self._photos, self.cut_out_share, size)
        return patch, self.hard_cases.seen_again(rng, patch)

    def _change_background(self, rng: np.random.Generator, scene: Scene, size_wh: SizeWH) -> None:
        """Gives the second view a background of its own, so that only the things themselves tell where they are."""
        if self._photos is not None and rng.random() < self.real_share:
            background, cameras = real_background(rng, self._photos.sample(rng), size_wh)
        else:
            background, cameras = procedural_background(rng, size_wh)
        scene.backgrounds = (scene.backgrounds[0], background)
        scene.cameras = (scene.cameras[0], cameras[1])
        scene.boxes_xyxy = (NOTHING, NOTHING)
        scene.things = []

    def _photo_look_alike(
        self, rng: np.random.Generator, photo: Photo, cameras: tuple[Camera, Camera], size_wh: SizeWH
    ) -> list[Thing]:
        """A changed copy of one of the photograph's own annotated objects, beside the original."""
        row = int(rng.integers(len(photo.boxes_xyxy)))
        seen = cameras[0].project_boxes(photo.boxes_xyxy[row : row + 1], size_wh)[0]
        size = float(np.sqrt(np.prod(seen[2:] - seen[:2])))
        if not 0.7 * self.smallest_target < size < 0.6 * size_wh[1]:
            return []
        original = cut_out(rng, photo, row, size)
        if original is None:
            return []
        similarity = float(rng.uniform(*self.similarity))
        patch = look_alike(rng, original, min(similarity, 0.8))
        return [moving_thing(rng, lambda _: (patch, patch), camera_motion(cameras, size_wh), size_wh, size)]

    def _add_occluders(self, rng: np.random.Generator, scene: Scene, size_wh: SizeWH) -> None:
        for view in (0, 1):
            if rng.random() >= self.occluder_share:
                continue
            goals: list[tuple[tuple[float, float], float]] = []
            for thing in scene.things:
                placement = thing.placements[view]
                if placement is not None:
                    size = placement.scale * float(np.sqrt(np.prod(thing.patches[view].extent_wh)))
                    goals.append((placement.centre_xy, size))
            for box in scene.cameras[view].project_boxes(scene.boxes_xyxy[view], size_wh):
                centre = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
                if 0 < centre[0] < size_wh[0] and 0 < centre[1] < size_wh[1]:
                    size = float(np.sqrt((box[2] - box[0]) * (box[3] - box[1])))
                    goals.append((centre, min(size, 0.6 * size_wh[1])))
            if goals:
                near_xy, size = goals[int(rng.integers(len(goals)))]
                scene.occluders[view].append(occluder(rng, view, near_xy, size, size_wh))

    def _targets(self, scene: Scene, views: tuple[Canvas, Canvas]) -> list[TwoBoxes]:
        projected = [scene.cameras[view].project_boxes(scene.boxes_xyxy[view], views[view].size_wh) for view in (0, 1)]
        found = [
            [self._thing_box(thing, view, number, views[view]) for view in (0, 1)]
            for number, thing in enumerate(scene.things, start=1)
        ]
        found += [
            [self._background_box(row, canvas) for row, canvas in zip(rows, views, strict=True)]
            for rows in zip(*projected, strict=True)
        ]
        return [(first, second) for first, second in found if first is not None and second is not None]

    def _thing_box(self, thing: Thing, view: int, number: int, canvas: Canvas) -> NDArray[np.float64] | None:
        placement = thing.placements[view]
        if placement is None:
            return None
        pixels, box = canvas.visible(number)
        full = thing.patches[view].area * placement.scale**2
        if box is None or pixels < self.minimal_visibility * full:
            return None
        return self._large_enough(np.array(box, np.float64), canvas.size_wh)

    def _background_box(self, box_xyxy: NDArray[np.float64], canvas: Canvas) -> NDArray[np.float64] | None:
        width, height = canvas.size_wh
        clipped = np.clip(box_xyxy, 0, np.array([width, height, width, height]))
        full = float(np.prod(box_xyxy[2:] - box_xyxy[:2]))
        inside = float(np.prod(clipped[2:] - clipped[:2]))
        if inside < self.minimal_visibility * full or inside < 1:
            return None
        uncovered, box = canvas.visible_background(clipped)
        if box is None or inside * uncovered < self.minimal_visibility * full:
            return None
        return self._large_enough(np.array(box, np.float64), canvas.size_wh)

    def _large_enough(self, box_xyxy: NDArray[np.float64], size_wh: SizeWH) -> NDArray[np.float64] | None:
        width, height = box_xyxy[2:] - box_xyxy[:2]
        area = float(width * height)
        smallest = 0.85 * self.smallest_target
        too_large = area > 0.7 * size_wh[0] * size_wh[1]
        return None if min(width, height) < 4 or area < smallest**2 or too_large else box_xyxy

    def _pair(self, rng: np.random.Generator, views: tuple[Canvas, Canvas], targets: list[TwoBoxes]) -> Clip:
        targets = [targets[index] for index in rng.permutation(len(targets))[: self.max_targets]]
        gray = rng.random() < self.gray_share
        images = []
        for view in views:
            assert view.image is not None
            image = degrade(rng, view.image)
            images.append(np.ascontiguousarray(grayscale(image) if gray else image))
        images = self.hard_cases.camera_effects(rng, images)
        if self.part_share:
            smallest = 2 * self.smallest_target
            targets = [perhaps_a_part(rng, target, self.part_share, smallest) for target in targets]
        first, second = (np.stack(boxes) for boxes in zip(*targets, strict=True))
        return Clip.pair(images[0], images[1], first, second)

    def _certain_pair(self, rng: np.random.Generator, size_wh: SizeWH) -> Clip:
        """A scene that has its target for certain: one thing in the middle of both views, in front of everything."""
        background, cameras = procedural_background(rng, size_wh)
        patch = procedural_object(rng, 0.3 * min(size_wh))
        middle = Placement((size_wh[0] / 2, size_wh[1] / 2))
        scene = Scene((background, background), cameras, things=[Thing((patch, patch), (middle, middle))])
        views = (scene.draw(0, size_wh), scene.draw(1, size_wh))
        boxes = [np.array(view.visible(1)[1], np.float64) for view in views]
        return self._pair(rng, views, [(boxes[0], boxes[1])])

"""Rendered test sequences with exact annotations: deterministic, any length, random access to frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from dmtrack.config import Count, CountOrZero, Share
from dmtrack.data.sequences import Image, OnDemand, Sequence
from dmtrack.data.synthetic.camera import SizeWH, covering_scale
from dmtrack.data.synthetic.directing import Script, direct, procedural_canvas
from dmtrack.data.synthetic.real_images import RealImages
from dmtrack.data.synthetic.video import PRESENT_FROM, RenderedVideo
from dmtrack.errors import ConfigError
from dmtrack.registry import DATASETS

SPAWN_KEY = 0x5E0
"""First word of the spawn key of every sequence's generator.

Training pairs come from `default_rng([seed, index])`, whose entropy has no spawn key. NumPy hashes a spawn key behind
the entropy padded to four words, so no sequence shares its random numbers with any training pair, whatever the seeds.
"""

_ATTEMPTS = 8


GENERATED = "synthetic_"
"""Begins the names of generated sequences, which no benchmark's official sequences have."""


@DATASETS.register
class SyntheticSequences(OnDemand[Sequence]):
    """A list of rendered videos with one target each.

    Sequence `i` depends on `seed`, `i` and the arguments that shape it, not on `count`. Videos are made when asked
    for; a frame is rendered from the state that its video has at that time, without the frames before it.

    The target is absent (NaN box, `present` False, cover 0) in frames that show less than a fifth of it, because it
    left the view or something hides it. Otherwise its box is the tight box of what shows of it. The first frame
    shows it.

    Args:
        count: number of sequences.
        frames: length of each.
        seed: of the whole list.
        size_wh: (width, height) of the frames.
        distractors: look-alikes in every sequence, which move on their own and cross the target's way.
        similarity: lowest and highest similarity of the look-alikes to the target, within [0, 1].
        absence: share of sequences in which the target leaves the view and returns.
        occlusion: share of sequences in which something passes in front of the target.
        real_images: dicts with `annotations`, `images`, `weight` as `SyntheticPairs` takes them, for photographic
            backgrounds and cut-outs; None makes everything procedural.

    Raises:
        ConfigError: a count, length, size or share out of range.
    """

    def __init__(
        self,
        count: CountOrZero,
        frames: Count = 100,
        seed: CountOrZero = 0,
        size_wh: SizeWH = (448, 256),
        distractors: CountOrZero = 0,
        similarity: tuple[Share, Share] = (0.3, 0.8),
        absence: Share = 0.25,
        occlusion: Share = 0.3,
        real_images: Collection[Mapping[str, Any]] | None = None,
    ) -> None:
        lowest = {"count": (count, 0), "frames": (frames, 1), "seed": (seed, 0), "distractors": (distractors, 0)}
        for name, (value, limit) in lowest.items():
            if value < limit or int(value) != value:
                raise ConfigError(f"SyntheticSequences: {name} is {value}: expected a whole number from {limit}")
        shares = {"similarity.0": similarity[0], "similarity.1": similarity[1]}
        for name, share in {**shares, "absence": absence, "occlusion": occlusion}.items():
            if not 0.0 <= share <= 1.0:
                raise ConfigError(f"SyntheticSequences: {name} is {share}: expected a number from 0 to 1")
        if min(size_wh) < 64:
            raise ConfigError(f"SyntheticSequences: size_wh is {tuple(size_wh)}: expected at least 64 pixels a side")
        super().__init__(int(count), self._sequence)
        self.count, self.frames, self.seed = int(count), int(frames), int(seed)
        self.size_wh: SizeWH = (int(size_wh[0]), int(size_wh[1]))
        self.distractors = int(distractors)
        self.similarity = (float(similarity[0]), float(similarity[1]))
        self.absence, self.occlusion = absence, occlusion
        photos = RealImages(real_images) if real_images is not None else None
        self._photos = photos if photos is not None and photos.records else None

    def _sequence(self, position: int) -> Sequence:
        video = self._video(position)
        boxes_xywh = np.full((self.frames, 4), np.nan)
        cover = np.zeros(self.frames, np.int64)
        for frame in range(self.frames):
            share, box = video.annotation(frame)
            if box is not None and share >= PRESENT_FROM:
                boxes_xywh[frame] = box[0], box[1], box[2] - box[0], box[3] - box[1]
                cover[frame] = max(1, round(8 * share))
        kind = "distractors" if self.distractors else "plain"
        return Sequence(
            name=f"{GENERATED}{kind}_{position:04d}",
            boxes_xywh=boxes_xywh,
            present=cover > 0,
            read_frame=video.read_frame,
            frame_size_wh=self.size_wh,
            cover=cover,
        )

    def _video(self, position: int) -> RenderedVideo:
        """The first of a few drafts whose first frame shows the target whole."""
        video: RenderedVideo | None = None
        for attempt in range(_ATTEMPTS):
            spawn_key = (SPAWN_KEY, position, attempt)
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=spawn_key))
            script = Script(
                frames=self.frames,
                size_wh=self.size_wh,
                distractors=self.distractors,
                similarity=self.similarity,
                leaves=bool(rng.random() < self.absence),
                occluded=bool(rng.random() < self.occlusion),
            )
            noise_seed = (self.seed, SPAWN_KEY, position, attempt, 1)
            video = direct(rng, script, self._background, self._photos, noise_seed)
            if video.annotation(0)[0] > 0.85:
                return video
        assert video is not None
        return replace(video, above=())  # nothing in front of the target

    def _background(self, rng: np.random.Generator) -> Image:
        """A textured background, or a photograph that covers the frames with some room for the camera to move."""
        if self._photos is None or rng.random() >= 0.75:
            return procedural_canvas(rng, self.size_wh)
        photo = self._photos.sample(rng).image
        scale = 1.3 * covering_scale((photo.shape[1], photo.shape[0]), self.size_wh)
        wanted = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
        return np.asarray(cv2.resize(photo, wanted, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))

"""Transforms that treat the images of a clip alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

from dmtrack.data.samples import Clip, Sample
from dmtrack.data.transforms.draws import Draws


class SampleTransform(ABC):
    """Changes the samples of a clip one after the other, each with draws of its own."""

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """The clip with changed samples."""
        changed = (self.change(sample, rng, place) for place, sample in enumerate(clip.samples))
        return replace(clip, samples=tuple(changed))

    @abstractmethod
    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """The changed sample; `place` is its number in the clip, 0 for the query."""

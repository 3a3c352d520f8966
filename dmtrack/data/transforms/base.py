"""What transforms share: random draws from either of numpy's generators, and steps that treat images alike.

Training uses `numpy.random.Generator`. `numpy.random.RandomState` is the generator that the published code drew from;
with it the transforms of the `reference` recipe repeat the published draws one by one. `random`, `uniform` and
`permutation` mean the same in both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from dmtrack.data.samples import Clip, Sample

Draws = np.random.Generator | np.random.RandomState


def integer(rng: Draws, low: int, high: int) -> int:
    """A whole number in [low, high)."""
    return int(rng.randint(low, high) if isinstance(rng, np.random.RandomState) else rng.integers(low, high))


def coin(rng: Draws) -> bool:
    """Heads or tails."""
    return integer(rng, 0, 2) == 1


class SampleTransform(ABC):
    """Changes the samples of a clip one after the other, each with draws of its own."""

    def __call__(self, clip: Clip, rng: Draws) -> Clip:
        """The clip with changed samples."""
        changed = (self.change(sample, rng, place) for place, sample in enumerate(clip.samples))
        return replace(clip, samples=tuple(changed))

    @abstractmethod
    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """The changed sample; `place` is its number in the clip, 0 for the query."""

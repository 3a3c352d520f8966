"""Several samplers as one."""

from __future__ import annotations

from collections import abc
from dataclasses import replace
from typing import Any

import numpy as np

from dmtrack.data.samples import Clip, ClipSampler, Sample, built
from dmtrack.errors import ConfigError
from dmtrack.registry import DATASETS


@DATASETS.register
class RandomConcat:
    """Draws one of its samplers by probability, then a pair (or clip) of it.

    The published code also fixes the number of items, groups them by landscape and portrait, and reaches an item by
    index modulo length, so that images beyond the concatenated length are never seen. Here every pair of every dataset
    can be drawn.

    Identities of the samplers are counted through, in the order of the samplers.

    Args:
        datasets: samplers, built or as config dicts.
        probabilities: one per dataset, of any sum; None makes them equal.

    Attributes:
        identity_count: how many objects the samplers can tell apart; identities are below.

    Raises:
        ConfigError: no datasets, another number of probabilities, or negative ones.
    """

    def __init__(self, datasets: abc.Sequence[Any], probabilities: abc.Sequence[float] | None = None) -> None:
        if not datasets:
            raise ConfigError("RandomConcat: `datasets` is empty; name at least one")
        weights = np.ones(len(datasets)) if probabilities is None else np.asarray(probabilities, dtype=np.float64)
        if weights.shape != (len(datasets),):
            raise ConfigError(f"RandomConcat: {len(datasets)} datasets but {weights.size} probabilities; give one each")
        if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
            raise ConfigError(f"RandomConcat: probabilities {weights.tolist()}; expected numbers from 0 up, not all 0")
        self.datasets: list[ClipSampler] = [built(dataset) for dataset in datasets]
        self.probabilities = weights / weights.sum()
        counts = [int(getattr(dataset, "identity_count", 0)) for dataset in self.datasets]
        self._first_identities = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.identity_count = int(self._first_identities[-1])

    def __len__(self) -> int:
        sizes: list[Any] = list(self.datasets)
        return sum(len(dataset) for dataset in sizes)

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """A clip of one of the datasets."""
        place = int(rng.choice(len(self.datasets), p=self.probabilities))
        first = self._first_identities[place]

        def counted_through(sample: Sample) -> Sample:
            own = sample.identities
            return sample if own is None else replace(sample, identities=np.where(own >= 0, own + first, -1))

        return self.datasets[place].sample(rng, image_size_wh).map(counted_through)

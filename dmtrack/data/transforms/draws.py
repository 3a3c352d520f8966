"""The few random draws that the transforms need, from either of numpy's generators.

Training uses `numpy.random.Generator`. `numpy.random.RandomState` is the generator that the published code drew from;
with it the transforms of the `reference` recipe repeat the published draws one by one.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

Draws = np.random.Generator | np.random.RandomState
Option = TypeVar("Option")


def uniform(rng: Draws, low: float, high: float) -> float:
    """A number in [low, high)."""
    return low + (high - low) * float(rng.random())


def integer(rng: Draws, low: int, high: int) -> int:
    """A whole number in [low, high)."""
    return int(rng.randint(low, high) if isinstance(rng, np.random.RandomState) else rng.integers(low, high))


def coin(rng: Draws) -> bool:
    """Heads or tails."""
    return integer(rng, 0, 2) == 1


def happens(rng: Draws, probability: float) -> bool:
    """True with the given probability."""
    return float(rng.random()) < probability


def one_of(rng: Draws, options: list[Option] | tuple[Option, ...]) -> Option:
    """One of the options, all equally likely."""
    return options[integer(rng, 0, len(options))]


def permutation(rng: Draws, count: int) -> list[int]:
    """0 .. count - 1 in random order."""
    return [int(place) for place in rng.permutation(count)]

"""Paired bootstrap over sequences: how far a score would move if other sequences of the same kind had been taken.

A round draws as many sequences as there are, with replacement, the same ones for every tracker, and computes all scores
anew. Sequences are drawn and not frames, because neighbouring frames say nearly the same (Efron and Tibshirani, An
Introduction to the Bootstrap, chapters 8 and 13; percentile intervals). Every number that a protocol reads is a
weighted mean of the numbers of its sequences, so that all rounds are one matrix product: draws x values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.errors import EvaluationError

Array = NDArray[np.float64]

_ROUNDS_AT_ONCE = 4096


@dataclass(frozen=True)
class Interval:
    """A number and how sure it is.

    Attributes:
        value: over all sequences, in the unit of what was given; of a paired bootstrap, the difference a - b.
        low: lower end of the interval; NaN where fewer than two sequences count.
        high: upper end likewise.
        level: share of rounds inside the interval, in (0, 1).
        rounds: how often sequences were drawn.
        sequences: how many sequences count.
        p_value: of a difference: twice the share of rounds on the rarer side of 0, in (0, 1]; NaN otherwise.
    """

    value: float
    low: float
    high: float
    level: float
    rounds: int
    sequences: int
    p_value: float = float("nan")

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside: of a difference, whether it is significant at `level`."""
        return self.low > 0 or self.high < 0

    @property
    def is_known(self) -> bool:
        """Whether there is an interval at all."""
        return not (np.isnan(self.low) or np.isnan(self.high))


def paired_bootstrap(
    per_sequence_a: ArrayLike,
    per_sequence_b: ArrayLike,
    rounds: int = 1000,
    seed: int = 0,
    *,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """Confidence interval of the difference of two trackers' means over the same sequences.

    Args:
        per_sequence_a: (sequences,) one number per sequence, of tracker A; NaN where the sequence counts for neither.
        per_sequence_b: (sequences,) of tracker B, in the same order.
        rounds: how often sequences are drawn.
        seed: the same seed gives the same interval.
        weights: (sequences,) for means that weigh sequences, such as their counted frames where frames are pooled.
        level: share of the rounds inside the interval.

    Returns:
        The interval of mean(a) - mean(b), in the unit of the numbers.

    Raises:
        EvaluationError: the two differ in length or in which sequences count, or an option makes no sense.
    """
    a, b = (np.asarray(values, dtype=np.float64).reshape(-1) for values in (per_sequence_a, per_sequence_b))
    if len(a) != len(b):
        raise EvaluationError(
            f"a paired bootstrap needs both trackers on the same sequences, but there are {len(a)} numbers and {len(b)}"
        )
    if (np.isnan(a) != np.isnan(b)).any():
        place = int(np.flatnonzero(np.isnan(a) != np.isnan(b))[0])
        raise EvaluationError(
            f"a paired bootstrap needs both trackers on the same sequences, but number {place} is NaN for one of them"
        )
    weight = np.ones(len(a)) if weights is None else np.asarray(weights, dtype=np.float64).reshape(-1)
    if len(weight) != len(a) or not (weight >= 0).all():
        raise EvaluationError(f"expected {len(a)} weights of at least 0, one per sequence")
    values = np.stack([a, b], axis=1)
    weight = np.where(np.isnan(a), 0.0, weight)
    weights = np.stack([weight, weight], axis=1)
    blocks = [weighted_means(draws, values, weights) for draws in draw_sequences(len(a), rounds, seed)]
    samples = np.concatenate(blocks)
    mean_a, mean_b = weighted_means(np.ones((1, len(a))), values, weights)[0]
    counted = int(np.count_nonzero(weight))
    return difference_interval(float(mean_a - mean_b), samples[:, 0], samples[:, 1], counted, level)


def draw_sequences(sequences: int, rounds: int, seed: int) -> Iterator[Array]:
    """How often each sequence is drawn in each round, in blocks of (rounds, sequences) so that memory stays small.

    Raises:
        EvaluationError: fewer than one round, or no sequence.
    """
    if rounds < 1 or sequences < 1:
        raise EvaluationError(
            f"a bootstrap needs at least one round and one sequence, not {rounds} rounds on {sequences} sequences"
        )
    random = np.random.default_rng(seed)
    # Drawing indices and counting them is several times as fast as drawing from a multinomial distribution.
    for start in range(0, rounds, _ROUNDS_AT_ONCE):
        block = min(_ROUNDS_AT_ONCE, rounds - start)
        drawn = random.integers(0, sequences, (block, sequences)) + np.arange(block)[:, None] * sequences
        counts = np.bincount(drawn.ravel(), minlength=block * sequences)
        yield counts.reshape(block, sequences).astype(np.float64)


def weighted_means(draws: Array, values: Array, weights: Array) -> Array:
    """Weighted means of each round, (rounds, columns); NaN where the weights of a round sum to 0.

    Args:
        draws: (rounds, sequences) how often each sequence is drawn.
        values: (sequences, columns).
        weights: (sequences, columns) what one draw of a sequence weighs.
    """
    total = draws @ weights
    summed = draws @ (np.where(weights > 0, np.nan_to_num(values), 0.0) * weights)
    return np.divide(summed, total, out=np.full(total.shape, np.nan), where=total > 0)


def interval_of(value: float, samples: Array, sequences: int, level: float = 0.95) -> Interval:
    """The percentile interval of (rounds,) resampled scores around the score itself.

    Raises:
        EvaluationError: `level` is no share.
    """
    if not 0 < level < 1:
        raise EvaluationError(f"the level of an interval is a share between 0 and 1, such as 0.95, not {level:g}")
    known = samples[~np.isnan(samples)]
    low = high = float("nan")
    if sequences > 1 and len(known):
        low, high = (float(end) for end in np.quantile(known, [(1 - level) / 2, (1 + level) / 2]))
    return Interval(value, low, high, level, len(samples), sequences)


def difference_interval(
    value: float, samples_a: Array, samples_b: Array, sequences: int, level: float = 0.95
) -> Interval:
    """The interval of a difference from (rounds,) resampled scores of A and of B, drawn together."""
    differences = samples_a - samples_b
    plain = interval_of(value, differences, sequences, level)
    p_value = float("nan")
    known = differences[~np.isnan(differences)]
    if plain.is_known:
        # One is added because the data themselves are a draw, too: no finite number of rounds gives p = 0.
        rarer = min(np.count_nonzero(known <= 0), np.count_nonzero(known >= 0))
        p_value = min(1.0, 2 * (rarer + 1) / (len(known) + 1))
    return Interval(plain.value, plain.low, plain.high, level, plain.rounds, sequences, p_value)

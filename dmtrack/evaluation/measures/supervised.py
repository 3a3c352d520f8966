"""Accuracy, robustness and expected average overlap of runs with restarts; average overlap of runs without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.eao import Fragment, cut_into_fragments, expected_overlaps
from dmtrack.evaluation.measures.overlap import INCLUSIVE, INCLUSIVE_LAST_PIXEL, OverlapRule, region_overlaps
from dmtrack.evaluation.measures.trajectory import Regions, Trajectory, as_regions, is_region, to_polygons

if TYPE_CHECKING:
    from dmtrack.evaluation.protocols.restarts import VotProtocol


@dataclass(frozen=True)
class VotRuns:
    """All repetitions of a tracker on one sequence.

    Attributes:
        name: of the sequence.
        truth: (frames, columns) true regions, see `trajectory.py`.
        image_size_wh: width and height of the frames.
        trajectories: one per repetition, at least one.

    Raises:
        EvaluationError: no trajectory, or one with another number of frames.
    """

    name: str
    truth: Regions
    image_size_wh: tuple[int, int]
    trajectories: tuple[Trajectory, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "truth", as_regions(self.truth))
        object.__setattr__(self, "trajectories", tuple(self.trajectories))
        if not self.trajectories:
            raise EvaluationError(f"sequence {self.name!r} has no trajectory; run the tracker on it or leave it out")
        for number, trajectory in enumerate(self.trajectories, start=1):
            if len(trajectory) != len(self.truth):
                raise EvaluationError(
                    f"sequence {self.name!r}: repetition {number} has {len(trajectory)} frames, the truth has "
                    f"{len(self.truth)}; give one row per frame"
                )

    def failures(self) -> float:
        """Mean number over the repetitions."""
        return float(np.mean([len(trajectory.failures) for trajectory in self.trajectories]))


@dataclass(frozen=True)
class VotSequenceScore:
    """One sequence under a protocol.

    Attributes:
        name: of the sequence.
        frames: its length.
        accuracy: mean overlap of its valid frames (average overlap where the protocol is unsupervised); NaN where
            there is none.
        failures: mean number over the repetitions.
    """

    name: str
    frames: int
    accuracy: float
    failures: float


@dataclass(frozen=True)
class VotScore:
    """A set of sequences under a protocol.

    Attributes:
        scores: `eao` in [0, 1], `accuracy` in [0, 1], `robustness` in failures per 100 frames and `lost`, failures over
            all sequences and averaged over repetitions; or `average_overlap` alone. NaN where nothing defines a score.
        sequences: one by one, in the order given.
        curve: (lengths,) behind `eao`, see `expected_overlaps`.
    """

    scores: dict[str, float]
    sequences: tuple[VotSequenceScore, ...]
    curve: NDArray[np.float64] | None = None


def score_vot(protocol: VotProtocol, sequences: list[VotRuns]) -> VotScore:
    """Scores a tracker on a set of sequences; an empty set has the score NaN."""
    overlaps = [_all_overlaps(protocol.accuracy_overlap, runs) for runs in sequences]
    valid = []  # with NaN in frames that do not count for accuracy
    for runs, values in zip(sequences, overlaps, strict=True):
        counted = np.stack([trajectory.after_burn_in(protocol.burn_in) for trajectory in runs.trajectories])
        # A result that is no region is no special frame either: it overlaps with nothing.
        valid.append(np.where(counted, values, np.nan))
    per_sequence = tuple(
        VotSequenceScore(runs.name, len(runs.truth), _mean(_over_repetitions(values)), runs.failures())
        for runs, values in zip(sequences, valid, strict=True)
    )
    accuracy = _accuracy(protocol, sequences, valid)
    if protocol.experiment == "unsupervised":
        return VotScore({"average_overlap": accuracy}, per_sequence)
    frames = sum(len(runs.truth) for runs in sequences)
    lost = sum(item.failures for item in per_sequence)
    scores = {"accuracy": accuracy, "robustness": 100 * lost / frames if frames else float("nan"), "lost": lost}
    if protocol.eao_window is None:
        return VotScore(scores, per_sequence)
    curve = _eao_curve(protocol, sequences, overlaps)
    shortest, longest = protocol.eao_window
    return VotScore({"eao": _mean(curve[shortest - 1 : longest]), **scores}, per_sequence, curve)


def _eao_curve(
    protocol: VotProtocol, sequences: list[VotRuns], overlaps: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Expected overlap by length over all runs; the repetitions of a sequence count as one run together.

    `overlaps` are (repetitions, frames) per sequence, by `protocol.accuracy_overlap`.
    """
    fragments: list[Fragment] = []
    for runs, known in zip(sequences, overlaps, strict=True):
        values = _eao_overlaps(protocol, runs, known)
        for trajectory, row in zip(runs.trajectories, values, strict=True):
            fragments += cut_into_fragments(protocol, trajectory, row, 1 / len(runs.trajectories))
    if protocol.fragments == "until-failure":
        longest = max((len(fragment.overlaps) for fragment in fragments), default=0)
    else:
        longest = max((len(runs.truth) for runs in sequences), default=0)
    return expected_overlaps(fragments, longest - 1)


def _all_overlaps(rule: OverlapRule, runs: VotRuns) -> NDArray[np.float64]:
    """(repetitions, frames)."""
    columns = max(trajectory.regions.shape[1] for trajectory in runs.trajectories)
    results = np.full((len(runs.trajectories), len(runs.truth), columns), np.nan)
    for row, trajectory in zip(results, runs.trajectories, strict=True):
        row[:, : trajectory.regions.shape[1]] = trajectory.regions
    truth = np.tile(runs.truth, (len(results), 1))
    return region_overlaps(rule, truth, results.reshape(-1, columns), runs.image_size_wh).reshape(len(results), -1)


def _eao_overlaps(protocol: VotProtocol, runs: VotRuns, known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Overlaps by the rule of the expected average overlap, computed anew only where they can differ."""
    if protocol.eao_overlap == protocol.accuracy_overlap:
        return known
    if {protocol.accuracy_overlap, protocol.eao_overlap} != {INCLUSIVE, INCLUSIVE_LAST_PIXEL}:
        return _all_overlaps(protocol.eao_overlap, runs)
    # One column and one row of pixels less: of no matter to regions that end before them.
    values = known.copy()
    for row, trajectory in zip(values, runs.trajectories, strict=True):
        near = np.zeros(len(row), dtype=bool)
        for regions in (runs.truth, trajectory.regions):  # that reach the last column or row once they are rounded
            rows = np.flatnonzero(is_region(regions))
            near[rows] |= (to_polygons(regions[rows]).max(axis=1) > np.array(runs.image_size_wh) - 2).any(axis=1)
        row[near] = region_overlaps(
            protocol.eao_overlap, runs.truth[near], trajectory.regions[near], runs.image_size_wh
        )
    return values


def _accuracy(protocol: VotProtocol, sequences: list[VotRuns], valid: list[NDArray[np.float64]]) -> float:
    if protocol.accuracy_pooling == "frames":
        return _mean(np.concatenate([_over_repetitions(values) for values in valid] or [np.zeros(0)]))
    frames = np.array([len(runs.truth) for runs in sequences], dtype=np.float64)
    # A run without a valid frame has accuracy 0 here, and its sequence's weight.
    means = [np.nan_to_num([_mean(row) for row in values]).mean() for values in valid]
    return float(np.dot(means, frames) / frames.sum()) if frames.sum() else float("nan")


def _over_repetitions(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames,) mean over the repetitions in which the frame counts, NaN where there is none."""
    counted = ~np.isnan(values)
    count = counted.sum(axis=0)
    total = np.where(counted, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of what is no NaN; NaN where there is nothing."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")

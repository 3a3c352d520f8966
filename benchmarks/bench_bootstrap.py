"""How long the paired bootstrap of a report takes, beside a loop that averages the drawn sequences anew.

    python benchmarks/bench_bootstrap.py --json bootstrap.json

The scores are made up: as many trackers and sequences as asked for, under `lasot-official`, with a few sequences that
the protocol leaves out. The loop draws the very same sequences and calls the function that scores a whole benchmark,
for some of the rounds; the ratio is that of seconds per round. Target: all rounds in less than 30 seconds.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from dmtrack.evaluation.measures.frames import apply_rules
from dmtrack.evaluation.protocols.official import LASOT_OFFICIAL
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.bootstrap import draw_sequences
from dmtrack.evaluation.reporting.significance import assess
from dmtrack.evaluation.scoring import Score, combine, pooled_curves, score_frames
from dmtrack.files import write_json

TARGET_SECONDS = 30.0


def make_score(tracker: int, sequences: int, frames: int) -> Score:
    """A tracker whose boxes miss the truth by a distance of its own in each sequence."""
    scored = []
    for index in range(sequences):
        random = np.random.default_rng([tracker, index])
        truth = np.tile([50.0, 40.0, 30.0, 20.0], (frames, 1))
        # Every tenth sequence is lost from its first frame on, so that its curves are zero.
        shift = 500.0 if index % 10 == tracker % 10 else random.gamma(2.0, 3.0)
        results = truth + random.normal(shift, 3.0, truth.shape) * [1, 1, 0, 0]
        ruled = apply_rules(LASOT_OFFICIAL, truth, np.ones(frames, dtype=bool), results, first_pixel=1)
        scored.append(score_frames(LASOT_OFFICIAL, f"sequence-{index}", ruled))
    return combine(LASOT_OFFICIAL, f"tracker-{tracker}", "made-up", scored)


def loop(report: Report, draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rounds, trackers x numbers) scores of the drawn sequences, one round and one tracker after the other."""
    rounds = []
    for counts in draws:
        numbers: list[float] = []
        for score in report.scores:
            drawn = [item for item, count in zip(score.sequences, counts, strict=True) for _ in range(int(count))]
            numbers += pooled_curves(report.protocol, drawn).scores(report.protocol).values()
        rounds.append(numbers)
    return np.array(rounds)


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trackers", type=int, default=10)
    parser.add_argument("--sequences", type=int, default=280)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--loop-rounds", type=int, default=20, help="how many of the rounds the loop does")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    scores = tuple(make_score(number, options.sequences, 60) for number in range(options.trackers))
    report = Report("made-up", LASOT_OFFICIAL, scores)

    start = time.perf_counter()
    significance = assess(report, options.rounds, seed=0)
    seconds = time.perf_counter() - start

    draws = next(draw_sequences(options.sequences, options.loop_rounds, seed=0))
    start = time.perf_counter()
    looped = loop(report, draws)
    loop_seconds = (time.perf_counter() - start) / options.loop_rounds * options.rounds

    # The same draws must give the same ends of the intervals: compared with as few rounds as the loop did.
    few = assess(report, options.loop_rounds, seed=0)
    ends = np.array([[item.low, item.high] for numbers in few.intervals.values() for item in numbers.values()])
    difference = float(np.abs(np.quantile(looped, [0.025, 0.975], axis=0).T - ends).max())
    figures = {
        "trackers": options.trackers,
        "sequences": options.sequences,
        "rounds": options.rounds,
        "differences": len(significance.comparisons),
        "seconds": round(seconds, 4),
        "loop_seconds": round(loop_seconds, 2),
        "loop_over_package": round(loop_seconds / seconds, 1),
        "largest_disagreement": difference,
        "target_seconds": TARGET_SECONDS,
        "reached": seconds < TARGET_SECONDS,
    }
    print(
        f"{options.trackers} trackers, {options.sequences} sequences, {options.rounds} rounds: {seconds:.3f} s for "
        f"{len(significance.comparisons)} differences; target {TARGET_SECONDS:.0f} s "
        f"{'reached' if figures['reached'] else 'MISSED'}\n"
        f"loop over rounds and trackers: {loop_seconds:.1f} s, ratio {loop_seconds / seconds:.0f} "
        f"(intervals differ by {difference:.1e})"
    )
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()

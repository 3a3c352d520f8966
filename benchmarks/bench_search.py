"""Speed of a parameter search on shared network outputs against full runs, and what the found values are worth.

    python benchmarks/bench_search.py --siamrpn-weights FILE [--json FILE]

Two searches of `--trials` trials on generated tuning sequences: association on stored detections of dmtrackGS_tiny
(exact; storing them counts), and penalty, window and learning rate of SiamRPN++ on shared outputs of crops
within `--tolerance` pixels (approximate). The weights are those of any SiamRPN++, such as the small one that
`configs/siamrpn/siamrpn_alex_synthetic.py` trains in minutes; without them that part is left out.

Nothing is pruned. The full runs have parameters of their own, drawn from the same ranges; `--full-runs` are measured in
the same process (as many as trials measures all; fewer are extrapolated, and the report says so). Ratios are of
processor time, because what other programs do adds to wall time; those of wall time stand beside them. `value_error` is
by how much values of trials differ from exact ones of the same parameters, over `--checked` trials; `held_out` compares
the best parameters with the config's own on other sequences, both exactly.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from dmtrack.association.policies import DistractorAware
from dmtrack.files import write_json
from dmtrack.running.caching import build_caches
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice, Generated
from dmtrack.running.sweeps.settings import NamedTracker, SweepSettings
from dmtrack.running.trackers import TrackerChoice
from dmtrack.search.outcome import Outcome
from dmtrack.search.running import search
from dmtrack.search.settings import SearchSettings, prepare
from dmtrack.search.space import SIAMRPN_SPACE, usual_space
from dmtrack.search.tracks import FullRuns
from dmtrack.search.work import evaluate

TARGET = 10.0
SIZE_WH = (320, 192)


def timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What a call gives, and its wall and processor time in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    given = call()
    return given, {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def measure(settings: SearchSettings, options: argparse.Namespace, stored: dict[str, float]) -> dict[str, Any]:
    """One search, a few full runs, and how exact the search was."""
    outcome = search(settings, Console())
    prepared = prepare(settings)
    draws = np.random.default_rng(1)
    full = []
    for _ in range(options.full_runs):
        values = {item.name: float(draws.uniform(item.low, item.high)) for item in settings.space.ranges}
        runs = FullRuns(settings.tracker, prepared.origin.settings)
        full.append(timed(lambda: evaluate(runs.track, prepared.sequences, prepared.scoring, values))[1])  # noqa: B023
    trials = len(outcome.trials)
    shared = {
        "wall": outcome.sharing["seconds"] + stored["wall"],
        "cpu": outcome.sharing["cpu_seconds"] + stored["cpu"],
    }
    found: dict[str, Any] = {
        "trials": trials,
        "frames": sum(len(sequence) for sequence in prepared.sequences),
        "full_runs_measured": options.full_runs,
        "network_passes": outcome.sharing["network_passes"],
        "hit_rate": outcome.sharing.get("hit_rate"),
    }
    for clock in ("cpu", "wall"):
        mean = float(np.mean([run[clock] for run in full]))
        found |= {
            f"full_run_{clock}_s": round(mean, 3),
            f"shared_{clock}_s": round(shared[clock], 3),
            f"speedup_{clock}": round(trials * mean / shared[clock], 2),
        }
    found["value_error"] = value_error(outcome, options.checked)
    held_out = outcome.comparisons[-1]
    found["held_out"] = {
        "sequences": held_out.sequences,
        "config": held_out.own[prepared.scoring.metric],
        "best": held_out.best[prepared.scoring.metric],
        "difference": held_out.difference.value,
        "interval_95": [held_out.difference.low, held_out.difference.high],
        "p_value": held_out.difference.p_value,
    }
    return found


def value_error(outcome: Outcome, checked: int) -> dict[str, float]:
    """Values of trials, spread evenly from best to worst, against full runs of the same parameters."""
    prepared = outcome.prepared
    ranked = sorted(outcome.trials, key=lambda trial: -trial.value)
    some = [ranked[index] for index in np.unique(np.linspace(0, len(ranked) - 1, checked).round().astype(int))]
    tracks = prepared.settings.tracks(prepared.origin, prepared.settings.tuning, exact=True)
    exact = [
        prepared.scoring.value(evaluate(tracks.track, prepared.sequences, prepared.scoring, trial.params))
        for trial in some
    ]
    errors = np.array([trial.value for trial in some]) - np.array(exact)
    return {
        "trials_checked": len(some),
        "mean_absolute": float(np.abs(errors).mean()),
        "largest_absolute": float(np.abs(errors).max()),
        "of_best": float(errors[0]),
        "correlation": float(np.corrcoef([trial.value for trial in some], exact)[0, 1]),
    }


def report(name: str, found: dict[str, Any]) -> None:
    """Prints the figures."""
    held, error = found["held_out"], found["value_error"]
    low, high = held["interval_95"]
    hits = "" if found["hit_rate"] is None else f", hit rate {found['hit_rate']:.1%}"
    print(f"{name}: {found['trials']} trials on {found['frames']} frames, {found['network_passes']} passes{hits}")
    for clock in ("cpu", "wall"):
        full = found["trials"] * found[f"full_run_{clock}_s"]
        measured = found["full_runs_measured"]
        for_all = "" if measured == found["trials"] else " by extrapolation"
        print(
            f"  {clock:4s} {found[f'shared_{clock}_s']:7.1f} s shared; full runs {found[f'full_run_{clock}_s']:.2f} s "
            f"each (mean of {measured}), {full:.0f} s for all{for_all}: {found[f'speedup_{clock}']:.1f}x"
        )
    print(
        f"  error of a trial's value: mean {error['mean_absolute']:.4f}, largest {error['largest_absolute']:.4f}, "
        f"of the best {error['of_best']:+.4f}, correlation {error['correlation']:.3f} "
        f"({error['trials_checked']} checked)"
    )
    print(
        f"  held out ({held['sequences']} sequences): {held['config']:.4f} -> {held['best']:.4f}, difference "
        f"{held['difference']:+.4f} [{low:+.4f}, {high:+.4f}], p {held['p_value']:.3g}"
    )


def generated(options: argparse.Namespace, seed: int, count: int) -> BenchmarkChoice:
    """Sequences with one look-alike each."""
    chosen = Generated("look-alikes", seed, count, options.frames, SIZE_WH, absence=0.0)
    return BenchmarkChoice("synthetic", generated=chosen)


def main() -> None:
    """Measures and prints; exit code 1 where a search is less than ten times as fast as full runs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--siamrpn-weights", type=Path, help="of a SiamRPN++; without them that part is left out")
    parser.add_argument("--skip-replay", action="store_true", help="leave the part of DMTrack-ReID out")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--sequences", type=int, default=8, help="of the tuning split")
    parser.add_argument("--held-out", type=int, default=24, help="held-out sequences")
    parser.add_argument("--frames", type=int, default=40, help="per sequence")
    parser.add_argument("--tolerance", type=float, default=8.0, help="of shared crops, in pixels of the search image")
    parser.add_argument("--full-runs", type=int, default=3)
    parser.add_argument("--checked", type=int, default=10)
    parser.add_argument("--json", type=Path, help="writes the figures to this file as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        common = SearchSettings(
            tuning=generated(options, 700_001, options.sequences),
            held_out=generated(options, 810_001, options.held_out),
            tracker=TrackerChoice("dmtrackGS_tiny", overrides=("tracker.type=ReIDTracker",)),
            space=usual_space(DistractorAware()) or SIAMRPN_SPACE,
            trials=options.trials,
            prune=False,
            cache=Path(folder) / "cache",
        )
        if not options.skip_replay:
            settings = replace(common, storage=f"{folder}/reid.db", output=Path(folder) / "reid")
            sweep = SweepSettings((common.tuning,), (NamedTracker(common.tracker),), cache=common.cache)
            stored = timed(lambda: build_caches(sweep, None, Console()))[1]
            assert common.held_out is not None
            build_caches(replace(sweep, benchmarks=(common.held_out,)), None, Console())
            figures["reid_replay"] = measure(settings, options, stored)
        if options.siamrpn_weights is not None:
            settings = replace(
                common,
                tracker=TrackerChoice(weights=options.siamrpn_weights),
                space=SIAMRPN_SPACE,
                storage=f"{folder}/siamrpn.db",
                output=Path(folder) / "siamrpn",
                tolerance_px=options.tolerance,
            )
            figures["siamrpn_shared"] = measure(settings, options, {"wall": 0.0, "cpu": 0.0})
            figures["siamrpn_shared"]["tolerance_px"] = options.tolerance
    for name, found in figures.items():
        report(name, found)
    if options.json:
        write_json(options.json, figures)
    if any(found["speedup_cpu"] < TARGET for found in figures.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

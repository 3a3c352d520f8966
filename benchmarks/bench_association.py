"""Time of the association alone: N things that move about, each a candidate in every frame, and no network.

    python benchmarks/bench_association.py [--json FILE]

`p50_ms` and `p95_ms` are for one frame with as many candidates; `frames_per_second` is their mean turned over. Of more
candidates than `max_candidates` the best are looked at, and with more tracklets than `max_tracklets` the stalest are
forgotten, as it is in use.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from dmtrack.tracking.association.observations import Observation
from dmtrack.tracking.association.policy import DistractorAwarePolicy

FRAMES = 600
CHANNELS = 64


def observations(candidates: int, rng: np.random.Generator) -> list[Observation]:
    """Frames in which things drift about and keep their looks and, more or less, their scores."""
    places = rng.uniform(0, 2000, (candidates, 2))
    speed = rng.normal(0, 3, (candidates, 2))
    looks = rng.normal(size=(candidates, CHANNELS))
    level = rng.uniform(0.05, 0.6, candidates)
    found = []
    for _ in range(FRAMES):
        places += speed + rng.normal(0, 1, places.shape)
        views = looks + rng.normal(0, 0.2, looks.shape)
        views /= np.linalg.norm(views, axis=1, keepdims=True)
        scores = np.clip(level + rng.normal(0, 0.05, candidates), 0.02, 0.98)
        order = np.argsort(-scores)
        boxes = np.column_stack([places, np.full((candidates, 2), 40.0)])
        found.append(Observation.of(boxes[order], scores[order], views[order]))
    return found


def measure(candidates: int) -> dict[str, float]:
    """Seconds of every step, in milliseconds and frames per second."""
    frames = observations(candidates, np.random.default_rng(0))
    policy = DistractorAwarePolicy()
    first = frames[0]
    policy.start(first.boxes_xywh[0], first.embeddings[0], first)
    seconds = []
    for frame in frames[1:]:
        start = time.perf_counter()
        policy.step(frame)
        seconds.append(time.perf_counter() - start)
    p50, p95 = np.percentile(seconds, [50, 95]) * 1e3
    return {
        "p50_ms": round(float(p50), 3),
        "p95_ms": round(float(p95), 3),
        "frames_per_second": round(float(1 / np.mean(seconds))),
    }


def main() -> None:
    """Prints the figures for 10, 30 and 100 candidates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="writes the figures to this file as well")
    arguments = parser.parse_args()
    figures = {}
    for candidates in (10, 30, 100):
        figures[str(candidates)] = found = measure(candidates)
        print(f"{candidates:4d} candidates: p50 {found['p50_ms']:.3f} ms, p95 {found['p95_ms']:.3f} ms, "
              f"{found['frames_per_second']} frames per second")  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

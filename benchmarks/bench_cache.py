"""How fast stored detections are read: what a policy that runs from them cannot be faster than.

    python benchmarks/bench_cache.py --json cache.json

Files of 100 candidates per frame, without and with embeddings, are written and read frame by frame in one thread:
reading alone (every array of every frame is touched, so that each byte comes from the file), and the whole
`CachedTracker` with the decision of `GlobalSearchTracker`. Best of several rounds, because what other programs do can
only add time. Target: reading alone leaves room for a policy that runs at 2,000 frames per second, that is, it takes at
most a tenth of its 0.5 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dmtrack.association.detections import Detections
from dmtrack.association.policies.best_candidate import BestCandidatePolicy
from dmtrack.files import write_json
from dmtrack.running.detection_file import CachedDetections, write_detections

POLICY_FPS = 2000.0
LARGEST_SHARE = 0.1


def made_frames(count: int, candidates: int, channels: int) -> list[Detections]:
    """Frames of random candidates."""
    random = np.random.default_rng(1)
    frames = []
    for _ in range(count):
        corners = random.uniform(0, 600, (candidates, 2))
        boxes = np.concatenate([corners, corners + random.uniform(5, 90, (candidates, 2))], axis=1)
        embeddings = random.normal(0, 1, (candidates, channels))
        embeddings /= np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-9)
        scores = np.sort(random.random(candidates))[::-1]
        frames.append(
            Detections(boxes.astype(np.float32), scores.astype(np.float32), embeddings=embeddings.astype(np.float16))
        )
    return frames


def read_all(path: Path) -> float:
    """Opens the file and touches every number in it."""
    total = 0.0
    for found in CachedDetections(path):
        total += float(found.boxes_xyxy.sum()) + float(found.scores.sum())
        if found.embeddings is not None and found.embeddings.size:
            total += int(found.embeddings.view(np.uint16).max())
    return total


def decide_all(path: Path) -> None:
    """Runs the policy of `GlobalSearchTracker` over the file."""
    policy = BestCandidatePolicy(0.3)
    stored = CachedDetections(path)
    policy.start(np.array([10.0, 10.0, 20.0, 20.0]), stored.template_embedding, stored[0])
    for found in stored:
        policy.step(found)


def best_seconds(call: Callable[[], object], rounds: int) -> float:
    """The shortest time of several calls."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> int:
    """Measures, prints, writes; 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    figures: dict[str, object] = {"frames": options.frames, "candidates": options.candidates}
    missed = False
    for channels in (0, 64, 128):
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "sequence.detections"
            frames = made_frames(options.frames, options.candidates, channels)
            start = time.perf_counter()
            size = write_detections(path, {}, iter(frames), np.zeros(channels))
            writing = time.perf_counter() - start
            reading = best_seconds(lambda path=path: read_all(path), options.rounds)  # type: ignore[misc]
            deciding = best_seconds(lambda path=path: decide_all(path), options.rounds)  # type: ignore[misc]
        share = reading / options.frames * POLICY_FPS
        missed |= share > LARGEST_SHARE
        figures[f"channels_{channels}"] = {
            "bytes_per_frame": round(size / options.frames, 1),
            "written_frames_per_second": round(options.frames / writing),
            "read_frames_per_second": round(options.frames / reading),
            "top_candidate_frames_per_second": round(options.frames / deciding),
            "share_of_a_policy_frame_at_2000_per_second": round(share, 4),
        }
        print(f"channels {channels:3d}: {figures[f'channels_{channels}']}")
    figures["target_reached"] = not missed
    if options.json:
        write_json(options.json, figures)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

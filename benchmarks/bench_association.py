"""Time of association: N things that move about, each a candidate in every frame, and no network.

    python benchmarks/bench_association.py [--json FILE]

`p50_ms` and `p95_ms` are of the association of one frame with as many candidates. `replayed_frames_per_second` is that
of a whole replay: detections with embeddings are read from a file, associated, and the answers collected. Of several
rounds the best counts, frame by frame and for the replay, because what other programs do can only add time; the middle
round of the replay is written too. Targets with 100 candidates: under 1 ms, and 2,000 frames per second on one core.

Of more candidates than `max_candidates` the best are looked at, and with more tracklets than `max_tracklets` the
stalest are forgotten, as it is in use.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from dmtrack.association.detections import Detections
from dmtrack.association.policies.distractor_aware import DistractorAwarePolicy
from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.sequences import Sequence
from dmtrack.files import write_json
from dmtrack.running.detection_file import CachedDetections, write_detections
from dmtrack.running.replay import replay_sequence
from dmtrack.tracking.reid import ReIDTracker

FRAMES = 600
CHANNELS = 64


def detections(candidates: int, rng: np.random.Generator) -> list[Detections]:
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
        corners = xywh_to_xyxy(boxes[order]).astype(np.float32)
        rows = scores[order].astype(np.float32)
        found.append(Detections(corners, rows, embeddings=views[order].astype(np.float16)))
    return found


def template(first: Detections) -> np.ndarray:
    """The looks of the target, which is the best candidate of the first frame."""
    assert first.embeddings is not None
    return first.embeddings[0]


def step_seconds(frames: list[Detections]) -> np.ndarray:
    """Of the association of every frame but the first."""
    policy = DistractorAwarePolicy()
    first = frames[0]
    policy.start(first.boxes_xywh[0], template(first), first)
    seconds = []
    for frame in frames[1:]:
        start = time.perf_counter()
        policy.step(frame)
        seconds.append(time.perf_counter() - start)
    return np.array(seconds)


def replay_rate(path: Path, first: Detections) -> float:
    """Frames per second of a replay from that file."""
    truth = np.full((FRAMES, 4), np.nan)
    truth[0] = first.boxes_xywh[0]
    sequence = Sequence("things", truth, np.isfinite(truth[:, 0]), _no_frame, (2000, 2000))
    stored = CachedDetections(path)
    return replay_sequence(sequence, stored, stored.template_embedding, ReIDTracker.policy({})).frames_per_second


def _no_frame(index: int) -> np.ndarray:
    raise AssertionError("a replay reads no frames")


def measure(candidates: int, rounds: int) -> dict[str, float]:
    """Times of one frame in milliseconds, and of the replay in frames per second."""
    frames = detections(candidates, np.random.default_rng(0))
    seconds = np.min([step_seconds(frames) for _ in range(rounds)], axis=0)
    p50, p95 = np.percentile(seconds, [50, 95]) * 1e3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "things.detections"
        write_detections(path, {}, frames, template(frames[0]))
        rates = [replay_rate(path, frames[0]) for _ in range(rounds)]
    return {
        "p50_ms": round(float(p50), 3),
        "p95_ms": round(float(p95), 3),
        "associated_frames_per_second": round(float(1 / np.mean(seconds))),
        "replayed_frames_per_second": round(max(rates)),
        "replayed_frames_per_second_median": round(float(np.median(rates))),
    }


def main() -> None:
    """Prints the figures for 10, 30 and 100 candidates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="writes the figures to this file as well")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    figures = {}
    for candidates in (10, 30, 100):
        figures[str(candidates)] = found = measure(candidates, arguments.rounds)
        print(f"{candidates:4d} candidates: p50 {found['p50_ms']:.3f} ms, p95 {found['p95_ms']:.3f} ms; replay "
              f"{found['replayed_frames_per_second']} frames per second "
              f"(median {found['replayed_frames_per_second_median']})")  # fmt: skip
    if arguments.json:
        write_json(arguments.json, figures)


if __name__ == "__main__":
    main()

"""Several videos tracked at once on one model: whether any of them waits longer than the others.

    python benchmarks/bench_sessions.py --sessions 8

Tracks the same generated video in so many projects of `dmtrack serve` at once. Prints per session the frames per second
and the time between two of its frames (p50, p95), and the ratio to one session alone in the same run: with n sessions a
fair server gives each the n-th part.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.data.writers import WRITERS
from dmtrack.files import write_json
from dmtrack.media.random_access import RandomFrames
from dmtrack.media.video import open_frames
from dmtrack.web.project import Project
from dmtrack.web.runs import ACTIVE, Run
from dmtrack.web.tracking import Trackers, TrackingThread


def track(thread: TrackingThread, projects: list[Project], folder: Path) -> list[dict[str, float]]:
    """Tracks all projects at once; frames per second and milliseconds between frames of each."""
    runs: list[Run] = []
    for project in projects:
        run = thread.start(project, lambda: RandomFrames(open_frames(folder)))
        assert run is not None
        runs.append(run)
    moments: list[list[float]] = [[] for _ in runs]
    seen = [0] * len(runs)
    while any(run.state in ACTIVE for run in runs):
        now = time.perf_counter()
        for place, run in enumerate(runs):
            if run.done > seen[place]:
                seen[place] = run.done
                moments[place].append(now)
        time.sleep(0.002)
    found = []
    for times in moments:
        steps = 1000 * np.diff(times[1:])  # the first frame waits for the model
        p50, p95 = np.percentile(steps, [50, 95])
        found.append({"fps": 1000 / float(steps.mean()), "p50_ms": float(p50), "p95_ms": float(p95)})
    return found


def main() -> None:
    """One session alone, then all at once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--config", default="dmtrackReID_tiny")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        (sequence,) = SyntheticSequences(1, asked.frames, seed=77, size_wh=(640, 360), distractors=2)
        WRITERS["folder"]([sequence], place)
        folder = Path(place, sequence.name)
        thread, projects = TrackingThread(Trackers(), asked.sessions), []
        for number in range(asked.sessions + 1):
            home = Path(place, f"project-{number}")
            home.mkdir()
            projects.append(Project(home, str(folder), asked.frames, None, (640, 360), asked.config))
            projects[-1].add_target(0, tuple(sequence.boxes_xywh[0].tolist()))
        (alone,) = track(thread, projects[:1], folder)
        together = track(thread, projects[1:], folder)
        thread.stop()
    print(f"alone: {alone['fps']:.1f} frames/s, p50 {alone['p50_ms']:.0f} ms, p95 {alone['p95_ms']:.0f} ms")
    for number, one in enumerate(together, start=1):
        print(f"session {number}: {one['fps']:.1f} frames/s, p50 {one['p50_ms']:.0f} ms, p95 {one['p95_ms']:.0f} ms")
    rates = [one["fps"] for one in together]
    print(f"slowest over fastest {min(rates) / max(rates):.2f}; all {sum(rates) / alone['fps']:.2f}x of one alone")
    if asked.json:
        write_json(asked.json, {"alone": alone, "together": together})


if __name__ == "__main__":
    main()

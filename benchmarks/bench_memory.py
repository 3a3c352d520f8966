"""Whether memory stays flat over a long video: decoding, tracking, drawing and encoding, as `dmtrack track` does it.

    python benchmarks/bench_memory.py --frames 5000 --json memory.json

The resident memory of the process is noted after a warm-up and from then on; the figure is how much the last tenth of
the frames needs more than the first tenth after the warm-up. The weights are random: they make no difference here.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from dmtrack.config import build, load_config
from dmtrack.files import write_json
from dmtrack.media.drawing import annotate
from dmtrack.media.video import VideoWriter, open_frames
from dmtrack.registry import MODELS
from dmtrack.tracking import GlobalSearchTracker

FPS = 25.0
BOX_XYWH = (120.0, 60.0, 48.0, 40.0)
ALLOWED_GROWTH_MIB = 16.0


def resident_mib() -> float:
    """Resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def write_long_video(path: Path, frames: int, size_wh: tuple[int, int]) -> None:
    """A texture that drifts, so that every frame differs."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (size_wh[1] * 2, size_wh[0] * 2, 3), dtype=np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 4)
    with VideoWriter(path, FPS, size_wh, quality=30) as writer:
        for index in range(frames):
            y, x = index % size_wh[1], (2 * index) % size_wh[0]
            writer.write(texture[y : y + size_wh[1], x : x + size_wh[0]])


def track(video: Path, annotated: Path, tracker: GlobalSearchTracker) -> list[float]:
    """Goes through the video as `dmtrack track` does; resident MiB after each frame."""
    memory = []
    with open_frames(video) as source, VideoWriter(annotated, FPS, source.size_wh) as writer:
        for number, frame in enumerate(source):
            if number == 0:
                tracker.init(frame, BOX_XYWH)
                continue
            result = tracker.step(frame)
            writer.write(annotate(frame, result.box_xywh, result.score, result.present))
            memory.append(resident_mib())
            if number % 500 == 0:
                print(f"  frame {number}: {memory[-1]:.1f} MiB", flush=True)
    return memory


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--warm-up", type=int, default=500)
    parser.add_argument("--config", default="dmtrackGS_tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    if options.frames < options.warm_up + 20:
        parser.error("--frames must be at least 20 more than --warm-up")
    torch.manual_seed(0)
    model = build(load_config(options.config, check=False)["model"], MODELS)
    tracker = GlobalSearchTracker(model, device=options.device)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, "long.mp4")
        write_long_video(video, options.frames + 1, (448, 256))
        start = time.perf_counter()
        memory = track(video, Path(folder, "annotated.mp4"), tracker)
        seconds = time.perf_counter() - start
    measured = np.array(memory[options.warm_up :])
    tenth = len(measured) // 10
    first, last = float(measured[:tenth].mean()), float(measured[-tenth:].mean())
    figures = {
        "frames": len(memory),
        "warm_up_frames": options.warm_up,
        "rss_after_warm_up_mib": round(first, 2),
        "rss_end_mib": round(last, 2),
        "growth_mib": round(last - first, 2),
        "end_over_warm_up": round(last / first, 4),
        "allowed_growth_mib": ALLOWED_GROWTH_MIB,
        "flat": last - first < ALLOWED_GROWTH_MIB,
        "frames_per_second": round(len(memory) / seconds, 1),
        "config": options.config,
    }
    print(
        f"{figures['frames']} frames: {first:.1f} MiB after the warm-up, {last:.1f} MiB at the end, "
        f"growth {last - first:+.2f} MiB, ratio {last / first:.4f}: {'flat' if figures['flat'] else 'NOT FLAT'}"
    )
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()

r"""Whether memory stays flat over a long video: decoding, tracking, drawing and encoding, as `dmtrack track` does it.

    python benchmarks/bench_memory.py --frames 5000 --json memory.json
    python benchmarks/bench_memory.py --config dmtrackReID_tiny --tracker ReIDTracker --no-video --frames 20000 \
        --set model.detector.scale=[224,128]

The resident memory of the process is noted after a warm-up and from then on; the figures are how much the last tenth of
the frames needs more than the first tenth after the warm-up, and more than the tenth in the middle. The weights are
random: they make no difference here. `--no-video` makes every frame when it is needed, and writes none: the tracker
alone, on frames of 224x128 pixels. Of a tracker with tracklets, their largest number is told.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from dmtrack.config import build, load_config
from dmtrack.files import write_json
from dmtrack.media.drawing import annotate
from dmtrack.media.video import VideoWriter, open_frames
from dmtrack.registry import MODELS, TRACKERS
from dmtrack.tracking import GlobalSearchTracker

FPS = 25.0
BOX_XYWH = (120.0, 60.0, 48.0, 40.0)
VIDEO_SIZE_WH, SMALL_SIZE_WH = (448, 256), (224, 128)
ALLOWED_GROWTH_MIB = 16.0


def resident_mib() -> float:
    """Resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def drifting_frames(frames: int, size_wh: tuple[int, int]) -> Iterator[np.ndarray]:
    """A texture that drifts, so that every frame differs."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (size_wh[1] * 2, size_wh[0] * 2, 3), dtype=np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 4)
    for index in range(frames):
        y, x = index % size_wh[1], (2 * index) % size_wh[0]
        yield np.ascontiguousarray(texture[y : y + size_wh[1], x : x + size_wh[0]])


class Observer:
    """Resident MiB after each frame, and the largest number of tracklets."""

    def __init__(self, tracker: GlobalSearchTracker) -> None:
        self.tracker = tracker
        self.memory: list[float] = []
        self.tracklets = 0

    def look(self) -> None:
        """After a frame."""
        self.memory.append(resident_mib())
        for decision in getattr(self.tracker, "decisions", ()):
            # Policies that keep none, such as that of DMTrack-GS, show none.
            self.tracklets = max(self.tracklets, 0 if decision.tracklets is None else len(decision.tracklets.ids))
        if len(self.memory) % 500 == 0:
            print(f"  frame {len(self.memory)}: {self.memory[-1]:.1f} MiB", flush=True)


def track_video(video: Path, annotated: Path, observer: Observer) -> None:
    """Goes through the video as `dmtrack track` does."""
    with open_frames(video) as source, VideoWriter(annotated, FPS, source.size_wh) as writer:
        for number, frame in enumerate(source):
            if number == 0:
                observer.tracker.init(frame, BOX_XYWH)
                continue
            result = observer.tracker.step(frame)
            writer.write(annotate(frame, result.box_xywh, result.score, result.present))
            observer.look()


def track_frames(frames: Iterator[np.ndarray], observer: Observer) -> None:
    """The tracker alone."""
    observer.tracker.init(next(frames), BOX_XYWH)
    for frame in frames:
        observer.tracker.step(frame)
        observer.look()


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--warm-up", type=int, default=500)
    parser.add_argument("--config", default="dmtrackGS_tiny")
    parser.add_argument("--tracker", default="GlobalSearchTracker", help="or ReIDTracker")
    parser.add_argument("--no-video", action="store_true", help="neither decode nor encode: the tracker alone")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the config")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    if options.frames < options.warm_up + 20:
        parser.error("--frames must be at least 20 more than --warm-up")
    torch.manual_seed(0)
    model = build(load_config(options.config, options.set, check=False)["model"], MODELS)
    settings = {"type": options.tracker, "device": options.device}
    observer = Observer(build(settings, TRACKERS, model=model))
    start = time.perf_counter()
    if options.no_video:
        track_frames(drifting_frames(options.frames + 1, SMALL_SIZE_WH), observer)
    else:
        with tempfile.TemporaryDirectory() as folder:
            video = Path(folder, "long.mp4")
            with VideoWriter(video, FPS, VIDEO_SIZE_WH, quality=30) as writer:
                for frame in drifting_frames(options.frames + 1, VIDEO_SIZE_WH):
                    writer.write(frame)
            start = time.perf_counter()
            track_video(video, Path(folder, "annotated.mp4"), observer)
    seconds = time.perf_counter() - start
    memory = observer.memory
    measured = np.array(memory[options.warm_up :])
    tenth = len(measured) // 10
    first, last = float(measured[:tenth].mean()), float(measured[-tenth:].mean())
    middle = float(measured[len(measured) // 2 :][:tenth].mean())
    figures = {
        "frames": len(memory),
        "warm_up_frames": options.warm_up,
        "rss_after_warm_up_mib": round(first, 2),
        "rss_end_mib": round(last, 2),
        "growth_mib": round(last - first, 2),
        "growth_second_half_mib": round(last - middle, 2),
        "end_over_warm_up": round(last / first, 4),
        "allowed_growth_mib": ALLOWED_GROWTH_MIB,
        "flat": last - first < ALLOWED_GROWTH_MIB,
        "frames_per_second": round(len(memory) / seconds, 1),
        "config": options.config,
        "tracker": options.tracker,
        "most_tracklets": observer.tracklets,
    }
    print(
        f"{figures['frames']} frames: {first:.1f} MiB after the warm-up, {last:.1f} MiB at the end, "
        f"growth {last - first:+.2f} MiB ({last - middle:+.2f} in the second half), ratio {last / first:.4f}: "
        f"{'flat' if figures['flat'] else 'NOT FLAT'}"
    )
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()

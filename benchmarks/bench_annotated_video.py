r"""What drawing and encoding add to tracking: `dmtrack track` with annotated.mp4 over the same run without it.

    python benchmarks/bench_annotated_video.py --frames 40 --json annotated.json

Both runs decode, track and write boxes; the second one draws and encodes beside that, in a thread. The figure is a
ratio of wall-clock times of one process, the best of a few rounds in turns: 1 means that the video is free, 2 that it
takes as long as everything else. A frame of 3840x2160 is drawn at 1920x1080 unless `--video-scale` says otherwise; the
last line is for drawing it at its full size. On a machine with few cores tracker and encoder share them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from dmtrack.files import write_json
from dmtrack.media.video import VideoWriter, open_frames
from dmtrack.running.one_video import Targets, TrackingSession
from dmtrack.tracking.loading import LoadedTracker, assemble_tracker

CASES = {"1280x720": ((1280, 720), None), "3840x2160": ((3840, 2160), None), "3840x2160 full size": ((3840, 2160), 1.0)}
"""Size of the frames, and scale of the video; None is the default."""


def write_clip(path: Path, frames: int, size_wh: tuple[int, int]) -> tuple[float, ...]:
    """A bright square that moves over a smooth picture; gives its box in the first frame."""
    width, height = size_wh
    ramp = np.linspace(0, 120, width)[None, :, None] + np.linspace(0, 60, height)[:, None, None]
    background = ramp.astype(np.uint8).repeat(3, axis=2)
    side, x, y = height // 8, width // 6, height // 3
    with VideoWriter(path, 25.0, size_wh) as writer:
        for number in range(frames):
            image = background.copy()
            left = x + number * max(1, width // 400)
            image[y : y + side, left : left + side] = (230, 60, 40)
            writer.write(image)
    return float(x), float(y), float(side), float(side)


def seconds_of_run(
    loaded: LoadedTracker, clip: Path, box_xywh: tuple[float, ...], video: bool, scale: float | None
) -> float:
    """One run of `dmtrack track`, the loading of the model left out."""
    with tempfile.TemporaryDirectory() as folder, open_frames(clip) as source:
        targets = Targets(loaded.tracker, [box_xywh])
        session = TrackingSession(source, targets, {}, Path(folder), video, video_scale=scale)
        start = time.perf_counter()
        session.track(Console(file=io.StringIO()))
        return time.perf_counter() - start


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    figures = {}
    loaded = assemble_tracker(None, None, "cpu", None, ())
    for name, (size_wh, scale) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder, "clip.mp4")
            box_xywh = write_clip(clip, options.frames, size_wh)
            seconds_of_run(loaded, clip, box_xywh, True, scale)  # the first run of a size prepares the network for it
            best = {False: float("inf"), True: float("inf")}
            for _ in range(options.rounds):
                for video in best:
                    best[video] = min(best[video], seconds_of_run(loaded, clip, box_xywh, video, scale))
        milliseconds = {video: 1000 * seconds / options.frames for video, seconds in best.items()}
        ratio = milliseconds[True] / milliseconds[False]
        figures[name] = {
            "without_ms_per_frame": round(milliseconds[False], 1),
            "with_ms_per_frame": round(milliseconds[True], 1),
            "ratio": round(ratio, 2),
        }
        print(
            f"{name}: {milliseconds[False]:.1f} ms per frame without annotated.mp4, {milliseconds[True]:.1f} with it, "
            f"ratio {ratio:.2f}",
            flush=True,
        )
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()

"""Milliseconds per frame of the small trackers on one CPU core, decoded frame in, box out.

    python benchmarks/bench_tiny.py --json tiny.json
    python benchmarks/bench_tiny.py --config dmtrackGS_small

The tracker is the one that `dmtrack track` uses, with the shipped weights where they are installed and random ones
otherwise (the time does not depend on them). `fp32_ms` and `bf16_ms` are for 1280x720 frames, `*_448x256_ms` for frames
of the network's own size. The best of many frames counts, because what other programs do can only add time; medians
are written too, and `*_cpu_ms`, the processor time that the best frame took, which on a busy machine is nearer to the
truth than the wall time. bf16 pays on CPUs that are fast in it; `cpu_has_fast_bf16` says whether this one is.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `parity` stands beside the package, not in it

import cv2
import numpy as np
import torch

from dmtrack.config import build, load_config
from dmtrack.errors import WeightsError
from dmtrack.files import write_json
from dmtrack.models.global_search.base import GlobalSearchModel
from dmtrack.registry import MODELS
from dmtrack.tracking import GlobalSearchTracker
from dmtrack.tracking.device import has_fast_bf16, resolve_precision
from dmtrack.weights import find_weights, load_into, read_weights
from parity.formulas import make_image, paste_texture

SIZES_WH = ((1280, 720), (448, 256))
WARM_UP_STEPS = 5
TARGETS_MS = {"dmtrackGS_tiny": {"fp32": 30.0, "bf16": 15.0}, "dmtrackGS_small": {"fp32": 60.0, "bf16": 60.0}}
"""By config."""


def make_model(config: str) -> tuple[GlobalSearchModel, str]:
    """The model and where its weights come from."""
    torch.manual_seed(0)
    model = build(load_config(config, check=False)["model"], MODELS)
    try:
        stored = read_weights(find_weights(config))
        load_into(model, stored.state_dict, stored.path, metadata=stored.metadata)
    except WeightsError:
        return model, "random"
    return model, Path(stored.path).name


def make_frames(size_wh: tuple[int, int], count: int = 8) -> tuple[list[np.ndarray], tuple[int, int, int, int]]:
    """A texture that moves over a background, and its first box."""
    width, height = size_wh
    box = (width // 3, height // 3, width // 10, height // 8)
    frames = []
    for index in range(count):
        frame = make_image(index, height, width)
        paste_texture(frame, 5, box[0] + 2 * index, box[1] + index, box[2], box[3])
        frames.append(frame)
    return frames, box


def frame_milliseconds(tracker: GlobalSearchTracker, frames: list[np.ndarray], steps: int) -> np.ndarray:
    """(steps, 2) wall and processor time of every step after a warm-up."""
    milliseconds = []
    for index in range(steps + WARM_UP_STEPS):
        start = time.perf_counter(), time.process_time()
        tracker.step(frames[index % len(frames)])
        milliseconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return 1000 * np.array(milliseconds[WARM_UP_STEPS:])


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--config", choices=tuple(TARGETS_MS), default="dmtrackGS_tiny", help="which of the small models"
    )
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch and OpenCV")
    parser.add_argument("--steps", type=int, default=150, help="frames per size and precision")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    model, weights = make_model(options.config)
    targets_ms = TARGETS_MS[options.config]
    figures: dict[str, object] = {
        "threads": options.threads,
        "weights": weights,
        "steps": options.steps,
        "cpu_has_fast_bf16": has_fast_bf16(),
        "auto": resolve_precision("auto", torch.device("cpu")),
    }
    print(f"precision 'auto' is {figures['auto']} on this processor")
    for size_wh in SIZES_WH:
        frames, box = make_frames(size_wh)
        suffix = "" if size_wh == SIZES_WH[0] else f"_{size_wh[0]}x{size_wh[1]}"
        boxes = {}
        for precision in ("fp32", "bf16"):
            tracker = GlobalSearchTracker(model, precision=precision)
            tracker.init(frames[0], box)
            measured = frame_milliseconds(tracker, frames, options.steps)
            boxes[precision] = tracker.step(frames[0]).box_xywh
            (best, cpu), median = measured.min(axis=0), float(np.median(measured[:, 0]))
            name = f"{precision}{suffix}"
            figures |= {
                f"{name}_ms": round(float(best), 2),
                f"{name}_median_ms": round(median, 2),
                f"{name}_cpu_ms": round(float(cpu), 2),
            }
            verdict = "reached" if best <= targets_ms[precision] else "MISSED"
            print(
                f"{size_wh[0]}x{size_wh[1]} {precision}: {best:5.1f} ms per frame (median {median:.1f}, processor time "
                f"{cpu:.1f}), target {targets_ms[precision]:g} {verdict}"
            )
        figures[f"bf16_box_difference{suffix}_px"] = float(np.abs(boxes["fp32"] - boxes["bf16"]).max())
    figures["reached"] = all(float(str(figures[f"{name}_ms"])) <= target for name, target in targets_ms.items())
    if options.json:
        write_json(options.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())

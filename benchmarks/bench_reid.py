"""What association adds to a frame, and what further targets do: DMTrack-ReID against DMTrack-GS, frame in, box out.

    python benchmarks/bench_reid.py --json reid.json
    python benchmarks/bench_reid.py --models tiny --targets

About two minutes; with `--targets` and the full model, many: `--repeats 12` then.

Both trackers take the same 1280x720 frames in turn, in one process. The weights are random, and of the same detector;
`min_score` is 0, so that as many candidates are embedded and associated as ever. `added_share` compares the best times,
because what other programs do can only add time; `added_share_median` is the median of the ratios of neighbouring
calls. The time of the association alone is `bench_association.py`'s.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `parity` stands beside the package, not in it

import numpy as np
import torch

from dmtrack.config import build, load_config
from dmtrack.files import write_json
from dmtrack.registry import MODELS
from dmtrack.tracking import GlobalSearchTracker
from dmtrack.tracking.camera_motion import CameraMotion
from dmtrack.tracking.reid import ReIDTracker
from parity.formulas import make_image, paste_texture

FRAME_WH = (1280, 720)
CONFIGS = {
    "full": ("dmtrackGS_dla34_fpn", "dmtrackReID_dla34_fpn"),
    "tiny": ("dmtrackGS_tiny", "dmtrackReID_tiny"),
}
TARGETS = (1, 2, 4, 8)
ADDED_TARGET = 0.05


def boxes_xywh(count: int) -> np.ndarray:
    """So many boxes side by side."""
    places = [[40.0 + 300 * (index % 4), 100.0 + 320 * (index // 4), 120.0, 90.0] for index in range(count)]
    return np.array(places)


def frame(seed: int) -> np.ndarray:
    """A background with a texture in each box."""
    image = make_image(seed, FRAME_WH[1], FRAME_WH[0])
    for index, box in enumerate(boxes_xywh(max(TARGETS))):
        paste_texture(image, 5 + index, *(int(value) for value in box))
    return image


def trackers(model: str, device: str) -> tuple[GlobalSearchTracker, ReIDTracker]:
    """DMTrack-GS and DMTrack-ReID with random weights."""
    models = []
    for config in CONFIGS[model]:
        node = load_config(config, check=False)["model"]
        for part in (node, node.get("detector", {})):  # what a training starts from is not needed here
            if isinstance(part.get("backbone"), dict):
                part["backbone"].pop("pretrained", None)
        torch.manual_seed(0)
        models.append(build(node, MODELS))
    gs = GlobalSearchTracker(models[0], name="GS", device=device)
    return gs, ReIDTracker(models[1], name="ReID", association={"min_score": 0.0}, device=device)


def milliseconds_of(tracker: GlobalSearchTracker, image: np.ndarray) -> float:
    """Wall time of a frame."""
    begun = time.perf_counter()
    tracker.step_targets(image)
    if tracker.device.type == "cuda":
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - begun)


def measure(pair: tuple[GlobalSearchTracker, ReIDTracker], targets: int, repeats: int) -> dict[str, float]:
    """Both trackers in turn on frames with so many targets."""
    images = [frame(seed) for seed in (1, 2, 3)]
    for tracker in pair:
        tracker.init_targets(images[0], boxes_xywh(targets))
        for image in images:  # loads, allocates and lays out, and begins tracklets
            tracker.step_targets(image)
    times = np.empty((repeats, 2))
    for number in range(repeats):
        image = images[number % len(images)]
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for index in order:
            times[number, index] = milliseconds_of(pair[index], image)
        print(f"  {targets} targets: {number + 1} of {repeats} ", end="\r", flush=True, file=sys.stderr)
    best, middle = times.min(axis=0), np.median(times, axis=0)
    return {
        "gs_ms": round(float(best[0]), 2),
        "reid_ms": round(float(best[1]), 2),
        "gs_median_ms": round(float(middle[0]), 2),
        "reid_median_ms": round(float(middle[1]), 2),
        "added_share": round(float(best[1] / best[0] - 1), 4),
        "added_share_median": round(float(np.median(times[:, 1] / times[:, 0]) - 1), 4),
    }


def camera_milliseconds(repeats: int = 30) -> float:
    """Of the estimate of the camera's motion, at best."""
    camera, images = CameraMotion(), [frame(1), np.roll(frame(1), 7, axis=1)]
    times = []
    for number in range(repeats):
        begun = time.perf_counter()
        camera.step(images[number % 2], boxes_xywh(8))
        times.append(1000 * (time.perf_counter() - begun))
    return round(min(times[1:]), 2)


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(CONFIGS), default=list(CONFIGS))
    parser.add_argument("--targets", action="store_true", help="also 2, 4 and 8 targets in one frame")
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    figures: dict[str, Any] = {"frame_wh": list(FRAME_WH), "device": options.device, "threads": torch.get_num_threads()}
    for model in options.models:
        pair = trackers(model, options.device)
        counts = TARGETS if options.targets else TARGETS[:1]
        figures[model] = {str(count): measure(pair, count, options.repeats) for count in counts}
        for count, found in figures[model].items():
            print(f"{model}, {count} target(s): GS {found['gs_ms']} ms, ReID {found['reid_ms']} ms, added "
                  f"{found['added_share']:.1%} (median of ratios {found['added_share_median']:.1%}; at most "
                  f"{ADDED_TARGET:.0%} wanted of the full model)")  # fmt: skip
    figures["camera_motion_ms"] = camera_milliseconds()
    print(f"camera motion, where it is asked for: {figures['camera_motion_ms']} ms more")
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()

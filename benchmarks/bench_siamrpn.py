"""Speed of SiamRPN++ (ResNet-50) end to end: frame in, box out, the fast copy against the plain eager network.

    python benchmarks/bench_siamrpn.py --json siamrpn.json
    python benchmarks/bench_siamrpn.py --device cuda --json siamrpn_gpu.json

All paths run in turn in one process on 640x480 frames, with the weights of the reference formulas. The plain path is
the model as it is trained: eager fp32, batch norms unfolded, the template's kernels computed anew in every frame, as
both published implementations do. `update_speedup` and `init_speedup` compare the best times, because what other
programs do can only add time; the ratios of the medians are written too. The run fails (exit code 1) where the boxes of
the fp32 paths differ by more than `BOX_TOLERANCE_PX` or their scores by more than `SCORE_TOLERANCE` over a track.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `parity` stands beside the package, not in it

import numpy as np
import torch

from dmtrack.files import write_json
from dmtrack.tracking.device import has_fast_bf16, resolve_precision
from dmtrack.tracking.siamrpn import SiamRPNTracker
from parity.siamrpn_formulas import formula_siamrpn, frame_rgb, target_box_xywh

FRAME_HW = (480, 640)
SEEDS = (3, 5)
TRACKED_FRAMES = 8
BOX_TOLERANCE_PX, SCORE_TOLERANCE = 1e-2, 1e-4
UPDATE_TARGET = 1.5
PUBLISHED_FPS = 50.0
"""Of MMTracking's network and post-processing on a V100, crops excluded."""


class Path:
    """One way of computing, and how long its calls took."""

    def __init__(self, name: str, tracker: SiamRPNTracker) -> None:
        self.name, self.tracker = name, tracker
        self.seconds: dict[str, list[float]] = {"init": [], "update": []}

    def milliseconds(self, call: str, statistic: Callable[[list[float]], Any] = min) -> float:
        """Of `init` or `update`."""
        return round(1000 * float(statistic(self.seconds[call])), 2)

    def track(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes xywh and scores of a short track."""
        self.tracker.init(frame_rgb(0, *FRAME_HW, seed), target_box_xywh(0, *FRAME_HW, seed))
        results = [self.tracker.step(frame_rgb(t, *FRAME_HW, seed)) for t in range(1, TRACKED_FRAMES)]
        return np.array([result.box_xywh for result in results]), np.array([result.score for result in results])


def seconds_of(call: Callable[[], object], device: str) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(paths: list[Path], repeats: int, device: str) -> None:
    """Times `init` and `update` of all paths in turn, from the same state."""
    first, second, box = frame_rgb(0, *FRAME_HW, 3), frame_rgb(1, *FRAME_HW, 3), target_box_xywh(0, *FRAME_HW, 3)
    for number in range(repeats + 1):
        for path in paths:
            init = seconds_of(lambda: path.tracker.init(first, box), device)  # noqa: B023
            update = seconds_of(lambda: path.tracker.update(second), device)  # noqa: B023
            if number:  # the first round loads, allocates and lays out
                path.seconds["init"].append(init)
                path.seconds["update"].append(update)
        print(f"  round {number} of {repeats}", end="\r", flush=True, file=sys.stderr)


def compare(plain: Path, other: Path) -> dict[str, float]:
    """Largest differences over the tracks."""
    boxes, scores = [], []
    for seed in SEEDS:
        (expected, expected_scores), (found, found_scores) = plain.track(seed), other.track(seed)
        boxes.append(np.abs(expected - found).max())
        scores.append(np.abs(expected_scores - found_scores).max())
    return {"box_difference_px": float(max(boxes)), "score_difference": float(max(scores))}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measures and prints."""
    model = formula_siamrpn().to(options.device)
    plain = Path("plain fp32", SiamRPNTracker(model, fast=False))
    precisions = ("fp32", "bf16") if options.device == "cpu" else ("fp32", "bf16", "fp16")
    paths = [
        plain,
        *(Path(f"fast {precision}", SiamRPNTracker(model, precision=precision)) for precision in precisions),
    ]
    measure(paths, options.repeats, options.device)
    figures: dict[str, Any] = {
        "device": options.device if options.device == "cpu" else torch.cuda.get_device_name(),
        "cpu_has_fast_bf16": has_fast_bf16(),
        "auto": resolve_precision("auto", torch.device(options.device)),
        "threads": torch.get_num_threads(),
        "frame_hw": FRAME_HW,
        "repeats": options.repeats,
        "tolerance_px": BOX_TOLERANCE_PX,
        "score_tolerance": SCORE_TOLERANCE,
    }
    for path in paths:
        name = path.name.replace(" ", "_")
        figures |= {f"{name}_{call}_ms": path.milliseconds(call) for call in ("update", "init")}
        fps = 1000 / path.milliseconds("update", np.median)
        figures |= {f"{name}_fps": round(fps, 2), f"{name}_over_published_fps": round(fps / PUBLISHED_FPS, 3)}
        line = (
            f"{path.name:10s} update {figures[f'{name}_update_ms']:8.1f} ms  init {figures[f'{name}_init_ms']:8.1f} ms"
        )
        if path is not plain:
            prefix = "" if path.name == "fast fp32" else f"{path.name.split()[1]}_"
            for call in ("update", "init"):
                medians = plain.milliseconds(call, np.median) / path.milliseconds(call, np.median)
                figures[f"{prefix}{call}_speedup"] = round(plain.milliseconds(call) / path.milliseconds(call), 3)
                figures[f"{prefix}{call}_speedup_of_medians"] = round(medians, 3)
            figures |= {f"{prefix}{key}": value for key, value in compare(plain, path).items()}
            line += (
                f"  {figures[f'{prefix}update_speedup']:.2f}x, {figures[f'{prefix}init_speedup']:.2f}x  boxes within "
                f"{figures[f'{prefix}box_difference_px']:.1e} px, scores {figures[f'{prefix}score_difference']:.1e}"
            )
        print(line)
    figures["same_boxes"] = (
        figures["box_difference_px"] <= BOX_TOLERANCE_PX and figures["score_difference"] <= SCORE_TOLERANCE
    )
    print(
        f"fast fp32: update {figures['update_speedup']:.2f}x (target {UPDATE_TARGET:g}): "
        f"{'same boxes' if figures['same_boxes'] else 'BOXES DIFFER'} (tolerance {BOX_TOLERANCE_PX:g} px)"
    )
    return figures


def main() -> int:
    """Measures, prints, writes; 1 where the boxes differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, help="of PyTorch; by default as many as it chooses")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: this machine has no GPU that PyTorch can use")
    if options.threads:
        torch.set_num_threads(options.threads)
    figures = run(options)
    if options.json:
        write_json(options.json, figures)
    return 0 if figures["same_boxes"] else 1


if __name__ == "__main__":
    sys.exit(main())

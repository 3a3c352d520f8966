"""Speed of DMTrack-GS end to end: frame in, box out, fast path against the published computation.

    python benchmarks/bench_global_search.py --json global_search.json
    python benchmarks/bench_global_search.py --device cuda --json global_search_gpu.json

On a CPU both paths run alternately in one process on a 1280x720 frame, with the weights of the reference formulas. The
published computation is `dmtrack.models.global_search.dmtrack_gs.reference_path`: eager fp32.
`update_speedup` and `init_speedup` compare the best times, because what other programs do can only add time; the ratios
of the medians are written too. The run fails (exit code 1) where the boxes of the two paths differ by more than
`TOP_BOX_TOLERANCE_PX` or their scores by more than `SCORE_TOLERANCE`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `parity` stands beside the package, not in it

import numpy as np
import torch

from dmtrack.files import write_json
from dmtrack.models.global_search.dmtrack_gs import reference_path
from dmtrack.tracking import GlobalSearchTracker, TrackResult
from dmtrack.tracking.device import has_fast_bf16, resolve_precision
from parity.formulas import formula_model, make_image, paste_texture

FRAME_WH = (1280, 720)
BOXES_XYWH = ((500, 300, 120, 90), (100, 80, 40, 56), (700, 200, 300, 260), (300, 100, 640, 520))
"""First boxes for the comparison; their templates come from strides 8, 8, 16 and 32."""
TOP_BOX_TOLERANCE_PX = 1e-2
SCORE_TOLERANCE = 1e-4
UPDATE_TARGET, INIT_TARGET = 2.0, 3.0
PUBLISHED_FPS = 32.0
"""Of the DMTrack-GS paper's code, on an unnamed GPU."""


def frame(seed: int, box_xywh: tuple[int, int, int, int]) -> np.ndarray:
    """A background with a texture in the box."""
    image = make_image(seed, FRAME_WH[1], FRAME_WH[0])
    left, top, width, height = box_xywh
    paste_texture(image, 5, left, top, width, height)
    return image


def seconds_of(call: Callable[[], object], device: str) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


class Path:
    """One way of computing, and how long its calls took."""

    def __init__(self, name: str, tracker: GlobalSearchTracker, published: bool = False) -> None:
        self.name, self.tracker, self.published = name, tracker, published
        self.seconds: dict[str, list[float]] = {"init": [], "update": []}

    @contextmanager
    def active(self) -> Iterator[GlobalSearchTracker]:
        """The tracker, computing in this way."""
        with reference_path(self.tracker.model) if self.published else nullcontext():
            yield self.tracker

    def milliseconds(self, call: str, statistic: Callable[[list[float]], Any] = min) -> float:
        """Of `init` or `update`."""
        return round(1000 * float(statistic(self.seconds[call])), 2)


def measure(paths: list[Path], repeats: int, device: str) -> None:
    """Times `init` and `update` of all paths in turn."""
    first, second = frame(1, BOXES_XYWH[0]), frame(2, (540, 310, 120, 90))
    for number in range(repeats + 1):
        for path in paths:
            with path.active() as tracker:
                init = seconds_of(lambda: tracker.init(first, BOXES_XYWH[0]), device)
                update = seconds_of(lambda: tracker.update(second), device)
            if number:  # the first round loads, allocates and lays out
                path.seconds["init"].append(init)
                path.seconds["update"].append(update)
        print(f"  round {number} of {repeats}", end="\r", flush=True, file=sys.stderr)


def compare(published: Path, other: Path) -> dict[str, float]:
    """Differences of the boxes over several targets and frames."""
    top, score, nearest, overlaps = [], [], [], []
    for number, box in enumerate(BOXES_XYWH):
        results: list[TrackResult] = []
        for path in (published, other):
            with path.active() as tracker:
                tracker.init(frame(10 + number, box), box)
                results.append(tracker.step(frame(20 + number, box)))
        expected, found = results
        top.append(np.abs(expected.box_xywh - found.box_xywh).max())
        score.append(abs(expected.score - found.score))
        overlaps.append(iou(expected.box_xywh, found.box_xywh))
        distances = np.abs(expected.candidates.boxes_xywh[:10, None] - found.candidates.boxes_xywh[None]).max(axis=-1)
        nearest.append(distances.min(axis=1).max())
    return {
        "top_box_difference_px": float(max(top)),
        "score_difference": float(max(score)),
        "ten_best_boxes_difference_px": float(max(nearest)),
        "smallest_top_box_iou": float(min(overlaps)),
    }


def iou(first_xywh: np.ndarray, second_xywh: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    low = np.maximum(first_xywh[:2], second_xywh[:2])
    high = np.minimum(first_xywh[:2] + first_xywh[2:], second_xywh[:2] + second_xywh[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / (float(np.prod(first_xywh[2:])) + float(np.prod(second_xywh[2:])) - shared)


def on_cpu(options: argparse.Namespace) -> dict[str, Any]:
    """Fast fp32, which `dmtrack track` uses by default, and bf16 against the published computation."""
    model = formula_model()
    published = Path("published", GlobalSearchTracker(model, fast=False, channels_last=False), published=True)
    fast = Path("fast fp32", GlobalSearchTracker(model))
    half = Path("fast bf16", GlobalSearchTracker(model, precision="bf16"))
    paths = [published, fast, half]
    measure(paths, options.repeats, "cpu")
    figures: dict[str, Any] = {
        "device": "cpu",
        "cpu_has_fast_bf16": has_fast_bf16(),
        "auto": resolve_precision("auto", torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "frame_wh": FRAME_WH,
        "repeats": options.repeats,
        "tolerance_px": TOP_BOX_TOLERANCE_PX,
        "score_tolerance": SCORE_TOLERANCE,
    }
    for prefix, path in (("", fast), ("bf16_", half)):
        for call in ("update", "init"):
            ratio = published.milliseconds(call) / path.milliseconds(call)
            medians = published.milliseconds(call, np.median) / path.milliseconds(call, np.median)
            figures[f"{prefix}{call}_speedup"] = round(ratio, 3)
            figures[f"{prefix}{call}_speedup_of_medians"] = round(medians, 3)
        figures |= {f"{prefix}{key}": value for key, value in compare(published, path).items()}
    for path in paths:
        name = path.name.replace(" ", "_")
        figures |= {f"{name}_{call}_ms": path.milliseconds(call) for call in ("update", "init")}
        print(
            f"{path.name:10s} update {figures[f'{name}_update_ms']:8.1f} ms   init {figures[f'{name}_init_ms']:8.1f} ms"
        )
    figures["same_boxes"] = (
        figures["top_box_difference_px"] <= TOP_BOX_TOLERANCE_PX and figures["score_difference"] <= SCORE_TOLERANCE
    )
    print(f"precision 'auto' is {figures['auto']} on this processor")
    print(
        f"fast fp32: update {figures['update_speedup']:.2f}x (target {UPDATE_TARGET:g}), "
        f"init {figures['init_speedup']:.2f}x (target {INIT_TARGET:g}), largest difference of the best box "
        f"{figures['top_box_difference_px']:.1e} px, of its score {figures['score_difference']:.1e}: "
        f"{'same boxes' if figures['same_boxes'] else 'BOXES DIFFER'} (tolerance {TOP_BOX_TOLERANCE_PX:g} px)"
    )
    print(
        f"fast bf16: update {figures['bf16_update_speedup']:.2f}x, init {figures['bf16_init_speedup']:.2f}x, best box "
        f"differs by up to {figures['bf16_top_box_difference_px']:.2f} px, IoU at least "
        f"{figures['bf16_smallest_top_box_iou']:.3f}"
    )
    return figures


def on_gpu(options: argparse.Namespace) -> dict[str, Any]:
    """Frames per second of `update` for eager fp32 and the fast paths."""
    model = formula_model().to("cuda")
    make = GlobalSearchTracker
    published = Path("published fp32", make(model, fast=False, channels_last=False), published=True)
    paths = [
        published,
        Path("eager fp32", make(model, fast=False, channels_last=False)),
        Path("fast fp32", make(model)),
        *(
            Path(f"fast {precision}{' graph' if graph else ''}", make(model, precision=precision, cuda_graph=graph))
            for precision in ("bf16", "fp16")
            for graph in (False, True)
        ),
    ]
    measure(paths, options.repeats, "cuda")
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name(),
        "auto": resolve_precision("auto", torch.device("cuda")),
        "frame_wh": FRAME_WH,
        "repeats": options.repeats,
    }
    eager = paths[1].milliseconds("update", np.median)
    for path in paths:
        name = path.name.replace(" ", "_")
        milliseconds = path.milliseconds("update", np.median)
        figures[f"{name}_fps"] = round(1000 / milliseconds, 1)
        figures[f"{name}_over_eager"] = round(eager / milliseconds, 2)
        figures[f"{name}_over_published_fps"] = round(1000 / milliseconds / PUBLISHED_FPS, 2)
        figures |= {f"{name}_{key}": value for key, value in compare(published, path).items()}
        print(
            f"{path.name:18s} {figures[f'{name}_fps']:7.1f} frames/s, {figures[f'{name}_over_eager']:5.2f}x eager, "
            f"best box differs by {figures[f'{name}_top_box_difference_px']:.3g} px"
        )
    figures["same_boxes"] = figures["fast_fp32_top_box_difference_px"] <= TOP_BOX_TOLERANCE_PX
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
    figures = on_cpu(options) if options.device == "cpu" else on_gpu(options)
    if options.json:
        write_json(options.json, figures)
    return 0 if figures["same_boxes"] else 1


if __name__ == "__main__":
    sys.exit(main())

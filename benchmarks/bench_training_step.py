"""A training step of DMTrack-GS with several instances per pair: all in one pass against one after the other.

    python benchmarks/bench_training_step.py --json training_step.json
    python benchmarks/bench_training_step.py --device cuda --size 896x608 --json training_step_gpu.json

Both ways run in one process on the same pair and are compared: losses within `LOSS_TOLERANCE` and the gradient of
every parameter within `GRADIENT_TOLERANCE` of the whole gradient's norm (otherwise exit code 1).
`batched_speedup` is against the published computation, which extracts features once and then goes through the
instances one by one, the controller's padded convolutions included. `batched_over_loop_speedup` leaves the controller
in its closed form on both sides, so that only the loop over the instances differs. Small images are the default,
because the published way needs gigabytes; forward and backward pass count, the optimiser does not.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `parity` stands beside the package, not in it

import numpy as np
import torch

from dmtrack.data.batches import Batch
from dmtrack.files import write_json
from dmtrack.models.global_search.dmtrack_gs import DMTrackGS, reference_path
from dmtrack.models.global_search.head import KernelController
from parity.formulas import formula_model

LOSS_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3
TARGET = 2.0


def make_batch(instances: int, size_wh: tuple[int, int], device: str) -> Batch:
    """One pair of noise images with boxes of all sizes."""
    rng = np.random.default_rng(0)
    width, height = size_wh
    corners = rng.uniform(0, 0.6, (2, instances, 2)) * (width, height)
    sizes = rng.uniform(0.1, 0.4, (2, instances, 2)) * (width, height)
    query, search = torch.from_numpy(np.concatenate([corners, corners + sizes], axis=2)).float()
    images = torch.randn(2, 1, 3, height, width, generator=torch.Generator().manual_seed(0))
    sizes_hw = torch.tensor([[height, width]])
    pair_index = torch.zeros(instances, dtype=torch.int64)
    return Batch.pair(images[0], images[1], query, search, pair_index, sizes_hw, sizes_hw).to(device)


@contextlib.contextmanager
def one_by_one(model: DMTrackGS, published_controller: bool) -> Iterator[None]:
    """Inside the block the instances are gone through one after the other."""
    with reference_path(model):
        if not published_controller:
            for module in model.modules():
                if isinstance(module, KernelController):
                    module.reference_equivalent = False
        yield


def step(model: DMTrackGS, batch: Batch) -> tuple[dict[str, float], float]:
    """Losses and seconds of one forward and backward pass; the gradients stay in the parameters."""
    model.zero_grad(set_to_none=True)
    if batch.query.images.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    losses = model(batch)
    torch.stack(list(losses.values())).sum().backward()
    if batch.query.images.is_cuda:
        torch.cuda.synchronize()
    return {name: float(loss.detach()) for name, loss in losses.items()}, time.perf_counter() - start


def gradients(model: DMTrackGS) -> list[torch.Tensor]:
    """Copies of all gradients."""
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


def largest_differences(first: Any, second: Any) -> tuple[float, float]:
    """Of the losses, relative to each; of the gradients, relative to the norm of all."""
    losses = max(abs(second[0][name] - value) / max(abs(value), 1e-12) for name, value in first[0].items())
    norm = torch.stack([gradient.norm() for gradient in first[1]]).norm()
    errors = [float((b - a).norm() / norm) for a, b in zip(first[1], second[1], strict=True)]
    return losses, max(errors)


def main() -> int:
    """Measures, prints, writes; 1 where losses or gradients differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, help="of PyTorch; by default as many as it chooses")
    parser.add_argument("--instances", type=int, default=8)
    parser.add_argument("--size", default="256x192", help="WIDTHxHEIGHT of both images, multiples of 32")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: this machine has no GPU that PyTorch can use")
    if options.threads:
        torch.set_num_threads(options.threads)
    width, height = (int(side) for side in options.size.split("x"))
    model = formula_model().to(options.device).train()
    batch = make_batch(options.instances, (width, height), options.device)
    ways = {
        "batched": contextlib.nullcontext,
        "loop": lambda: one_by_one(model, published_controller=False),
        "published": lambda: one_by_one(model, published_controller=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    for number in range(options.repeats + 1):
        for name, way in ways.items():
            with way():
                losses, elapsed = step(model, batch)
            if number:
                seconds[name].append(elapsed)
            else:
                results[name] = losses, gradients(model)
    differences = [largest_differences(results["published"], results[name]) for name in ("batched", "loop")]
    loss_difference, gradient_difference = (max(values) for values in zip(*differences, strict=True))
    best = {name: min(values) for name, values in seconds.items()}
    figures = {
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "instances": options.instances,
        "image_wh": (width, height),
        "repeats": options.repeats,
        "batched_speedup": round(best["published"] / best["batched"], 3),
        "batched_over_loop_speedup": round(best["loop"] / best["batched"], 3),
        **{f"{name}_ms": round(1000 * value, 1) for name, value in best.items()},
        "pairs_per_second": round(1 / best["batched"], 3),
        "loss_difference": loss_difference,
        "gradient_difference": gradient_difference,
        "same": loss_difference <= LOSS_TOLERANCE and gradient_difference <= GRADIENT_TOLERANCE,
    }
    print(
        f"{options.instances} instances, {width}x{height}: published one by one {best['published'] * 1000:.0f} ms, "
        f"loop with closed-form controller {best['loop'] * 1000:.0f} ms, batched {best['batched'] * 1000:.0f} ms: "
        f"{figures['batched_speedup']:.2f}x (target {TARGET:g}) and {figures['batched_over_loop_speedup']:.2f}x; "
        f"{figures['pairs_per_second']:.2f} pairs/s; losses differ by {loss_difference:.1e}, gradients by "
        f"{gradient_difference:.1e}: {'same' if figures['same'] else 'DIFFERENT'}"
    )
    if options.json:
        write_json(options.json, figures)
    return 0 if figures["same"] else 1


if __name__ == "__main__":
    sys.exit(main())

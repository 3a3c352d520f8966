"""How much faster FairMOT detects with the fast layers than plainly, in one run, and whether it finds the same.

    python benchmarks/bench_fairmot.py --network dla34 --size 1088x608

Plainly means the network as it is published: batch norms apart, torchvision's deformable convolution. Both take turns,
and the least processor time of several runs counts. Target: DLA-34 at least 1.5 times as fast on a CPU, the same cells,
boxes within 0.01 pixels.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `parity` stands beside the package, not in it

from dmtrack.files import write_json
from dmtrack.models.fairmot.decode import decode
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.global_search.dmtrack_gs import reference_path
from dmtrack.progress import plain_table
from parity.mot_formulas import FAIRMOT_MODELS, formula_fairmot, formula_image

TARGET = 1.5


def main() -> None:
    """Measures, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=sorted(FAIRMOT_MODELS), default="dla34")
    parser.add_argument("--size", default="1088x608", help="of the network input, multiples of 32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    width, height = (int(side) for side in options.size.split("x"))
    plain = formula_fairmot(options.network, 0, 1.0)
    fast = inference_copy(plain).model
    images = torch.from_numpy(formula_image(height, width, 0)).permute(2, 0, 1)[None].float() / 255
    seconds: dict[str, list[float]] = {"plain": [], "fast": []}
    maps = {}
    with torch.inference_mode(), reference_path(plain):
        for _ in range(options.runs + 1):  # the first run of each warms up
            for name, model in (("plain", plain), ("fast", fast)):
                start = time.process_time()
                maps[name] = model.maps(images)
                seconds[name].append(time.process_time() - start)
    peaks = {name: decode(one) for name, one in maps.items()}
    same = set(peaks["plain"].cells[0].tolist()) == set(peaks["fast"].cells[0].tolist())
    order = [peaks[name].cells[0].argsort() for name in ("plain", "fast")]
    apart = peaks["plain"].boxes_xyxy[0][order[0]] - peaks["fast"].boxes_xyxy[0][order[1]]
    largest = float(apart.abs().max()) * 4 if same else float("inf")
    best = {name: min(values[1:]) for name, values in seconds.items()}
    ratio = best["plain"] / best["fast"]
    table = plain_table(("path",), (f"{options.network} {options.size}",))
    for name, value in best.items():
        table.add_row(name, f"{1000 * value:.0f} ms")
    Console().print(table)
    print(f"fast is {ratio:.2f}x as fast; same cells: {same}; boxes within {largest:.5f} px of the network input")
    print(f"target {TARGET}x: {'reached' if ratio >= TARGET else 'MISSED'}")
    if options.json:
        write_json(options.json, {"seconds": best, "ratio": ratio, "same_cells": same, "largest_px": largest})


if __name__ == "__main__":
    main()

"""How much faster YOLOX detects with the fast layers than plainly, in one run, and whether it finds the same.

    python benchmarks/bench_yolox.py --network s --size 640x640

Plainly means the network as it is published: batch norms and activations apart. Both take turns, and the least
processor time of several runs counts. Target: YOLOX-s at 640x640 at least 1.5 times as fast on a CPU, the same boxes
within 0.01 pixels.
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
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.yolox.encoding import YOLOXEncoder, YOLOXPreprocessing
from dmtrack.models.yolox.head import select_boxes
from dmtrack.progress import plain_table
from parity.mot_formulas import YOLOX_MODELS, formula_image, formula_yolox

TARGET = 1.5


def main() -> None:
    """Measures, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=sorted(YOLOX_MODELS), default="s")
    parser.add_argument("--size", default="640x640", help="of the network input, multiples of 32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    width, height = (int(side) for side in options.size.split("x"))
    plain = formula_yolox(options.network, 0, 1.0)
    fast = inference_copy(plain).model
    images = YOLOXEncoder(YOLOXPreprocessing()).image_tensor(formula_image(height, width, 0))[None]
    seconds: dict[str, list[float]] = {"plain": [], "fast": []}
    said = {}
    with torch.inference_mode():
        for _ in range(options.runs + 1):  # the first run of each warms up
            for name, model in (("plain", plain), ("fast", fast)):
                start = time.process_time()
                said[name] = model.predict(images)
                seconds[name].append(time.process_time() - start)
    largest = float((said["plain"].boxes_xyxy() - said["fast"].boxes_xyxy()).abs().max())
    kept = {name: select_boxes(one, 0.25, 0.7)[0].boxes_xyxy for name, one in said.items()}
    same = len(kept["plain"]) == len(kept["fast"])
    best = {name: min(values[1:]) for name, values in seconds.items()}
    ratio = best["plain"] / best["fast"]
    table = plain_table(("path",), (f"YOLOX-{options.network} {options.size}",))
    for name, value in best.items():
        table.add_row(name, f"{1000 * value:.0f} ms")
    Console().print(table)
    print(
        f"fast is {ratio:.2f}x as fast; {len(kept['plain'])} and {len(kept['fast'])} boxes kept; "
        f"boxes of all cells within {largest:.5f} px of the network input"
    )
    reached = ratio >= TARGET and same and largest < 0.01
    print(f"target {TARGET}x with equal boxes: {'reached' if reached else 'MISSED'}")
    if options.json:
        write_json(options.json, {"seconds": best, "ratio": ratio, "same_count": same, "largest_px": largest})


if __name__ == "__main__":
    main()

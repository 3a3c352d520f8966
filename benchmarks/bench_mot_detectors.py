"""How much faster FairMOT and YOLOX detect with the fast layers than plainly, and whether they find the same.

    python benchmarks/bench_mot_detectors.py fairmot --network dla34 --size 1088x608
    python benchmarks/bench_mot_detectors.py yolox --network s --size 640x640

Plainly means the network as it is published: batch norms and activations apart, torchvision's deformable convolution.
Both take turns, and the least processor time of several runs counts. Target: DLA-34 at 1088x608 and YOLOX-s at 640x640
at least 1.5 times as fast on a CPU, the same boxes within 0.01 pixels.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `parity` stands beside the package, not in it

from dmtrack.files import write_json
from dmtrack.models.fairmot.decode import Maps, decode
from dmtrack.models.fairmot.encoding import image_tensor
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.global_search.dmtrack_gs import reference_path
from dmtrack.models.yolox.encoding import YOLOXEncoder, YOLOXPreprocessing
from dmtrack.models.yolox.head import Predictions, select_boxes
from dmtrack.progress import plain_table
from parity.mot_formulas import FAIRMOT_MODELS, YOLOX_MODELS, formula_fairmot, formula_image, formula_yolox

TARGET = 1.5


class FairMOTCase:
    """FairMOT with the weights of the formula: the peaks are compared."""

    networks, network, size = FAIRMOT_MODELS, "dla34", "1088x608"
    build, method = staticmethod(formula_fairmot), "maps"

    @staticmethod
    def tensor(image: Any) -> Tensor:
        """(3, H, W) as the network takes it."""
        return image_tensor(image)

    @staticmethod
    def compare(plain: Maps, fast: Maps) -> tuple[bool, float]:
        """Whether the peaks are in the same cells, and how far their boxes are apart in pixels."""
        peaks = [decode(one) for one in (plain, fast)]
        cells, boxes = zip(*((one.cells[0], one.boxes_xyxy[0][one.cells[0].argsort()]) for one in peaks), strict=True)
        same = set(cells[0].tolist()) == set(cells[1].tolist())
        return same, float((boxes[0] - boxes[1]).abs().max()) * 4 if same else float("inf")


class YOLOXCase:
    """YOLOX with the weights of the formula: all cells are compared."""

    networks, network, size = YOLOX_MODELS, "s", "640x640"
    build, method = staticmethod(formula_yolox), "predict"

    @staticmethod
    def tensor(image: Any) -> Tensor:
        """(3, H, W) as the network takes it."""
        return YOLOXEncoder(YOLOXPreprocessing()).image_tensor(image)

    @staticmethod
    def compare(plain: Predictions, fast: Predictions) -> tuple[bool, float]:
        """Whether as many boxes are kept, and how far the boxes of all cells are apart in pixels."""
        kept = [len(select_boxes(one, 0.25, 0.7)[0].boxes_xyxy) for one in (plain, fast)]
        return kept[0] == kept[1], float((plain.boxes_xyxy() - fast.boxes_xyxy()).abs().max())


CASES = {"fairmot": FairMOTCase, "yolox": YOLOXCase}


def main() -> None:
    """Measures, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(CASES))
    parser.add_argument("--network", help="dla34, or s, if not said")
    parser.add_argument("--size", help="of the network input, multiples of 32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    case = CASES[options.model]
    network, size = options.network or case.network, options.size or case.size
    if network not in case.networks:
        parser.error(f"--network {network}: expected one of {', '.join(case.networks)}")
    torch.set_num_threads(options.threads)
    width, height = (int(side) for side in size.split("x"))
    plain = case.build(network, 0, 1.0)
    fast = inference_copy(plain).model
    images = case.tensor(formula_image(height, width, 0))[None]
    seconds: dict[str, list[float]] = {"plain": [], "fast": []}
    said: dict[str, Any] = {}
    with torch.inference_mode(), reference_path(plain):
        for _ in range(options.runs + 1):  # the first run of each warms up
            for name, model in (("plain", plain), ("fast", fast)):
                start = time.process_time()
                said[name] = getattr(model, case.method)(images)
                seconds[name].append(time.process_time() - start)
    same, largest = case.compare(said["plain"], said["fast"])
    best = {name: min(values[1:]) for name, values in seconds.items()}
    ratio = best["plain"] / best["fast"]
    table = plain_table(("path",), (f"{options.model} {network} {size}",))
    for name, value in best.items():
        table.add_row(name, f"{1000 * value:.0f} ms")
    Console().print(table)
    print(f"fast is {ratio:.2f}x as fast; same boxes: {same}, within {largest:.5f} px of the network input")
    print(
        f"target {TARGET}x with equal boxes: {'reached' if ratio >= TARGET and same and largest < 0.01 else 'MISSED'}"
    )
    if options.json:
        write_json(options.json, {"seconds": best, "ratio": ratio, "same_boxes": same, "largest_px": largest})


if __name__ == "__main__":
    main()

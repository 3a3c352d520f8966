"""`postproc_*.npz`: decoding and suppression of random maps."""

from __future__ import annotations

from dmtrack.models.global_search.decode import decode_all_classes
from dmtrack.models.global_search.settings import TestSettings
from parity.detections import compare_detections
from parity.golden import GoldenFile
from parity.maps import random_outputs

STRIDES = (8, 16, 32)


def check_postprocessing(golden: GoldenFile) -> None:
    """Both classes, and the target class alone."""
    outputs = random_outputs(golden)
    height, width = (int(side) for side in golden.given("img_shape")[:2])
    scale_factor = float(golden.given("scale_factor"))
    found = decode_all_classes(outputs, STRIDES[: len(outputs)], (height, width), scale_factor, TestSettings())[0]
    compare_detections(golden, "dets", "labels", found)
    compare_detections(golden, "class1", None, found, only_target_class=True)

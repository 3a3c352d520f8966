"""`crops.npz`: crops by both rules, their sizes, boxes of polygons, anchors and windows."""

from __future__ import annotations

import numpy as np

from dmtrack.models.siamrpn.crops import crop, crop_sides, mean_colour, polygon_to_cxcywh
from dmtrack.models.siamrpn.decoding import anchor_sizes_wh, anchors_cxcywh, cosine_window
from dmtrack.models.siamrpn.flavours import FLAVOURS, FlavourName, SiamesePreprocessing
from parity.golden import Array, GoldenFile
from parity.siamrpn_formulas import frame_bgr

SHORT_NAMES: dict[str, FlavourName] = {"pysot": "pysot", "mm": "mmtracking"}
CROP_TOLERANCE = 1e-3
SIZE_TOLERANCE = 1e-3
EVERY, EVERY_ANCHOR = 6, 37


def check_crops(golden: GoldenFile) -> None:
    """Every array of the file."""
    for number, case in enumerate(golden.given("cases")):
        for short, flavour in SHORT_NAMES.items():
            _check_crop(golden, f"c{number}_{short}", case, SiamesePreprocessing(flavour))
    _check_sizes(golden)
    quads = golden.given("quads")
    for short, flavour in SHORT_NAMES.items():
        preprocessing = SiamesePreprocessing(flavour)
        margin = FLAVOURS[flavour].polygon_margin
        boxes = [polygon_to_cxcywh(quad, margin) for quad in quads]
        golden.close(f"quads_{short}_cxcywh", np.array(boxes).reshape(-1, 4), SIZE_TOLERANCE)
        sizes = anchor_sizes_wh(preprocessing)
        golden.exact(f"{short}_base_anchors", np.concatenate([-sizes / 2, sizes / 2], axis=1))
        anchors = anchors_cxcywh(preprocessing, preprocessing.score_size())[::EVERY_ANCHOR]
        half = anchors[:, 2:] / 2
        if short == "pysot":
            golden.exact("pysot_anchors_cxcywh_strided", anchors)
        else:
            corners = np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1)
            golden.exact("mm_anchors_strided", corners)
        window = cosine_window(preprocessing, preprocessing.score_size())
        golden.close(f"{short}_window_strided", window[::EVERY_ANCHOR], 1e-12)


def _check_crop(golden: GoldenFile, name: str, case: Array, preprocessing: SiamesePreprocessing) -> None:
    if name not in golden:
        return
    height, width, seed, x, y, side, size = case.tolist()
    image = frame_bgr(0, int(height), int(width), int(seed))
    fill = mean_colour(image, preprocessing)
    patch = crop(image, (x, y), side, int(size), fill, preprocessing).transpose(2, 0, 1)
    tolerance = 0.0 if preprocessing.flavour == "pysot" else CROP_TOLERANCE
    golden.close(name, patch[:, ::EVERY, ::EVERY], tolerance)
    # Sums per pixel, so that the tolerance means the same.
    pixels = float(size * size)
    sums = patch.astype(np.float64).sum(axis=(1, 2)) / pixels
    if f"{name}_sum" in golden:
        error = float(np.abs(sums - golden.given(f"{name}_sum") / pixels).max())
        golden.add(f"{name}_sum", error, tolerance, "largest difference of the mean")


def _check_sizes(golden: GoldenFile) -> None:
    sizes = golden.given("sizes_wh")
    rows = [
        [*crop_sides(size, SiamesePreprocessing("pysot")), *crop_sides(size, SiamesePreprocessing("mmtracking"))]
        for size in sizes
    ]
    golden.exact("sizes_pysot_z_x_mm_z_x", rows)

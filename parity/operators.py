"""`ops.npz` and `resize_table.npz`: single operators on random inputs, and the sizes of resized frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dmtrack.data.preprocessing import Preprocessing, resize_factor
from dmtrack.models.backbones.deformable import modulated_deform_conv
from dmtrack.models.global_search.head import RoITemplate, padded_convolution_mean, roi_levels
from parity.formulas import normal
from parity.golden import GoldenFile

OPERATOR_TOLERANCE = 1e-5
ROI_STRIDE = 16
FINEST_SCALE = 56
LEVELS = 3


def check_operators(golden: GoldenFile) -> None:
    """RoIAlign, deformable convolution, the controller's closed form, and the level that a box is read from."""
    seed = int(golden.given("roi_seed"))
    random = np.random.RandomState(seed)
    features = torch.from_numpy(normal(random, 2, 8, 13, 23))
    rois = torch.from_numpy(golden.given("roi_rois")).float()
    pooled = RoITemplate(features.shape[1], [ROI_STRIDE]).pool([features], rois[:, 1:], rois[:, 0].long())
    golden.close("roi_out", pooled, OPERATOR_TOLERANCE)

    random = np.random.RandomState(seed + 100)
    inputs = normal(random, 1, 4, 7, 9)
    offset = 2 * normal(random, 1, 18, 7, 9)
    mask = 1 / (1 + np.exp(-normal(random, 1, 9, 7, 9)))
    weight, bias = normal(random, 6, 4, 3, 3), normal(random, 6)
    arguments = [
        torch.from_numpy(np.asarray(array, dtype=np.float32)) for array in (inputs, offset, mask, weight, bias)
    ]
    golden.close("dcn_out", modulated_deform_conv(*arguments), OPERATOR_TOLERANCE)

    random = np.random.RandomState(seed + 200)
    template, kernel_weight, kernel_bias = (
        torch.from_numpy(normal(random, *shape)) for shape in ((1, 16, 7, 7), (20, 16, 1, 1), (20,))
    )
    kernel = padded_convolution_mean(template, kernel_weight, kernel_bias)
    golden.close("ctrl_out", kernel[..., None, None], OPERATOR_TOLERANCE)

    sides = torch.from_numpy(golden.given("lvl_sizes")).float()
    boxes = torch.stack([torch.zeros_like(sides), torch.zeros_like(sides), sides, sides], dim=1)
    golden.exact("lvl_out", roi_levels(boxes, FINEST_SCALE, LEVELS))


def check_resize_table(golden: GoldenFile) -> None:
    """Sizes after resizing and padding, and the scale factor, for frames of many shapes."""
    preprocessing = replace(Preprocessing(), inclusive_boxes=True)
    rows = []
    for height, width in golden.given("table")[:, :2].astype(int).tolist():
        factor = resize_factor(height, width, preprocessing.scale)
        resized = [int(side * factor + 0.5) for side in (height, width)]
        padded = [side + -side % preprocessing.divisor for side in resized]
        rows.append([height, width, *resized, *padded, factor])
    golden.close("table", rows, 1e-9)

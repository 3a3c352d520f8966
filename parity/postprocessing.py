"""`postproc_*.npz` and `targets_*.npz`: random maps of a head, decoded, and as training sees them."""

from __future__ import annotations

import numpy as np
import torch

from dmtrack.models.global_search.decode import TestSettings, decode_all_classes
from dmtrack.models.global_search.head import LevelOutputs
from dmtrack.models.global_search.losses import TrainSettings, assign_locations, target_losses
from parity.detections import compare_detections
from parity.formulas import normal
from parity.golden import GoldenFile


def random_outputs(golden: GoldenFile) -> list[LevelOutputs]:
    """Class, distance and centerness maps of one target for every level that the file names."""
    random = np.random.RandomState(int(golden.given("seed")))
    levels = []
    for level, (height, width) in enumerate(golden.given("sizes").tolist()):
        cls_logits = 2 * normal(random, 1, 2, height, width) - 3
        distances = np.float32(30 * 2**level) * np.abs(normal(random, 1, 4, height, width))
        centerness = normal(random, 1, 1, height, width)
        levels.append(LevelOutputs(*(torch.from_numpy(array) for array in (cls_logits, distances, centerness))))
    return levels


STRIDES = (8, 16, 32)


def check_postprocessing(golden: GoldenFile) -> None:
    """Both classes, and the target class alone."""
    outputs = random_outputs(golden)
    height, width = (int(side) for side in golden.given("img_shape")[:2])
    scale_factor = float(golden.given("scale_factor"))
    found = decode_all_classes(outputs, STRIDES[: len(outputs)], (height, width), scale_factor, TestSettings())[0]
    compare_detections(golden, "dets", "labels", found)
    compare_detections(golden, "class1", None, found, only_target_class=True)


STRIDES = (8, 16, 32)
CENTERNESS_TOLERANCE = 1e-6
LOSS_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3


def check_targets(golden: GoldenFile) -> None:
    """All boxes of the file belong to one target."""
    outputs = random_outputs(golden)
    maps = [tensor.requires_grad_() for kind in zip(*outputs, strict=True) for tensor in kind]
    boxes = torch.from_numpy(golden.given("gt")).float()[None]
    settings = TrainSettings()
    shapes = [(level.cls_logits.shape[2], level.cls_logits.shape[3]) for level in outputs]
    targets = assign_locations(boxes, shapes, STRIDES, settings.regress_ranges, settings.center_sampling_radius)
    start = 0
    for level, (height, width) in enumerate(shapes):
        own = slice(start, start + height * width)
        start += height * width
        positive = targets.positive[0, own].nonzero()[:, 0]
        golden.exact(f"pos_idx{level}", positive)
        golden.exact(f"pos_targets{level}", targets.distances[0, own][positive])
        golden.close(f"pos_ctr{level}", targets.centerness[0, own][positive], CENTERNESS_TOLERANCE)
    losses = target_losses(outputs, boxes, STRIDES, settings)[0]
    golden.relative("losses", losses, LOSS_TOLERANCE)
    losses.sum().backward()
    sums = [0.0 if tensor.grad is None else float(tensor.grad.double().abs().sum()) for tensor in maps]
    golden.relative("grad_abs_sums", sums, GRADIENT_TOLERANCE)

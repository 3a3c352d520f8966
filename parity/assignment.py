"""`targets_*.npz`: which locations are positive, their targets, the losses of random maps and their gradients."""

from __future__ import annotations

import torch

from dmtrack.models.global_search.losses import assign_locations, target_losses
from dmtrack.models.global_search.settings import TrainSettings
from parity.golden import GoldenFile
from parity.maps import random_outputs

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

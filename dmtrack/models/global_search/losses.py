"""What DMTrack-GS is trained to say at every location, and its losses, one value per target (FCOS, Tian et al. 2019).

Every target is trained alone: its own box is positive, all other objects of the image are background.
"""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dmtrack.config import Amount, Positive, Share, check_fields
from dmtrack.models.global_search.decode import TARGET_CLASS, boxes_from_distances, level_points
from dmtrack.models.global_search.head import LevelOutputs

LOSS_NAMES = ("loss_cls", "loss_bbox", "loss_centerness")
SMALLEST_IOU = 1e-6


@dataclass(frozen=True)
class TrainSettings:
    """`train_cfg`.

    Attributes:
        batch_norm: `live` statistics of the images at hand (as published, with one pair per GPU), `frozen` running
            statistics, or `sync`: live statistics over the images of all GPUs.
        regress_ranges: per level the (lowest, highest) largest distance to a box side that it is responsible for.
        center_sampling_radius: positives lie within this many strides of the box centre.
        focal_alpha: weight of positives in the class loss.
        focal_gamma: exponent that lowers the weight of easy locations.
    """

    batch_norm: Literal["live", "frozen", "sync"] = "live"
    regress_ranges: tuple[tuple[float, float], ...] = ((-1, 64), (64, 128), (128, 1e8))
    center_sampling_radius: Positive = 1.5
    focal_alpha: Share = 0.25
    focal_gamma: Amount = 2.0

    def __post_init__(self) -> None:
        check_fields(self, "model.train_cfg")


@dataclass
class LocationTargets:
    """Targets of every location of all levels (finest level first, row-major within a level).

    Attributes:
        points: (locations, 2) x, y in network-input pixels.
        positive: (targets, locations) bool.
        distances: (targets, locations, 4) to left, top, right, bottom of the box; 1 where not positive.
        centerness: (targets, locations) in [0, 1]; 0 where not positive.
    """

    points: Tensor
    positive: Tensor
    distances: Tensor
    centerness: Tensor


def assign_locations(
    boxes_xyxy: Tensor,
    level_shapes: abc.Sequence[tuple[int, int]],
    strides: abc.Sequence[int],
    regress_ranges: abc.Sequence[tuple[float, float]],
    center_sampling_radius: float,
) -> LocationTargets:
    """Positives lie strictly inside the centre box and at a level that is responsible for their distances.

    A largest distance on the border of two ranges is positive in both levels. Where several boxes of a target claim a
    location the smallest wins.

    Args:
        boxes_xyxy: (targets, boxes, 4) in network-input pixels; DMTrack trains with one box per target.
        level_shapes: (height, width) of every level.
        strides: of every level.
        regress_ranges: per level (lowest, highest) largest distance, both ends included.
        center_sampling_radius: half side of the centre box, in strides.
    """
    device = boxes_xyxy.device
    grids = [level_points(*shape, stride, device) for shape, stride in zip(level_shapes, strides, strict=True)]
    points = torch.cat(grids)
    counts = torch.tensor([len(grid) for grid in grids], device=device)
    radius = torch.tensor(strides, device=device, dtype=torch.float32).mul(center_sampling_radius)
    radius = radius.repeat_interleave(counts, output_size=len(points))
    ranges = torch.tensor(regress_ranges, device=device, dtype=torch.float32)
    ranges = ranges.repeat_interleave(counts, dim=0, output_size=len(points))

    boxes = boxes_xyxy.float()[:, :, None]  # (targets, boxes, 1, 4) against (locations, ...)
    distances = torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], dim=-1)
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    top_left = torch.maximum(centres - radius[:, None], boxes[..., :2])
    bottom_right = torch.minimum(centres + radius[:, None], boxes[..., 2:])
    central = torch.minimum(points - top_left, bottom_right - points).amin(dim=-1) > 0
    largest = distances.amax(dim=-1)
    claimed = central & (largest >= ranges[:, 0]) & (largest <= ranges[:, 1])

    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    smallest = torch.where(claimed, area, torch.inf).argmin(dim=1, keepdim=True)
    positive = claimed.gather(1, smallest)[:, 0]
    chosen = distances.gather(1, smallest[..., None].expand(-1, -1, -1, 4))[:, 0]
    chosen = torch.where(positive[..., None], chosen, torch.ones_like(chosen))
    # Centerness: sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)).
    horizontal, vertical = chosen[..., 0::2], chosen[..., 1::2]
    ratio = horizontal.amin(-1) / horizontal.amax(-1) * (vertical.amin(-1) / vertical.amax(-1))
    centerness = torch.where(positive, ratio.sqrt(), torch.zeros_like(ratio))
    return LocationTargets(points, positive, chosen, centerness)


def target_losses(
    outputs: abc.Sequence[LevelOutputs], boxes_xyxy: Tensor, strides: abc.Sequence[int], settings: TrainSettings
) -> Tensor:
    """The three losses of every target, each with its own normalisers, (targets, 3) in the order of `LOSS_NAMES`.

    Args:
        outputs: per level, finest first.
        boxes_xyxy: (targets, boxes, 4) that are positive for each target, in network-input pixels.
        strides: of the levels.
        settings: focal loss and assignment.
    """
    shapes = [(level.cls_logits.shape[2], level.cls_logits.shape[3]) for level in outputs]
    targets = assign_locations(boxes_xyxy, shapes, strides, settings.regress_ranges, settings.center_sampling_radius)
    cls_logits = torch.cat([level.cls_logits.float().flatten(2) for level in outputs], dim=2)
    distances = torch.cat([level.distances.float().flatten(2) for level in outputs], dim=2).transpose(1, 2)
    centerness = torch.cat([level.centerness_logits.float().flatten(1) for level in outputs], dim=1)
    positives = targets.positive.sum(dim=1)

    one_hot = torch.zeros_like(cls_logits)
    one_hot[:, TARGET_CLASS] = targets.positive.float()
    focal = sigmoid_focal_loss(cls_logits, one_hot, settings.focal_alpha, settings.focal_gamma)
    loss_cls = focal.sum(dim=(1, 2)) / (positives + 1)

    # The sums below are zero without a positive; the floor only avoids dividing by zero.
    weight_sum = targets.centerness.sum(dim=1).clamp(min=torch.finfo(torch.float32).tiny)
    loss_bbox = (iou_loss(distances, targets) * targets.centerness).sum(dim=1) / weight_sum
    entropy = F.binary_cross_entropy_with_logits(centerness, targets.centerness, reduction="none")
    loss_centerness = (entropy * targets.positive).sum(dim=1) / positives.clamp(min=1)
    return torch.stack([loss_cls, loss_bbox, loss_centerness], dim=1)


def sigmoid_focal_loss(logits: Tensor, labels: Tensor, alpha: float, gamma: float) -> Tensor:
    """Focal loss (Lin et al. 2017) of every element; `labels` are 0 or 1."""
    entropy = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    probability = logits.sigmoid()
    wrongness = probability + labels - 2 * probability * labels
    weight = alpha * labels + (1 - alpha) * (1 - labels)
    return weight * wrongness**gamma * entropy


def iou_loss(distances: Tensor, targets: LocationTargets) -> Tensor:
    """-log(IoU) of predicted and true boxes at every location; meaningful where `targets.positive`."""
    predicted = boxes_from_distances(targets.points, distances)
    true = boxes_from_distances(targets.points, targets.distances)
    return -paired_iou(predicted, true).clamp(min=SMALLEST_IOU).log()


def paired_iou(boxes_xyxy: Tensor, other_xyxy: Tensor) -> Tensor:
    """IoU of boxes (..., 4) that broadcast against each other."""
    top_left = torch.maximum(boxes_xyxy[..., :2], other_xyxy[..., :2])
    bottom_right = torch.minimum(boxes_xyxy[..., 2:], other_xyxy[..., 2:])
    corners = ((top_left, bottom_right), boxes_xyxy.split(2, dim=-1), other_xyxy.split(2, dim=-1))
    sides = ((last - first).clamp(min=0) for first, last in corners)
    overlap, area, other_area = (side[..., 0] * side[..., 1] for side in sides)
    return overlap / (area + other_area - overlap).clamp(min=1e-6)


def average_over_pairs(per_target: Tensor, pair_index: Tensor) -> Tensor:
    """Mean over the targets of each pair, then over the pairs that have any.

    Args:
        per_target: (targets, losses).
        pair_index: (targets,) int64, the pair of each target.

    Returns:
        (losses,); zeros, still attached to the graph, where there is no target.
    """
    pairs, counts = pair_index.unique(return_inverse=True, return_counts=True)[1:]
    weight = 1.0 / (counts[pairs] * max(len(counts), 1)).to(per_target)
    return (per_target * weight[:, None]).sum(dim=0)

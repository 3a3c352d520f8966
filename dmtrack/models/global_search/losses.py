"""Training losses of DMTrack-GS, one value per target (spec section 5.4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dmtrack.models.global_search.decode import TARGET_CLASS
from dmtrack.models.global_search.settings import TrainSettings
from dmtrack.models.global_search.targets import LocationTargets, assign_locations
from dmtrack.models.heads.fcos import LevelOutputs, boxes_from_distances

LOSS_NAMES = ("loss_cls", "loss_bbox", "loss_centerness")
SMALLEST_IOU = 1e-6


def target_losses(
    outputs: Sequence[LevelOutputs], boxes_xyxy: Tensor, strides: Sequence[int], settings: TrainSettings
) -> Tensor:
    """The three losses of every target, each with its own normalisers.

    Args:
        outputs: per level, finest first.
        boxes_xyxy: (targets, boxes, 4) that are positive for each target, in network-input pixels.
        strides: of the levels.
        settings: focal loss and assignment.

    Returns:
        (targets, 3) in the order of `LOSS_NAMES`.
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
    return entropy * wrongness.pow(gamma) * (alpha * labels + (1 - alpha) * (1 - labels))


def iou_loss(distances: Tensor, targets: LocationTargets) -> Tensor:
    """-log(IoU) of predicted and true boxes at every location; meaningful where `targets.positive`."""
    predicted = boxes_from_distances(targets.points, distances)
    true = boxes_from_distances(targets.points, targets.distances)
    top_left = torch.maximum(predicted[..., :2], true[..., :2])
    bottom_right = torch.minimum(predicted[..., 2:], true[..., 2:])
    overlap = _area(top_left, bottom_right)
    area = _area(predicted[..., :2], predicted[..., 2:]) + _area(true[..., :2], true[..., 2:])
    return -(overlap / (area - overlap)).clamp(min=SMALLEST_IOU).log()


def _area(top_left: Tensor, bottom_right: Tensor) -> Tensor:
    sides = (bottom_right - top_left).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


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

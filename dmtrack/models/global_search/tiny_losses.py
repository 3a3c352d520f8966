"""Losses of the small network: every location of every target, one map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import generalized_box_iou_loss

from dmtrack.models.global_search.candidates import Proposals
from dmtrack.models.global_search.losses import sigmoid_focal_loss
from dmtrack.models.global_search.tiny_head import TinyOutputs, boxes_from_ltrb, locations

FOCAL_ALPHA, FOCAL_GAMMA = 0.4, 2.0


def centre_targets(boxes_xyxy: Tensor, points_xy: Tensor, minimum_radius: float = 4.0) -> tuple[Tensor, Tensor, Tensor]:
    """Which locations answer for each box: those in its central half, at least `minimum_radius` around the centre.

    Args:
        boxes_xyxy: (T, 4) input pixels.
        points_xy: (h, w, 2) input pixels.
        minimum_radius: in input pixels, so that boxes smaller than a cell have a location too.

    Returns:
        positive (T, h, w) bool, target distances (T, 4, h, w), centerness in [0, 1] (T, h, w).
    """
    x, y = points_xy[..., 0], points_xy[..., 1]
    left, top, right, bottom = (side[:, None, None] for side in boxes_xyxy.unbind(1))
    distances = torch.stack([x - left, y - top, right - x, bottom - y], dim=1)
    radius_x = ((right - left) / 4).clamp(min=minimum_radius)
    radius_y = ((bottom - top) / 4).clamp(min=minimum_radius)
    offset_x, offset_y = (x - (left + right) / 2).abs(), (y - (top + bottom) / 2).abs()
    positive = (offset_x <= radius_x) & (offset_y <= radius_y)
    inside = distances.clamp(min=0)
    horizontal = inside[:, 0::2].amin(1) / inside[:, 0::2].amax(1).clamp(min=1e-6)
    vertical = inside[:, 1::2].amin(1) / inside[:, 1::2].amax(1).clamp(min=1e-6)
    # Locations that answer for a box smaller than a cell may lie outside it; they keep a little weight.
    centerness = torch.sqrt(horizontal * vertical).clamp(min=0.05) * positive
    return positive, distances, centerness


def focal_loss(logits: Tensor, positive: Tensor) -> Tensor:
    """Sigmoid focal loss summed over each target's locations: (T,)."""
    return sigmoid_focal_loss(logits, positive.to(logits.dtype), FOCAL_ALPHA, FOCAL_GAMMA).flatten(1).sum(1)


def target_losses(outputs: TinyOutputs, boxes_xyxy: Tensor, stride: int) -> dict[str, Tensor]:
    """Mean losses over targets that are in their search image.

    `loss_where` is the cross-entropy of a softmax over all locations: it makes "where" one choice among all places,
    look-alikes included, which the per-location focal loss does not.

    Args:
        outputs: of T targets.
        boxes_xyxy: (T, 4) input pixels.
        stride: input pixels per cell.
    """
    targets, height, width = outputs.logits.shape
    if targets == 0:
        nothing = outputs.logits.sum() + outputs.ltrb.sum() + outputs.centerness.sum()
        return dict.fromkeys(("loss_cls", "loss_bbox", "loss_centerness", "loss_where"), nothing * 0.0)
    points_xy = locations(height, width, stride, boxes_xyxy.device)
    positive, _, centerness = centre_targets(boxes_xyxy, points_xy, stride / 2)
    positives = positive.flatten(1).sum(1).clamp(min=1)

    predicted_xyxy = boxes_from_ltrb(outputs.ltrb, points_xy)[positive]
    wanted_xyxy = boxes_xyxy[:, None, None].expand(-1, height, width, -1)[positive]
    weight = centerness / centerness.flatten(1).sum(1).clamp(min=1e-6)[:, None, None]
    box_loss = generalized_box_iou_loss(predicted_xyxy, wanted_xyxy, reduction="none")
    centerness_loss = F.binary_cross_entropy_with_logits(
        outputs.centerness[positive], centerness[positive], reduction="none"
    )
    per_target_share = (positive / positives[:, None, None])[positive]
    log_probability = F.log_softmax(outputs.logits.flatten(1), dim=1)
    return {
        "loss_cls": (focal_loss(outputs.logits, positive) / positives).mean(),
        "loss_bbox": 1.5 * (box_loss * weight[positive]).sum() / targets,
        "loss_centerness": 0.5 * (centerness_loss * per_target_share).sum() / targets,
        "loss_where": 0.5 * -(weight.flatten(1) * log_probability).sum(1).mean(),
    }


def absence_loss(outputs: TinyOutputs, weight: float = 0.5) -> Tensor:
    """Focal loss of targets that are not in the image they were looked for in: every location is background."""
    if len(outputs.logits) == 0:
        return outputs.logits.sum() * 0.0
    return weight * focal_loss(outputs.logits, torch.zeros_like(outputs.logits, dtype=torch.bool)).mean()


def candidate_losses(logits: Tensor, proposals: Proposals, boxes_xyxy: Tensor) -> dict[str, Tensor]:
    """Losses of the second look: which box shows the target, each for itself and as one choice among all.

    A box is right from IoU 0.5 and wrong below 0.4; those between teach nothing.

    Args:
        logits: (T, count) of the proposals.
        proposals: of T targets.
        boxes_xyxy: (P, 4) true boxes of the first P targets; the others are absent.
    """
    targets, present = len(logits), len(boxes_xyxy)
    if targets == 0:
        return dict.fromkeys(("loss_candidate", "loss_choice"), logits.sum() * 0.0)
    iou = torch.zeros_like(logits)
    iou[:present] = _paired_iou(proposals.boxes_xyxy[:present], boxes_xyxy[:, None])
    right = iou > 0.5
    taught = proposals.valid & ~((iou > 0.4) & (iou <= 0.5))
    each = F.binary_cross_entropy_with_logits(logits, right.to(logits.dtype), reduction="none")
    lowest = torch.finfo(logits.dtype).min
    answers = (right & proposals.valid).any(dim=1)
    every = logits.masked_fill(~proposals.valid, lowest).logsumexp(1)
    wanted = logits.masked_fill(~(right & proposals.valid), lowest).logsumexp(1)
    choice = torch.where(answers, every - wanted, 0.0)
    return {"loss_candidate": (each * taught).sum() / targets / 3.0, "loss_choice": choice.sum() / targets}


def _paired_iou(boxes_xyxy: Tensor, other_xyxy: Tensor) -> Tensor:
    """IoU of boxes (..., 4) that broadcast against each other."""
    lowest = torch.maximum(boxes_xyxy[..., :2], other_xyxy[..., :2])
    highest = torch.minimum(boxes_xyxy[..., 2:], other_xyxy[..., 2:])
    intersection = (highest - lowest).clamp(min=0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1) for boxes in (boxes_xyxy, other_xyxy)]
    return intersection / (areas[0] + areas[1] - intersection).clamp(min=1e-6)

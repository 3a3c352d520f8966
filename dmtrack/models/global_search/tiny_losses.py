"""Losses of the small network: every location of every target, one map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import generalized_box_iou_loss

from dmtrack.models.global_search.candidates import Proposals
from dmtrack.models.global_search.decode import boxes_from_distances, level_points
from dmtrack.models.global_search.losses import paired_iou, sigmoid_focal_loss
from dmtrack.models.global_search.tiny_head import TinyOutputs

FOCAL_ALPHA, FOCAL_GAMMA = 0.4, 2.0
LOSS_NAMES = ("loss_cls", "loss_bbox", "loss_centerness", "loss_where", "loss_absent")


def centre_targets(boxes_xyxy: Tensor, points_xy: Tensor, minimum_radius: float = 4.0) -> tuple[Tensor, Tensor, Tensor]:
    """Which locations answer for each box: those in its central half, at least `minimum_radius` around the centre.

    Args:
        boxes_xyxy: (T, 4) input pixels.
        points_xy: (locations, 2) input pixels.
        minimum_radius: in input pixels, so that boxes smaller than a cell have a location too.

    Returns:
        positive (T, locations) bool, target distances (T, locations, 4), centerness in [0, 1] (T, locations).
    """
    x, y = points_xy.unbind(1)
    left, top, right, bottom = boxes_xyxy[:, None].unbind(2)
    distances = torch.stack([x - left, y - top, right - x, bottom - y], dim=2)
    radius_x = ((right - left) / 4).clamp(min=minimum_radius)
    radius_y = ((bottom - top) / 4).clamp(min=minimum_radius)
    offset_x, offset_y = (x - (left + right) / 2).abs(), (y - (top + bottom) / 2).abs()
    positive = (offset_x <= radius_x) & (offset_y <= radius_y)
    inside = distances.clamp(min=0)
    horizontal = inside[..., 0::2].amin(2) / inside[..., 0::2].amax(2).clamp(min=1e-6)
    vertical = inside[..., 1::2].amin(2) / inside[..., 1::2].amax(2).clamp(min=1e-6)
    # Locations that answer for a box smaller than a cell may lie outside it; they keep a little weight.
    centerness = torch.sqrt(horizontal * vertical).clamp(min=0.05) * positive
    return positive, distances, centerness


def target_losses(outputs: TinyOutputs, boxes_xyxy: Tensor, stride: int) -> dict[str, Tensor]:
    """Mean losses over targets, those in their search image and those that are not.

    `loss_where` is the cross-entropy of a softmax over all locations: it makes "where" one choice among all places,
    look-alikes included, which the per-location focal loss does not. `loss_absent` is the focal loss where every
    location is background.

    Args:
        outputs: of T targets.
        boxes_xyxy: (P, 4) input pixels of the first P targets; the others are absent.
        stride: input pixels per cell.
    """
    height, width = outputs.logits.shape[1:]
    present = len(boxes_xyxy)
    points_xy = level_points(height, width, stride, boxes_xyxy.device)
    positive, _, centerness = centre_targets(boxes_xyxy, points_xy, stride / 2)
    logits = outputs.logits.flatten(1)
    log_probability = F.log_softmax(logits[:present], dim=1)
    labels = torch.zeros_like(logits)
    labels[:present] = positive.to(logits.dtype)
    focal = sigmoid_focal_loss(logits, labels, FOCAL_ALPHA, FOCAL_GAMMA).sum(1)
    nothing = outputs.logits.sum() + outputs.ltrb.sum() + outputs.centerness.sum()
    losses = dict.fromkeys(LOSS_NAMES, nothing * 0.0)
    if len(logits) > present:
        losses["loss_absent"] = 0.5 * focal[present:].mean()
    if present == 0:
        return losses
    positives = positive.sum(1).clamp(min=1)
    distances = outputs.ltrb[:present].flatten(2).transpose(1, 2)
    predicted_xyxy = boxes_from_distances(points_xy, distances)[positive]
    wanted_xyxy = boxes_xyxy[:, None].expand(-1, len(points_xy), -1)[positive]
    weight = centerness / centerness.sum(1).clamp(min=1e-6)[:, None]
    box_loss = generalized_box_iou_loss(predicted_xyxy, wanted_xyxy, reduction="none")
    said = outputs.centerness[:present].flatten(1)[positive]
    centerness_loss = F.binary_cross_entropy_with_logits(said, centerness[positive], reduction="none")
    per_target_share = (positive / positives[:, None])[positive]
    return losses | {
        "loss_cls": (focal[:present] / positives).mean(),
        "loss_bbox": 1.5 * (box_loss * weight[positive]).sum() / present,
        "loss_centerness": 0.5 * (centerness_loss * per_target_share).sum() / present,
        "loss_where": 0.5 * -(weight * log_probability).sum(1).mean(),
    }


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
    iou[:present] = paired_iou(proposals.boxes_xyxy[:present], boxes_xyxy[:, None])
    right = iou > 0.5
    taught = proposals.valid & ~((iou > 0.4) & (iou <= 0.5))
    each = F.binary_cross_entropy_with_logits(logits, right.to(logits.dtype), reduction="none")
    lowest = torch.finfo(logits.dtype).min
    answers = (right & proposals.valid).any(dim=1)
    every = logits.masked_fill(~proposals.valid, lowest).logsumexp(1)
    wanted = logits.masked_fill(~(right & proposals.valid), lowest).logsumexp(1)
    choice = torch.where(answers, every - wanted, 0.0)
    return {"loss_candidate": (each * taught).sum() / targets / 3.0, "loss_choice": choice.sum() / targets}

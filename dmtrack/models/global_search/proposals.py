"""From dense maps to a few boxes per target: the best locations, non-maximum suppression, and a vote on the boxes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_iou, nms

CONSIDERED = 160
"""Locations of a target that take part, best first."""


@dataclass
class Proposals:
    """The best boxes of every target, best first.

    Attributes:
        boxes_xyxy: (T, count, 4) input pixels.
        scores: (T, count) in [0, 1].
        valid: (T, count) bool; False where a target has fewer boxes and the row repeats its best one.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    valid: Tensor


def propose(
    boxes_xyxy: Tensor, scores: Tensor, size_hw: tuple[int, int], count: int, nms_iou: float, vote_iou: float
) -> Proposals:
    """Picks the best boxes of every target.

    Args:
        boxes_xyxy: (T, locations, 4) input pixels.
        scores: (T, locations) in [0, 1].
        size_hw: boxes are clipped to an image of this size.
        count: boxes per target.
        nms_iou: of two boxes that overlap more than this the weaker is dropped.
        vote_iou: boxes that overlap more than this with one that stays have their say on it.
    """
    limits = boxes_xyxy.new_tensor([size_hw[1], size_hw[0], size_hw[1], size_hw[0]])
    top_scores, top = scores.topk(min(CONSIDERED, scores.shape[1]), dim=1)
    top_boxes = boxes_xyxy.gather(1, top[..., None].expand(-1, -1, 4))
    top_boxes = torch.minimum(top_boxes.clamp(min=0), limits)
    rows = []
    for target_boxes, target_scores in zip(top_boxes, top_scores, strict=True):
        keep = nms(target_boxes, target_scores, nms_iou)[:count]
        boxes = vote_boxes(target_boxes, target_scores**2, keep, vote_iou)
        # Always the same number of rows: what follows is one batch, and its size is the same for every frame.
        places = torch.arange(count, device=keep.device)
        valid = places < len(keep)
        places = torch.where(valid, places, 0)
        rows.append((boxes[places], target_scores[keep][places], valid))
    if not rows:
        return Proposals(
            boxes_xyxy.new_zeros(0, count, 4), scores.new_zeros(0, count), scores.new_zeros(0, count, dtype=torch.bool)
        )
    return Proposals(*(torch.stack(column) for column in zip(*rows, strict=True)))


def vote_boxes(boxes_xyxy: Tensor, scores: Tensor, keep: Tensor, min_iou: float) -> Tensor:
    """Score-weighted means of the boxes around each kept one.

    Args:
        boxes_xyxy: (n, 4).
        scores: (n,) not negative.
        keep: (k,) int64, rows that stay.
        min_iou: boxes that overlap a kept one by more than this vote on it; the kept one always does.

    Returns:
        (k, 4) xyxy.
    """
    votes = (box_iou(boxes_xyxy[keep], boxes_xyxy) > min_iou) * scores
    # A kept box of zero area overlaps nothing, not even itself.
    votes[torch.arange(len(keep), device=keep.device), keep] = scores[keep].clamp(min=1e-12)
    return votes @ boxes_xyxy / votes.sum(1, keepdim=True)

"""How the small network's `RefinementHead` learns: from boxes that lie beside the target in all the ways they do.

The second stage of two-stage detectors moves the boxes of the first (R-CNN, Girshick et al. 2014, section 3.3 and
appendix C); here it sees the template beside each box, so it can tell how much of the object the first box took in.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import generalized_box_iou_loss

from dmtrack.models.global_search.candidates import Proposals
from dmtrack.models.global_search.losses import paired_iou

LEARNT_IOU = 0.25
"""Boxes that overlap the true one less show something else, whose borders nobody knows."""

BESIDE = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3)
"""True boxes take part with their borders this far beside, as standard deviations in shares of the size."""

OF_LOCATIONS = 8
"""So many boxes that single locations of the dense search answered take part: half a person, a head, a pair."""


def moved(boxes_xyxy: Tensor, shares: Tensor) -> Tensor:
    """Boxes (..., 4) whose left, top, right and bottom borders move by shares (..., 4) of their width or height."""
    sizes = boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]
    corners = boxes_xyxy + shares * torch.cat([sizes, sizes], dim=-1)
    return torch.cat(
        [torch.minimum(corners[..., :2], corners[..., 2:]), torch.maximum(corners[..., :2], corners[..., 2:])], dim=-1
    )


def boxes_to_refine(dense_xyxy: Tensor, dense_scores: Tensor, proposals: Proposals, boxes_xyxy: Tensor) -> Proposals:
    """What the refinement learns from: proposals, boxes of single locations near the target, shifted true boxes.

    Args:
        dense_xyxy: (T, locations, 4) boxes of all locations.
        dense_scores: (T, locations) of these.
        proposals: of the same targets.
        boxes_xyxy: (P, 4) true boxes of the first P targets; the others are absent.
    """
    present = len(boxes_xyxy)
    near = paired_iou(dense_xyxy[:present], boxes_xyxy[:, None]) > LEARNT_IOU
    rank = near.to(boxes_xyxy.dtype) + torch.rand(near.shape, device=near.device)
    drawn = rank.topk(min(OF_LOCATIONS, rank.shape[1]), dim=1).indices
    beside = torch.stack([moved(boxes_xyxy, share * torch.randn_like(boxes_xyxy)) for share in BESIDE], dim=1)
    # The score of the first look must not give them away.
    best = proposals.scores[:present, :1].expand(-1, len(BESIDE))
    return Proposals(
        torch.cat(
            [
                proposals.boxes_xyxy[:present],
                dense_xyxy[:present].gather(1, drawn[..., None].expand(-1, -1, 4)),
                beside,
            ],
            dim=1,
        ),
        torch.cat([proposals.scores[:present], dense_scores[:present].gather(1, drawn), best], dim=1),
        torch.cat([proposals.valid[:present], near.gather(1, drawn), torch.ones_like(best, dtype=torch.bool)], dim=1),
    )


def refinement_loss(refined_xyxy: Tensor, boxes: Proposals, boxes_xyxy: Tensor) -> Tensor:
    """Mean generalised-IoU loss of the boxes that overlap the true one.

    Args:
        refined_xyxy: (P, count, 4).
        boxes: that were refined.
        boxes_xyxy: (P, 4) true ones.
    """
    if not len(boxes_xyxy):
        return refined_xyxy.sum() * 0.0
    near = boxes.valid & (paired_iou(boxes.boxes_xyxy, boxes_xyxy[:, None]) > LEARNT_IOU)
    wanted = boxes_xyxy[:, None].expand_as(refined_xyxy)
    each = generalized_box_iou_loss(refined_xyxy, wanted, reduction="none")
    return 2.0 * (each * near).sum() / near.sum().clamp(min=1)

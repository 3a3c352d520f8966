"""DMTrack-GS for two CPU cores: the same method at a thirtieth of the size."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import box_iou, nms

from dmtrack.config import build
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.types import PairBatch
from dmtrack.errors import ConfigError
from dmtrack.models.global_search.base import Detections, Features, GlobalSearchModel
from dmtrack.models.global_search.tiny_head import (
    TinyHead,
    TinyOutputs,
    TinyTemplates,
    boxes_from_ltrb,
    locations,
    pool_templates,
)
from dmtrack.models.global_search.tiny_losses import absence_loss, target_losses
from dmtrack.registry import BACKBONES, HEADS, MODELS, NECKS


@MODELS.register
class DMTrackGSTiny(GlobalSearchModel):
    """A global-search tracker of about 2 M parameters.

    Template and search image share one stride-8 map. The template generates a channel gate and 1x1 kernels (the dynamic
    convolutions of DMTrack-GS), and a grid of its parts is correlated with the search map.

    Args:
        backbone: maps at strides 4, 8, 16, 32.
        neck: fuses them into one map.
        bbox_head: a `TinyHead`.
        scale: (long side, short side) of the input image.
        template_jitter: in training, template boxes are shifted and scaled by this share of their size, because the
            boxes that people draw are not exact.
        absent_share: share of the pairs that are also searched with a target of another pair, which must find nothing.
        max_detections: best detections kept per target.
        nms_iou: of two detections that overlap more than this the weaker is dropped, after it had its say on the box.
    """

    def __init__(
        self,
        backbone: dict[str, Any] | nn.Module,
        neck: dict[str, Any] | nn.Module,
        bbox_head: dict[str, Any] | nn.Module,
        scale: tuple[int, int] = (448, 256),
        template_jitter: float = 0.04,
        absent_share: float = 0.25,
        max_detections: int = 20,
        nms_iou: float = 0.5,
    ) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(scale=(scale[0], scale[1]))
        self.backbone = build(backbone, BACKBONES) if isinstance(backbone, dict) else backbone
        self.neck = build(neck, NECKS) if isinstance(neck, dict) else neck
        head = build(bbox_head, HEADS) if isinstance(bbox_head, dict) else bbox_head
        if not isinstance(head, TinyHead):
            raise ConfigError(f"DMTrackGSTiny: bbox_head must be a TinyHead, got {type(head).__name__}")
        self.bbox_head = head
        self.template_jitter, self.absent_share = template_jitter, absent_share
        self.max_detections, self.nms_iou = max_detections, nms_iou

    def extract(self, images: Tensor) -> Features:
        """The stride-8 map of (images, 3, H, W)."""
        return self.neck(self.backbone(images))

    def encode_templates(self, features: Features, boxes_xyxy: Tensor, image_index: Tensor) -> TinyTemplates:
        """Gate, kernels and parts of (targets, 4) boxes in input pixels."""
        head = self.bbox_head
        pooled = pool_templates(features[0], boxes_xyxy, image_index, head.roi_size, head.stride)
        return head.encode(pooled, boxes_xyxy[:, 2:] - boxes_xyxy[:, :2])

    def search(self, features: Features, templates: TinyTemplates, image_index: Tensor) -> TinyOutputs:
        """Class, box and centerness maps of every target."""
        return self.bbox_head(features[0], templates, image_index)

    def decode(self, outputs: TinyOutputs, size_hw: tuple[int, int], scale_factor: float) -> list[Detections]:
        """Boxes clipped to the image, after non-maximum suppression with box voting per target.

        Score = class probability x square root of centerness. The box of a detection is the score-weighted mean of the
        boxes that it suppresses: the location that answers loudest is seldom the one that sees the borders best.
        """
        height, width = outputs.logits.shape[-2:]
        points_xy = locations(height, width, self.bbox_head.stride, outputs.logits.device)
        boxes = boxes_from_ltrb(outputs.ltrb, points_xy).flatten(1, 2)
        scores = (torch.sigmoid(outputs.logits) * torch.sigmoid(outputs.centerness).sqrt()).flatten(1)
        inside = (points_xy[..., 0] < size_hw[1]) & (points_xy[..., 1] < size_hw[0])
        scores = scores.masked_fill(~inside.flatten(), 0.0)
        limits = boxes.new_tensor([size_hw[1], size_hw[0], size_hw[1], size_hw[0]])
        found = []
        for target_boxes, target_scores in zip(boxes, scores, strict=True):
            top_scores, top = target_scores.topk(min(8 * self.max_detections, len(target_scores)))
            top_boxes = torch.minimum(target_boxes[top].clamp(min=0), limits)
            keep = nms(top_boxes, top_scores, self.nms_iou)[: self.max_detections]
            voted = vote_boxes(top_boxes, top_scores, keep, self.nms_iou)
            found.append(Detections(voted / scale_factor, top_scores[keep]))
        return found

    def losses(self, batch: PairBatch) -> dict[str, Tensor]:
        """Every pair is trained in both directions; one backbone pass serves all images of equal size."""
        first, second = self._extract_both(batch)
        index = batch.pair_index
        query_xyxy, search_xyxy = batch.query_boxes_xyxy, batch.search_boxes_xyxy
        query_templates = self.encode_templates(first, self._jittered(query_xyxy), index)
        search_templates = self.encode_templates(second, self._jittered(search_xyxy), index)
        pairs = len(batch.query_images)
        absent = self._absent_targets(index, pairs)
        both = tuple(torch.cat([b, a]) for a, b in zip(first, second, strict=True))  # searched image of each direction
        templates = _concatenate(query_templates, search_templates, _select(query_templates, absent))
        searched_in = torch.cat([index, index + pairs, (index[absent] + 1) % max(pairs, 1)])
        outputs = self.search(both, templates, searched_in)
        present = 2 * len(index)
        losses = target_losses(_head(outputs, present), torch.cat([search_xyxy, query_xyxy]), self.bbox_head.stride)
        losses["loss_absent"] = absence_loss(_tail(outputs, present))
        return losses

    def _extract_both(self, batch: PairBatch) -> tuple[Features, Features]:
        height = max(batch.query_images.shape[-2], batch.search_images.shape[-2])
        width = max(batch.query_images.shape[-1], batch.search_images.shape[-1])
        images = torch.cat(
            [
                F.pad(side, (0, width - side.shape[-1], 0, height - side.shape[-2]))
                for side in (batch.query_images, batch.search_images)
            ]
        )
        halves = [level.chunk(2) for level in self.extract(images)]
        return tuple(half[0] for half in halves), tuple(half[1] for half in halves)

    def _jittered(self, boxes_xyxy: Tensor) -> Tensor:
        if not self.training or self.template_jitter == 0:
            return boxes_xyxy
        size = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).repeat(1, 2)
        return boxes_xyxy + torch.randn_like(boxes_xyxy) * size * self.template_jitter

    def _absent_targets(self, pair_index: Tensor, pairs: int) -> Tensor:
        """Instances (at most one per pair) that are looked for in the next pair's search image."""
        if pairs < 2 or self.absent_share == 0 or len(pair_index) == 0:
            return pair_index.new_zeros(0)
        first_of_pair = torch.ones_like(pair_index, dtype=torch.bool)
        first_of_pair[1:] = pair_index[1:] != pair_index[:-1]
        chosen = torch.rand(len(pair_index), device=pair_index.device) < self.absent_share
        return torch.nonzero(first_of_pair & chosen)[:, 0]


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


def _select(templates: TinyTemplates, index: Tensor) -> TinyTemplates:
    parts = None if templates.parts is None else templates.parts[index]
    return TinyTemplates(templates.gate[index], templates.kernels[index], parts)


def _concatenate(*templates: TinyTemplates) -> TinyTemplates:
    parts = [one.parts for one in templates if one.parts is not None]
    return TinyTemplates(
        torch.cat([one.gate for one in templates]),
        torch.cat([one.kernels for one in templates]),
        torch.cat(parts) if parts else None,
    )


def _head(outputs: TinyOutputs, count: int) -> TinyOutputs:
    return TinyOutputs(outputs.logits[:count], outputs.ltrb[:count], outputs.centerness[:count])


def _tail(outputs: TinyOutputs, count: int) -> TinyOutputs:
    return TinyOutputs(outputs.logits[count:], outputs.ltrb[count:], outputs.centerness[count:])

"""DMTrack-GS for two CPU cores: the same method at a thirtieth of the size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import roi_align

from dmtrack.config import Amount, Count, Share
from dmtrack.data.batches import Batch
from dmtrack.data.preprocessing import Preprocessing, Scale
from dmtrack.errors import ConfigError
from dmtrack.models.base import build_part
from dmtrack.models.global_search.base import Detections, Features, GlobalSearchModel, concatenate, jittered
from dmtrack.models.global_search.candidates import CandidateHead, Comparison, Proposals, RefinementHead, propose
from dmtrack.models.global_search.decode import boxes_from_distances, level_points
from dmtrack.models.global_search.refinement import boxes_to_refine, moved, refinement_loss
from dmtrack.models.global_search.tiny_head import (
    TinyHead,
    TinyOutputs,
    TinyTemplates,
    candidate_losses,
    target_losses,
)
from dmtrack.registry import BACKBONES, HEADS, MODELS, NECKS

TRUE_BOX_JITTER = 0.1
"""Share of its size by which a true box is shifted and scaled where the second look learns from it."""


@MODELS.register
class DMTrackGSTiny(GlobalSearchModel):
    """A global-search tracker of about 2 M parameters.

    Template and search image share one stride-8 map. The template generates a channel gate and 1x1 kernels (the dynamic
    convolutions of DMTrack-GS), and a grid of its parts is correlated with the search map. The best boxes that come of
    it are looked at a second time, cell by cell, where there is a `candidate_head`, and a `refinement_head` moves their
    borders to where the object ends.

    Args:
        backbone: maps at strides 4, 8, 16, 32.
        neck: fuses them into one map.
        bbox_head: a `TinyHead`.
        candidate_head: a `CandidateHead` on the stride-4 map and the fused one, or None.
        refinement_head: a `RefinementHead` on the same maps, or None; not without a candidate head.
        train_mode: `all`, or `refinement` alone: everything else stays as it is loaded, in evaluation mode.
        scale: (long side, short side) of the input image.
        small_target: square root of the area in an image of `scale` below which a target counts as small.
        small_scale: the scale of videos with a small target, or several, see `Preprocessing`; None for `scale`.
        template_jitter: in training, template boxes are shifted and scaled by this share of their size, because the
            boxes that people draw are not exact.
        absent_share: share of the pairs that are also searched with a target of another pair, which must find nothing.
        half_boxes: in training, the second look also meets boxes whose corners lie this share of the size beside the
            true ones, so that it learns that half on the target is wrong; 0 for none.
        max_detections: best detections kept per target, and looked at twice.
        nms_iou: of two detections that overlap more than this the weaker is dropped.
        vote_iou: detections that overlap more than this with one that stays have their say on its box.
    """

    def __init__(
        self,
        backbone: dict[str, Any] | nn.Module,
        neck: dict[str, Any] | nn.Module,
        bbox_head: dict[str, Any] | nn.Module,
        candidate_head: dict[str, Any] | nn.Module | None = None,
        refinement_head: dict[str, Any] | nn.Module | None = None,
        train_mode: Literal["all", "refinement"] = "all",
        scale: Scale = (448, 256),
        small_target: Amount = 0.0,
        small_scale: Scale | tuple[Scale, ...] | None = None,
        template_jitter: Amount = 0.04,
        absent_share: Share = 0.25,
        half_boxes: Amount = 0.0,
        max_detections: Count = 8,
        nms_iou: Share = 0.5,
        vote_iou: Share = 0.3,
    ) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(scale, small_target=small_target, small_scale=small_scale)
        self.backbone: nn.Module = build_part(backbone, BACKBONES)
        self.neck: nn.Module = build_part(neck, NECKS)
        self.bbox_head: TinyHead = build_part(bbox_head, HEADS, TinyHead, "DMTrackGSTiny: bbox_head")
        self.candidate_head: CandidateHead | None = None
        if candidate_head is not None:
            key = "DMTrackGSTiny: candidate_head"
            self.candidate_head = build_part(candidate_head, HEADS, CandidateHead, key)
        self.refinement_head: RefinementHead | None = None
        if refinement_head is not None:
            if candidate_head is None:
                raise ConfigError("model.refinement_head needs model.candidate_head, whose candidates it refines")
            key = "DMTrackGSTiny: refinement_head"
            self.refinement_head = build_part(refinement_head, HEADS, RefinementHead, key)
        elif train_mode == "refinement":
            raise ConfigError("model.train_mode='refinement' trains model.refinement_head, which is None; give one")
        self.train_mode = train_mode
        self.template_jitter, self.absent_share, self.half_boxes = template_jitter, absent_share, half_boxes
        self.max_detections, self.nms_iou, self.vote_iou = max_detections, nms_iou, vote_iou
        self.train()

    def train(self, mode: bool = True) -> DMTrackGSTiny:
        """As usual, except that what is not trained stays in evaluation mode, without gradients."""
        super().train(mode)
        if self.train_mode == "refinement":
            for part in self.children():
                if part is not self.refinement_head:
                    part.requires_grad_(False).eval()
        return self

    def extract(self, images: Tensor) -> Features:
        """The fused stride-8 map of (images, 3, H, W), and before it the stride-4 map where candidates need it."""
        maps = self.backbone(images)
        fused = self.neck(maps)
        return fused if self.candidate_head is None else (maps[0], *fused)

    def encode_templates(self, features: Features, boxes_xyxy: Tensor, image_index: Tensor) -> TinyTemplates:
        """Gate, kernels, parts and cells of (targets, 4) boxes in input pixels."""
        head = self.bbox_head
        rois = torch.cat([image_index[:, None].float(), boxes_xyxy.float()], dim=1)
        # RoIAlign has no bfloat16 kernel on CPU.
        cells = roi_align(features[-1].float(), rois, head.roi_size, 1.0 / head.stride, sampling_ratio=2, aligned=True)
        templates = head.encode(cells.to(features[-1].dtype), boxes_xyxy[:, 2:] - boxes_xyxy[:, :2])
        if self.candidate_head is not None:
            templates = replace(templates, cells=self.candidate_head.cut(features, boxes_xyxy, image_index))
        if self.refinement_head is not None:
            cells = self.refinement_head.cut(features, boxes_xyxy, image_index)
            templates = replace(templates, refinement_cells=cells)
        return templates

    def search(self, features: Features, templates: TinyTemplates, image_index: Tensor) -> TinyOutputs:
        """Class, box and centerness maps of every target."""
        outputs = self.bbox_head(features[-1], templates, image_index)
        return outputs if self.candidate_head is None else replace(outputs, searched=(features, templates, image_index))

    def decode(self, outputs: TinyOutputs, size_hw: tuple[int, int], scale_factor: float) -> list[Detections]:
        """Boxes clipped to the image, after non-maximum suppression with box voting per target.

        Score = class probability x square root of centerness, or what the second look says. The box of a detection is
        the mean of the boxes around it, weighted by their squared scores: the location that answers loudest is seldom
        the one that sees the borders best. A refinement then moves its borders; the score stays.
        """
        proposals = self.propose(outputs, size_hw)
        boxes_xyxy, scores = proposals.boxes_xyxy, proposals.scores
        if self.candidate_head is not None and outputs.searched is not None:
            scores = torch.sigmoid(self.second_look(*outputs.searched, proposals))
            if self.refinement_head is not None:
                limits = boxes_xyxy.new_tensor([size_hw[1], size_hw[0]]).repeat(2)
                boxes_xyxy = torch.minimum(self.refine(*outputs.searched, proposals).clamp(min=0), limits)
        found = []
        for boxes, target_scores, valid in zip(boxes_xyxy, scores, proposals.valid, strict=True):
            order = torch.argsort(target_scores.masked_fill(~valid, -1.0), descending=True)[: int(valid.sum())]
            found.append(Detections(boxes[order] / scale_factor, target_scores[order]))
        return found

    def propose(self, outputs: TinyOutputs, size_hw: tuple[int, int]) -> Proposals:
        """The best boxes of the dense search of every target, in an image of `size_hw` input pixels."""
        return self._best(*self._dense(outputs, size_hw), size_hw)

    def _best(self, boxes_xyxy: Tensor, scores: Tensor, size_hw: tuple[int, int]) -> Proposals:
        return propose(boxes_xyxy, scores, size_hw, self.max_detections, self.nms_iou, self.vote_iou)

    def _dense(self, outputs: TinyOutputs, size_hw: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Boxes (T, locations, 4) and scores (T, locations) of all locations."""
        height, width = outputs.logits.shape[-2:]
        stride = self.bbox_head.stride
        points_xy = level_points(height, width, stride, outputs.logits.device)
        boxes = boxes_from_distances(points_xy, outputs.ltrb.flatten(2).transpose(1, 2))
        scores = (torch.sigmoid(outputs.logits) * torch.sigmoid(outputs.centerness).sqrt()).flatten(1)
        if size_hw[0] <= (height - 0.5) * stride or size_hw[1] <= (width - 0.5) * stride:  # places lie in the padding
            inside = (points_xy[:, 0] < size_hw[1]) & (points_xy[:, 1] < size_hw[0])
            scores = scores.masked_fill(~inside, 0.0)
        return boxes, scores

    def second_look(
        self, features: Features, templates: TinyTemplates, image_index: Tensor, proposals: Proposals
    ) -> Tensor:
        """(T, count) logits of the proposals of every target."""
        assert self.candidate_head is not None
        return self._compared(self.candidate_head, templates.cells, features, templates, image_index, proposals)

    def refine(self, features: Features, templates: TinyTemplates, image_index: Tensor, proposals: Proposals) -> Tensor:
        """(T, count, 4) boxes of the proposals with their borders moved."""
        assert self.refinement_head is not None
        cells = templates.refinement_cells
        shares = self._compared(self.refinement_head, cells, features, templates, image_index, proposals)
        return moved(proposals.boxes_xyxy, shares)

    @staticmethod
    def _compared(
        head: Comparison,
        template_cells: Tensor | None,
        features: Features,
        templates: TinyTemplates,
        image_index: Tensor,
        proposals: Proposals,
    ) -> Tensor:
        targets, count = proposals.scores.shape
        boxes = proposals.boxes_xyxy
        cells = head.cut(features, boxes.flatten(0, 1), image_index[:, None].expand(-1, count).flatten())
        sizes_ratio = (boxes[..., 2:] - boxes[..., :2]) / templates.sizes_wh[:, None].clamp(min=1.0)
        said: Tensor = head(template_cells, cells.unflatten(0, (targets, count)), sizes_ratio, proposals.scores)
        return said

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Every pair is trained in both directions; one backbone pass serves all images of equal size."""
        first, second, size_hw = self._extract_both(batch)
        index = batch.query.clip_index
        query_xyxy, search_xyxy = batch.query.boxes_xyxy, batch.search.boxes_xyxy
        jitter = self.template_jitter if self.training else 0.0
        query_templates, search_templates = (
            self.encode_templates(features, jittered(boxes_xyxy, jitter) if jitter else boxes_xyxy, index)
            for features, boxes_xyxy in ((first, query_xyxy), (second, search_xyxy))
        )
        pairs = len(batch.query.images)
        absent = self._absent_targets(index, pairs)
        both = tuple(torch.cat([b, a]) for a, b in zip(first, second, strict=True))  # searched image of each direction
        templates = concatenate(query_templates, search_templates, query_templates.select(absent))
        searched_in = torch.cat([index, index + pairs, (index[absent] + 1) % max(pairs, 1)])
        outputs = self.search(both, templates, searched_in)
        boxes_xyxy = torch.cat([search_xyxy, query_xyxy])
        with torch.no_grad():
            dense = self._dense(outputs, size_hw)
            proposals = self._best(*dense, size_hw)
        losses: dict[str, Tensor] = {}
        if self.train_mode == "all":
            losses |= target_losses(outputs, boxes_xyxy, self.bbox_head.stride)
            if self.candidate_head is not None:
                losses |= self._candidate_losses(both, templates, searched_in, proposals, boxes_xyxy)
        if self.refinement_head is not None:
            boxes = boxes_to_refine(*dense, proposals, boxes_xyxy)
            present = torch.arange(len(boxes_xyxy), device=boxes_xyxy.device)
            refined_xyxy = self.refine(both, templates.select(present), searched_in[present], boxes)
            losses["loss_refinement"] = refinement_loss(refined_xyxy, boxes, boxes_xyxy)
        return losses

    def _candidate_losses(
        self,
        features: Features,
        templates: TinyTemplates,
        searched_in: Tensor,
        proposals: Proposals,
        boxes_xyxy: Tensor,
    ) -> dict[str, Tensor]:
        """The second look at what the first one proposes, and at a shifted true box; the last targets are absent."""
        if len(proposals.scores):
            proposals = self._with_true_boxes(proposals, boxes_xyxy)
        logits = self.second_look(features, templates, searched_in, proposals)
        return candidate_losses(logits, proposals, boxes_xyxy)

    def _with_true_boxes(self, proposals: Proposals, boxes_xyxy: Tensor) -> Proposals:
        """In place of the weakest proposals shifted true boxes, where the target is present."""
        shifts = [TRUE_BOX_JITTER, self.half_boxes] if self.half_boxes else [TRUE_BOX_JITTER]
        present = len(boxes_xyxy)
        boxes, scores, valid = proposals.boxes_xyxy.clone(), proposals.scores.clone(), proposals.valid.clone()
        for place, shift in enumerate(shifts, start=1):
            boxes[:present, -place] = moved(boxes_xyxy, shift * torch.randn_like(boxes_xyxy))
            # As good as any of the others, so that the score of the first look does not give it away.
            other = torch.randint(0, boxes.shape[1] - len(shifts), (present, 1), device=boxes.device)
            scores[:present, -place] = proposals.scores[:present].gather(1, other)[:, 0]
            valid[:present, -place] = True
        return Proposals(boxes, scores, valid)

    def _extract_both(self, batch: Batch) -> tuple[Features, Features, tuple[int, int]]:
        height = max(batch.query.images.shape[-2], batch.search.images.shape[-2])
        width = max(batch.query.images.shape[-1], batch.search.images.shape[-1])
        images = torch.cat(
            [
                F.pad(side, (0, width - side.shape[-1], 0, height - side.shape[-2]))
                for side in (batch.query.images, batch.search.images)
            ]
        )
        halves = [level.chunk(2) for level in self.extract(images)]
        return tuple(half[0] for half in halves), tuple(half[1] for half in halves), (height, width)

    def _absent_targets(self, pair_index: Tensor, pairs: int) -> Tensor:
        """Instances (at most one per pair) that are looked for in the next pair's search image."""
        if pairs < 2 or self.absent_share == 0 or len(pair_index) == 0:
            return pair_index.new_zeros(0)
        first_of_pair = torch.ones_like(pair_index, dtype=torch.bool)
        first_of_pair[1:] = pair_index[1:] != pair_index[:-1]
        chosen = torch.rand(len(pair_index), device=pair_index.device) < self.absent_share
        return torch.nonzero(first_of_pair & chosen)[:, 0]

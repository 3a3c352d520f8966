"""The small network's candidates: the best boxes of the dense search, and a second look at them.

First the best locations, non-maximum suppression, and a vote on the boxes. Then template and candidate are cut out
alike and compared cell by cell. The dense search compares a template with places; it knows neither the size of what
stands there nor its layout. Once there is a box, both can be brought to one size, and look-alikes that differ in a
detail become different. The same happens in the second stage of a two-stage detector; here it decides which of a
frame's candidates is the target, one frame at a time and without any memory.
"""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import box_iou, nms, roi_align

from dmtrack.config import Count, Positive
from dmtrack.registry import HEADS

CONSIDERED = 160
"""Locations of a target that take part, best first."""

COSINE_SCALE = 8.0
"""Products of unit vectors are small; this brings them to the size of the other evidence."""


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
    """Score-weighted means of the boxes around each kept one, (k, 4) xyxy.

    Args:
        boxes_xyxy: (n, 4).
        scores: (n,) not negative.
        keep: (k,) int64, rows that stay.
        min_iou: boxes that overlap a kept one by more than this vote on it; the kept one always does.
    """
    votes = (box_iou(boxes_xyxy[keep], boxes_xyxy) > min_iou) * scores
    # A kept box of zero area overlaps nothing, not even itself.
    votes[torch.arange(len(keep), device=keep.device), keep] = scores[keep].clamp(min=1e-12)
    return votes @ boxes_xyxy / votes.sum(1, keepdim=True)


def roi_align_cells(maps: abc.Sequence[Tensor], rois: Tensor, size: int, strides: abc.Sequence[int]) -> list[Tensor]:
    """RoIAlign with one sample per cell from several maps.

    Args:
        maps: (images, channels, height, width) each.
        rois: (n, 5) float32, image and corners in input pixels.
        size: cells per side.
        strides: of the maps, in input pixels.

    Returns:
        (n, channels, size, size) of each map, float32, because RoIAlign has no bfloat16 kernel on CPU.
    """
    return [
        roi_align(level.float(), rois, size, 1.0 / stride, sampling_ratio=1, aligned=True)
        for level, stride in zip(maps, strides, strict=True)
    ]


class BoxCutter(nn.Module):
    """Cuts boxes and what surrounds them out of maps; has no parameters.

    Args:
        strides: of the maps, in input pixels.
        size: boxes are cut into size x size cells.
        context: the cut is this many times as wide and high as the box, so that its borders are seen.

    Attributes:
        sample: reads the cells; an equivalent of `roi_align_cells`.
    """

    def __init__(self, strides: abc.Sequence[int], size: int, context: float) -> None:
        super().__init__()
        self.strides, self.size, self.context = tuple(strides), size, context
        self.sample = roi_align_cells

    def forward(self, maps: abc.Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor) -> list[Tensor]:
        """RoIAlign with one sample per cell.

        Args:
            maps: (images, in_channels, h, w), one per stride.
            boxes_xyxy: (n, 4) input pixels.
            image_index: (n,) int64, the image of each box.

        Returns:
            (n, in_channels, size, size) of each map.
        """
        centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
        reach = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2 * self.context
        rois = torch.cat([image_index[:, None].to(boxes_xyxy.dtype), centres - reach, centres + reach], dim=1)
        return self.sample(maps, rois.float(), self.size, self.strides)


class Comparison(nn.Module):
    """Brings template and candidates to one size and compares them cell by cell; what it says of each is learnt.

    Args:
        in_channels: channels of the maps that boxes are cut from.
        strides: of these maps, in input pixels.
        channels: of the vectors that are compared, and of the comparison.
        hidden: width of the last layers.
        roi_size: boxes are cut into roi_size x roi_size cells.
        context: the cut is this many times as wide and high as the box, so that its borders are seen.
    """

    outputs: ClassVar[int]
    """Numbers that are said of each candidate."""

    def __init__(
        self,
        in_channels: tuple[Count, ...] = (48, 64),
        strides: tuple[Count, ...] = (4, 8),
        channels: Count = 64,
        hidden: Count = 128,
        roi_size: Count = 7,
        context: Positive = 1.4,
    ) -> None:
        super().__init__()
        self.roi_size = roi_size
        self.cutter = BoxCutter(strides, roi_size, context)
        self.embedding = nn.Conv2d(sum(in_channels), channels, 1)
        self.compare = nn.Sequential(
            nn.Conv2d(4 * channels + 2, channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3),
            nn.ReLU(inplace=True),
        )
        evidence = channels * (roi_size - 4) ** 2 + channels + 1 + 3
        self.decide = nn.Sequential(
            nn.Linear(evidence, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, self.outputs),
        )

    def cut(self, maps: tuple[Tensor, ...], boxes_xyxy: Tensor, image_index: Tensor) -> Tensor:
        """What the boxes show, (n, channels, roi_size, roi_size); arguments as those of `BoxCutter.forward`."""
        return self.embedding(torch.cat(self.cutter(maps, boxes_xyxy, image_index), dim=1))

    def compared(self, templates: Tensor, candidates: Tensor, sizes_ratio: Tensor, scores: Tensor) -> Tensor:
        """Compares candidates with the template of each target; (T, count, outputs), float32.

        Args:
            templates: (T, channels, roi_size, roi_size) of `cut`.
            candidates: (T, count, channels, roi_size, roi_size) of `cut`.
            sizes_ratio: (T, count, 2) width and height of the candidates over those of the template.
            scores: (T, count) of the dense search, in [0, 1].
        """
        targets, count = scores.shape
        template = templates[:, None].expand_as(candidates).flatten(0, 1)
        template_unit = F.normalize(templates, dim=1)[:, None].expand_as(candidates).flatten(0, 1)
        candidate = candidates.flatten(0, 1)
        candidate_unit = F.normalize(candidate, dim=1)
        # Where a cell of one is found anywhere in the other: objects turn and bend. (CPUs look for maxima in float32.)
        cosines = (candidate_unit.flatten(2).transpose(1, 2) @ template_unit.flatten(2)).float()
        found = torch.stack([cosines.amax(2), cosines.amax(1)], dim=1).to(candidate.dtype)
        found = found.unflatten(2, (self.roi_size, self.roi_size))
        aligned = COSINE_SCALE * template_unit * candidate_unit
        evidence = torch.cat([candidate, template, aligned, (candidate - template).abs(), 4.0 * found], dim=1)
        differences = self.compare(evidence).flatten(1)
        # One description of each box as a whole, its surroundings left out.
        candidate_mean, template_mean = (
            F.normalize(cells[:, :, 1:-1, 1:-1].mean(dim=(2, 3)).float(), dim=1) for cells in (candidate, template)
        )
        alike = COSINE_SCALE * candidate_mean * template_mean
        known = torch.cat(
            [
                torch.log(sizes_ratio.clamp(0.05, 20.0)),
                0.5 * torch.logit(scores.float().clamp(1e-4, 1 - 1e-4))[..., None],
            ],
            dim=2,
        ).flatten(0, 1)
        alike = torch.cat([alike, 0.5 * alike.sum(1, keepdim=True), known], dim=1).to(differences.dtype)
        said = self.decide(torch.cat([differences, alike], dim=1))
        return said.view(targets, count, self.outputs).float()


@HEADS.register
class CandidateHead(Comparison):
    """Says of boxes how likely each shows the template's object; arguments as those of `Comparison`."""

    outputs = 1

    def forward(self, templates: Tensor, candidates: Tensor, sizes_ratio: Tensor, scores: Tensor) -> Tensor:
        """Logits (T, count), float32; arguments as those of `compared`."""
        return self.compared(templates, candidates, sizes_ratio, scores)[..., 0]


@HEADS.register
class RefinementHead(Comparison):
    """Moves the borders of boxes to where the template's object ends, as the second stage of a two-stage detector does.

    Arguments as those of `Comparison`.
    """

    outputs = 4

    def forward(self, templates: Tensor, candidates: Tensor, sizes_ratio: Tensor, scores: Tensor) -> Tensor:
        """(T, count, 4) by how much left, top, right and bottom move, in shares of the box's width or height.

        Arguments as those of `compared`.
        """
        return self.compared(templates, candidates, sizes_ratio, scores)

"""From raw maps to boxes: the best locations of every level, and non-maximum suppression among them."""

from __future__ import annotations

import functools
from collections import abc
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import nms

from dmtrack.config import Count, Share
from dmtrack.models.global_search.head import LevelOutputs

TARGET_CLASS = 1
"""The other class is a dummy that is never positive in training; its boxes compete for the kept slots all the same."""


@dataclass(frozen=True)
class TestSettings:
    """`test_cfg`.

    Attributes:
        nms_pre: locations kept per level before suppression.
        score_thr: class probabilities up to this are dropped, before centerness enters the score.
        nms_iou: of two boxes of a class that overlap more than this the weaker is dropped.
        max_per_img: boxes kept over both classes together.
    """

    nms_pre: Count = 1000
    score_thr: Share = 0.0
    nms_iou: Share = 0.5
    max_per_img: Count = 100


@functools.lru_cache(maxsize=16)
def level_points(height: int, width: int, stride: int, device: torch.device | None = None) -> Tensor:
    """Centres of a level's cells as (height * width, 2) x, y in network-input pixels, row-major.

    They are kept for the next call, and not to be changed.
    """
    with torch.inference_mode(False):  # what is kept may be needed for training
        xs = torch.arange(width, device=device, dtype=torch.float32) * stride + stride // 2
        ys = torch.arange(height, device=device, dtype=torch.float32) * stride + stride // 2
        return torch.stack([xs.repeat(height), ys.repeat_interleave(width)], dim=1)


def boxes_from_distances(points: Tensor, distances: Tensor) -> Tensor:
    """Corners from points (..., 2) and distances (..., 4) to left, top, right, bottom."""
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], dim=-1)


@dataclass
class ClassDetections:
    """Kept boxes of one target over both classes, best first.

    Attributes:
        boxes_xyxy: (n, 4) float32 in frame pixels.
        scores: (n,) float32, descending.
        labels: (n,) int64, 0 or 1.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor


@dataclass
class CandidateBoxes:
    """Boxes before suppression.

    Attributes:
        boxes_xyxy: (targets, candidates, 4) float32 in frame pixels.
        probabilities: (targets, candidates, classes), without centerness.
        centerness: (targets, candidates).
    """

    boxes_xyxy: Tensor
    probabilities: Tensor
    centerness: Tensor


def collect_candidates(
    outputs: abc.Sequence[LevelOutputs],
    strides: abc.Sequence[int],
    size_hw: tuple[int, int],
    scale_factor: float,
    nms_pre: int,
) -> CandidateBoxes:
    """The best locations of every level as boxes of the frame, for all targets at once.

    Args:
        outputs: per level, finest first.
        strides: per level.
        size_hw: of the resized image before padding; boxes are clipped to it.
        scale_factor: resized pixels per frame pixel.
        nms_pre: locations kept per level.
    """
    boxes, probabilities, centerness = [], [], []
    for level, stride in zip(outputs, strides, strict=True):
        height, width = level.cls_logits.shape[2:]
        points = level_points(height, width, stride, level.cls_logits.device)
        level_probabilities = level.cls_logits.float().sigmoid().flatten(2).transpose(1, 2)
        level_centerness = level.centerness_logits.float().sigmoid().flatten(1)
        distances = level.distances.float().flatten(2).transpose(1, 2)
        if len(points) > nms_pre:
            ranking = (level_probabilities * level_centerness[..., None]).amax(dim=2)
            best = ranking.topk(nms_pre, dim=1).indices
            points = points[best]
            level_probabilities = level_probabilities.gather(
                1, best[..., None].expand(-1, -1, level.cls_logits.shape[1])
            )
            level_centerness = level_centerness.gather(1, best)
            distances = distances.gather(1, best[..., None].expand(-1, -1, 4))
        boxes.append(boxes_from_distances(points.expand(*distances.shape[:2], 2), distances))
        probabilities.append(level_probabilities)
        centerness.append(level_centerness)
    corners = torch.cat(boxes, dim=1)
    height, width = size_hw
    corners = torch.stack([corners[..., 0::2].clamp(0, width), corners[..., 1::2].clamp(0, height)], dim=-1).flatten(2)
    return CandidateBoxes(corners / scale_factor, torch.cat(probabilities, dim=1), torch.cat(centerness, dim=1))


def suppress(
    boxes_xyxy: Tensor, probabilities: Tensor, centerness: Tensor, settings: TestSettings, exhaustive: bool = False
) -> ClassDetections:
    """Class-wise non-maximum suppression of one target's candidates, both classes in one pass.

    Args:
        boxes_xyxy: (candidates, 4).
        probabilities: (candidates, classes).
        centerness: (candidates,).
        settings: thresholds and limits.
        exhaustive: suppresses among all candidates even where a few already fill the kept slots.
    """
    location, labels = (probabilities > settings.score_thr).nonzero(as_tuple=True)
    scores, order = (probabilities[location, labels] * centerness[location]).sort(descending=True, stable=True)
    boxes, labels = boxes_xyxy[location[order]], labels[order]
    if not len(boxes):
        return ClassDetections(boxes, scores, labels)
    # Boxes of different classes are moved so far apart that they cannot overlap.
    shifted = boxes + (labels.to(boxes) * (boxes.max() + 1))[:, None]
    considered = len(boxes) if exhaustive else 4 * settings.max_per_img
    while True:
        # Whether a box is kept depends on better ones alone, so the best suffice once they fill all slots.
        kept = nms(shifted[:considered], scores[:considered], settings.nms_iou)
        if len(kept) >= settings.max_per_img or considered >= len(boxes):
            break
        considered *= 4
    kept = kept[: settings.max_per_img]
    return ClassDetections(boxes[kept], scores[kept], labels[kept])


def decode_all_classes(
    outputs: abc.Sequence[LevelOutputs],
    strides: abc.Sequence[int],
    size_hw: tuple[int, int],
    scale_factor: float,
    settings: TestSettings,
    exhaustive: bool = False,
) -> list[ClassDetections]:
    """Kept boxes of both classes, one entry per target; see `collect_candidates` and `suppress`."""
    found = collect_candidates(outputs, strides, size_hw, scale_factor, settings.nms_pre)
    return [
        suppress(*candidates, settings, exhaustive)
        for candidates in zip(found.boxes_xyxy, found.probabilities, found.centerness, strict=True)
    ]

"""Which locations must find the target, and what they must say (spec section 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dmtrack.models.heads.fcos import level_points


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
    level_shapes: Sequence[tuple[int, int]],
    strides: Sequence[int],
    regress_ranges: Sequence[tuple[float, float]],
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
    distances = _distances(points, boxes[..., :2], boxes[..., 2:])
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    top_left = torch.maximum(centres - radius[:, None], boxes[..., :2])
    bottom_right = torch.minimum(centres + radius[:, None], boxes[..., 2:])
    central = _distances(points, top_left, bottom_right).amin(dim=-1) > 0
    largest = distances.amax(dim=-1)
    claimed = central & (largest >= ranges[:, 0]) & (largest <= ranges[:, 1])

    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    smallest = torch.where(claimed, area, torch.inf).argmin(dim=1, keepdim=True)
    positive = claimed.gather(1, smallest)[:, 0]
    chosen = distances.gather(1, smallest[..., None].expand(-1, -1, -1, 4))[:, 0]
    chosen = torch.where(positive[..., None], chosen, torch.ones_like(chosen))
    centerness = torch.where(positive, centerness_of(chosen), torch.zeros_like(chosen[..., 0]))
    return LocationTargets(points, positive, chosen, centerness)


def centerness_of(distances: Tensor) -> Tensor:
    """sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)) of (..., 4) distances."""
    horizontal, vertical = distances[..., 0::2], distances[..., 1::2]
    ratio = horizontal.amin(-1) / horizontal.amax(-1) * (vertical.amin(-1) / vertical.amax(-1))
    return ratio.sqrt()


def _distances(points: Tensor, top_left: Tensor, bottom_right: Tensor) -> Tensor:
    return torch.cat([points - top_left, bottom_right - points], dim=-1)

"""RoI features of a few boxes without the rest of the feature pyramid, most of which no template ever sees.

For DLA-34 with an FPN alone: it follows the way of these two from the trunk to the one level that a box is read from.
Other backbones compute their whole pyramid for a template.
"""

from __future__ import annotations

import math
from collections import abc
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import roi_align

from dmtrack.models.backbones.dla34 import DLA34, IDAUp
from dmtrack.models.fast.convolution import convolve_region
from dmtrack.models.global_search.head import RoITemplate, roi_levels
from dmtrack.models.necks import FPN


class Region(NamedTuple):
    """Part of a map: `rows` and `columns` of it."""

    rows: range
    columns: range

    def grown(self, size_hw: abc.Sequence[int]) -> Region:
        """One cell more on every side, as far as the map reaches."""
        rows, columns = (
            range(max(part.start - 1, 0), min(part.stop + 1, size)) for part, size in zip(self, size_hw, strict=True)
        )
        return Region(rows, columns)


def pool_query(
    backbone: DLA34,
    neck: FPN,
    template: RoITemplate,
    trunk_levels: abc.Sequence[Tensor],
    boxes_xyxy: Tensor,
    image_index: Tensor,
    sizes: abc.Sequence[int],
) -> list[Tensor]:
    """RoI features as `RoITemplate.pool` gives them for the complete pyramid.

    Args:
        backbone: prepared; its trunk has run already.
        neck: prepared.
        template: says how boxes are pooled.
        trunk_levels: of the trunk at strides 8, 16, 32.
        boxes_xyxy: (targets, 4) in network-input pixels.
        image_index: (targets,) int64.
        sizes: cells per side, of each result.

    Returns:
        For every size (targets, channels, size, size) float32.
    """
    chosen_levels = roi_levels(boxes_xyxy, template.finest_scale, len(trunk_levels))
    wanted = sorted(set(chosen_levels.tolist()))
    regions = {
        level: region_of_rois(
            boxes_xyxy[chosen_levels == level], template.strides[level], trunk_levels[level].shape[2:]
        )
        for level in wanted
    }
    laterals = _laterals(backbone, neck, trunk_levels, wanted[0], regions[wanted[0]])
    pooled = [boxes_xyxy.new_empty(len(boxes_xyxy), neck.out_channels, size, size) for size in sizes]
    for level in wanted:
        chosen = chosen_levels == level
        region, origin, lateral = regions[level], (0, 0), laterals[level]
        if level == wanted[0]:
            # This map begins where its region, with the ring that the convolution needs, begins.
            ring = region.grown(trunk_levels[level].shape[2:])
            origin = (ring.rows.start, ring.columns.start)
        rows, columns = (
            range(part.start - begin, part.stop - begin) for part, begin in zip(region, origin, strict=True)
        )
        features = convolve_region(neck.fpn_convs[level], lateral, rows, columns)
        stride = template.strides[level]
        corner = boxes_xyxy.new_tensor([region.columns.start, region.rows.start] * 2) * stride
        rois = torch.cat([image_index[chosen, None].to(boxes_xyxy), boxes_xyxy[chosen] - corner], dim=1)
        features = features.float().contiguous()
        for result, size in zip(pooled, sizes, strict=True):
            result[chosen] = roi_align(features, rois, size, 1.0 / stride, template.sampling_ratio, aligned=True)
    return pooled


def region_of_rois(boxes_xyxy: Tensor, stride: int, size_hw: abc.Sequence[int]) -> Region:
    """The cells of a level that RoIAlign reads for these boxes, and at least one cell around them."""
    low = (boxes_xyxy[:, :2].min(dim=0).values / stride - 0.5).tolist()
    high = (boxes_xyxy[:, 2:].max(dim=0).values / stride - 0.5).tolist()
    columns, rows = (
        range(max(math.floor(first) - 1, 0), min(math.floor(last) + 3, size))
        for first, last, size in zip(low, high, (size_hw[1], size_hw[0]), strict=True)
    )
    return Region(rows, columns)


def _laterals(
    backbone: DLA34, neck: FPN, trunk_levels: abc.Sequence[Tensor], finest: int, region: Region
) -> dict[int, Tensor]:
    """The top-down sums of the levels from `finest` on; the finest only in the region and the ring around it."""
    fine, middle, coarse = trunk_levels
    ring = region.grown(trunk_levels[finest].shape[2:])
    maps = {2: coarse}
    if finest == 1:
        maps[1] = _ida_region(backbone.dla_up.ida_0, [middle, coarse], ring)
    if finest == 0:
        maps[1] = backbone.dla_up.ida_0([middle, coarse])[-1]
        maps[0] = _ida_region(backbone.dla_up.ida_1, [fine, middle, maps[1]], ring)
    if finest == 2:
        maps[2] = coarse[:, :, ring.rows.start : ring.rows.stop, ring.columns.start : ring.columns.stop]
    sums: dict[int, Tensor] = {}
    for level in range(2, finest - 1, -1):
        sums[level] = neck.lateral_convs[level](maps[level])
        if level < 2:
            height, width = trunk_levels[level].shape[2:]
            part = ring if level == finest else Region(range(height), range(width))
            # The coarser map, enlarged twice by nearest neighbours.
            rows, columns = (torch.arange(side.start, side.stop, device=fine.device) // 2 for side in part)
            sums[level] += sums[level + 1][:, :, rows][:, :, :, columns]
    return sums


def _ida_region(aggregation: IDAUp, levels: list[Tensor], region: Region) -> Tensor:
    """`IDAUp.forward` whose last node computes the region alone; its samples still come from the whole map."""
    merged = levels[0]
    for step, level in enumerate(levels[1:], start=1):
        projected = aggregation.get_submodule(f"proj_{step}")(level)
        merged = aggregation.get_submodule(f"up_{step}")(projected) + merged
        node = aggregation.get_submodule(f"node_{step}")
        if step < aggregation.steps:
            merged = node(merged)
    convolution, activation = node.get_submodule("conv"), node.get_submodule("actf")
    result: Tensor = activation(convolution.region(merged, region.rows, region.columns))  # type: ignore[operator]
    return result

"""What only DLA-34 has, for inference: the joints of its trees, and the deformable convolutions of its aggregation.

All other layers of that backbone are served by `rewriting` and `blocks` like those of any other. With an FPN, the RoI
features of a few boxes come without the rest of the pyramid, most of which no template ever sees: they follow the way
from the trunk to the one level that a box is read from. Other backbones compute their whole pyramid for a template.
"""

from __future__ import annotations

import math
from collections import abc
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from dmtrack.models.backbones.deformable import (
    TAPS,
    ModulatedDeformableConv,
    sample_taps,
    torchvision_deform_conv,
)
from dmtrack.models.backbones.dla import Root
from dmtrack.models.backbones.dla34 import DLA34, DeformableBlock, IDAUp
from dmtrack.models.fast.convolution import PreparedConv, convolve_region
from dmtrack.models.fast.rewriting import Rewriting, fast_layer, is_foldable
from dmtrack.models.global_search.head import RoITemplate, roi_levels
from dmtrack.models.necks import FPN


@fast_layer(Root)
def _root(layer: nn.Module, rewriting: Rewriting, path: str) -> nn.Module:
    """The convolution includes the ReLU."""
    if isinstance(layer.bn, nn.Identity):
        layer.conv = rewriting.convolution(layer.get_submodule("conv"), f"{path}.conv", activation="relu")  # type: ignore[arg-type]
        layer.relu = nn.Identity()
        return layer
    return rewriting.inside(layer, path)


@fast_layer(DeformableBlock)
def _deformable_block(layer: DeformableBlock, rewriting: Rewriting, path: str) -> nn.Module:
    """Its norm is folded in here, because the convolution is no ordinary one; offsets and mask stay as they are."""
    convolution, norm = layer.conv, layer.actf[0]
    if is_foldable(norm):
        assert norm.running_mean is not None and norm.running_var is not None
        with torch.no_grad():
            factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            convolution.weight.mul_(factor[:, None, None, None])
            convolution.bias.copy_((convolution.bias - norm.running_mean) * factor + norm.bias)
        layer.actf[0] = nn.Identity()
    return rewriting.inside(layer, path)


@fast_layer(ModulatedDeformableConv)
class PreparedDeformableConv(nn.Module):
    """A modulated deformable convolution, on CPUs by table look-up.

    Offsets and masks are always float32: rounding the sampling points costs more than rounding what is sampled.

    Args:
        convolution: what it computes; a batch norm may have been folded in.
        rewriting: says the number format of features and weights.
        path: name of the convolution.
    """

    def __init__(self, convolution: ModulatedDeformableConv, rewriting: Rewriting, path: str) -> None:
        super().__init__()
        self.dtype = rewriting.dtype_of(path)
        self.conv_offset = PreparedConv(convolution.conv_offset, self.dtype)
        self.weight = nn.Parameter(convolution.weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(convolution.bias.detach(), requires_grad=False)
        product = nn.Conv2d(convolution.weight.shape[1] * TAPS, len(convolution.weight), 1)
        product.weight.data = self.weight.permute(0, 2, 3, 1).flatten(1)[:, :, None, None]
        product.bias = self.bias
        self.product = PreparedConv(product, self.dtype)

    def forward(self, inputs: Tensor) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H, W)."""
        inputs = inputs.to(self.dtype)
        predicted = self.conv_offset(inputs).float()
        offset, mask = predicted[:, : 2 * TAPS], predicted[:, 2 * TAPS :].sigmoid()
        if inputs.device.type == "cpu":
            return self.product(sample_taps(inputs, offset, mask).permute(0, 3, 1, 2))
        return torchvision_deform_conv(inputs, offset, mask, self.weight, self.bias)

    def region(self, inputs: Tensor, rows: range, columns: range) -> Tensor:
        """The part of the output in these rows and columns: (images, out_channels, rows, columns). CPU only."""
        inputs = inputs.to(self.dtype)
        predicted = convolve_region(self.conv_offset, inputs, rows, columns).float()
        offset, mask = predicted[:, : 2 * TAPS], predicted[:, 2 * TAPS :].sigmoid()
        return self.product(sample_taps(inputs, offset, mask, (rows.start, columns.start)).permute(0, 3, 1, 2))


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

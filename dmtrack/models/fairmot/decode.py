"""From FairMOT's maps to boxes with embeddings: peaks of the heatmap, and what the other maps say at them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Maps:
    """What the heads say of every cell, at stride 4.

    Attributes:
        heatmap_logits: (images, classes, H, W), of the centres of objects.
        sizes: (images, 4, H, W) distances of the centre to left, top, right and bottom in cells; or (images, 2, H, W)
            width and height. Not limited: small networks give negative ones.
        offsets: (images, 2, H, W), x and y of the centre inside its cell.
        embeddings: (images, channels, H, W), not normalised.
    """

    heatmap_logits: Tensor
    sizes: Tensor
    offsets: Tensor
    embeddings: Tensor


@dataclass(frozen=True)
class Peaks:
    """The best centres of each image, best first.

    Attributes:
        boxes_xyxy: (images, k, 4) in cells of the maps.
        scores: (images, k) in [0, 1].
        classes: (images, k) int64.
        cells: (images, k) int64, row * W + column.
        embeddings: (images, k, channels) unit vectors.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    classes: Tensor
    cells: Tensor
    embeddings: Tensor


def decode(maps: Maps, most: int = 500) -> Peaks:
    """Boxes at the peaks of the heatmap (Zhou et al., Objects as Points, section 4).

    Args:
        maps: of the network.
        most: boxes per image.
    """
    heatmap = maps.heatmap_logits.float().sigmoid()
    height, width = heatmap.shape[2:]
    most = min(most, height * width)
    # A peak is the largest of its 3x3 neighbours; that takes the place of non-maximum suppression.
    peaks = heatmap * (F.max_pool2d(heatmap, 3, 1, 1) == heatmap)
    class_scores, class_cells = peaks.flatten(2).topk(most)
    scores, ranks = class_scores.flatten(1).topk(most)
    cells = class_cells.flatten(1).gather(1, ranks)
    centres = torch.stack([cells % width, cells.div(width, rounding_mode="floor")], dim=2).to(heatmap.dtype)
    centres = centres + at_cells(maps.offsets, cells)
    sizes = at_cells(maps.sizes, cells)
    if sizes.shape[2] == 2:
        sizes = torch.cat([sizes, sizes], dim=2) / 2
    boxes_xyxy = torch.cat([centres - sizes[..., :2], centres + sizes[..., 2:]], dim=2)
    embeddings = F.normalize(at_cells(maps.embeddings, cells), dim=2)
    return Peaks(boxes_xyxy, scores, ranks // most, cells, embeddings)


def at_cells(maps: Tensor, cells: Tensor) -> Tensor:
    """What maps (images, channels, H, W) hold at cells (images, k), as (images, k, channels), float32 or wider."""
    channels_last = maps.flatten(2).transpose(1, 2)
    found = channels_last.gather(1, cells[..., None].expand(-1, -1, maps.shape[1]))
    return found.to(torch.promote_types(found.dtype, torch.float32))


def to_image(boxes_xyxy: Tensor, maps_wh: tuple[int, int], image_wh: tuple[int, int]) -> Tensor:
    """Boxes in cells of the maps as pixels of the image that the letterbox holds in its middle.

    As published, one factor serves both axes, and the rounding of the resized image is left out.

    Args:
        boxes_xyxy: (..., 4) in cells.
        maps_wh: width and height of the maps.
        image_wh: of the image.
    """
    pixels_per_cell = max(maps_wh[0] / maps_wh[1] * image_wh[1], image_wh[0]) / maps_wh[0]
    middle_of_maps = boxes_xyxy.new_tensor(maps_wh).repeat(2) / 2
    middle_of_image = boxes_xyxy.new_tensor(image_wh).repeat(2) / 2
    return (boxes_xyxy - middle_of_maps) * pixels_per_cell + middle_of_image

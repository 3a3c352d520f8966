"""The decoupled head (YOLOX section 2.1): classes by one branch, boxes and objectness by the other, on every map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from dmtrack.models.backbones.yolov5 import Convolution, conv_norm_act

PRIOR = 0.01
"""First probability of a class and of an object, so that training starts calmly."""


@dataclass(frozen=True)
class Predictions:
    """What the head says of every cell of all maps, the finest map first, row by row.

    Attributes:
        boxes: (images, cells, 4): centre in cells from the cell's corner, logarithm of width and height in strides.
        objectness: (images, cells) logits.
        classes: (images, cells, classes) logits.
        corners_xy: (cells, 2) place of each cell in its map.
        strides: (cells,) pixels per cell.
    """

    boxes: Tensor
    objectness: Tensor
    classes: Tensor
    corners_xy: Tensor
    strides: Tensor

    def boxes_xyxy(self, image: int | Tensor | slice = slice(None), cell: Tensor | slice = slice(None)) -> Tensor:
        """Boxes in pixels of the network input: (images, cells, 4), or those of the images and cells asked for."""
        said, strides = self.boxes[image, cell], self.strides[cell, None]
        centres = (said[..., :2] + self.corners_xy[cell]) * strides
        half = said[..., 2:].exp() * strides / 2
        return torch.cat([centres - half, centres + half], dim=-1)


class DecoupledHead(nn.Module):
    """One head per map; they share no weights.

    Args:
        classes: kinds of objects.
        in_channels: of the maps.
        strides: of the maps.
        channels: of the branches.
        convolution: of the 3x3 kernels.
    """

    def __init__(
        self,
        classes: int,
        in_channels: Sequence[int],
        strides: Sequence[int],
        channels: int,
        convolution: Convolution,
    ) -> None:
        super().__init__()
        self.strides = tuple(strides)

        def outputs(count: int, prior: float | None = None) -> nn.ModuleList:
            layers = nn.ModuleList(nn.Conv2d(channels, count, 1) for _ in strides)
            if prior is not None:
                for layer in layers:
                    nn.init.constant_(layer.bias, -math.log((1 - prior) / prior))  # type: ignore[arg-type]
            return layers

        self.stems = nn.ModuleList(conv_norm_act(own, channels) for own in in_channels)
        self.cls_convs, self.reg_convs = (
            nn.ModuleList(
                nn.Sequential(convolution(channels, channels, 3), convolution(channels, channels, 3)) for _ in strides
            )
            for _ in range(2)
        )
        self.cls_preds, self.reg_preds, self.obj_preds = outputs(classes, PRIOR), outputs(4), outputs(1, PRIOR)

    def at_level(self, number: int, features: Tensor) -> Tensor:
        """What the head of one map says of it: (images, 4 + 1 + classes, H, W), boxes, objectness, classes."""
        stem = self.stems[number](features)
        of_classes, of_boxes = self.cls_convs[number](stem), self.reg_convs[number](stem)
        boxes, objectness = self.reg_preds[number](of_boxes), self.obj_preds[number](of_boxes)
        return torch.cat([boxes, objectness, self.cls_preds[number](of_classes)], dim=1)

    def forward(self, maps: Sequence[Tensor]) -> Predictions:
        """Maps (images, channels, H, W) of the strides, finest first."""
        said, corners, strides = [], [], []
        for number, (features, stride) in enumerate(zip(maps, self.strides, strict=True)):
            said.append(self.at_level(number, features).flatten(2))
            height, width = features.shape[2:]
            rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            corners.append(torch.stack([columns, rows], dim=2).view(-1, 2))
            strides.append(torch.full((height * width,), stride))
        # Cells last to the end, so that exp and the like of the few channels run over contiguous memory.
        values = torch.cat(said, dim=2).transpose(1, 2)
        values = values.to(torch.promote_types(values.dtype, torch.float32))
        return Predictions(
            values[..., :4],
            values[..., 4],
            values[..., 5:],
            torch.cat(corners).to(values),
            torch.cat(strides).to(values),
        )


@dataclass(frozen=True)
class Found:
    """Boxes of one image, best first.

    Attributes:
        boxes_xyxy: (n, 4) pixels of the network input.
        objectness: (n,) in [0, 1].
        class_scores: (n,) in [0, 1], of the likeliest class.
        classes: (n,) int64.
    """

    boxes_xyxy: Tensor
    objectness: Tensor
    class_scores: Tensor
    classes: Tensor


def select_boxes(
    predictions: Predictions, least_score: float, most_overlap: float, class_agnostic: bool = False
) -> list[Found]:
    """The boxes of every image that are sure enough and are not another, better box once more.

    Args:
        predictions: of the head.
        least_score: objectness times probability of the likeliest class.
        most_overlap: IoU with a better box above which a box is left out (non-maximum suppression).
        class_agnostic: boxes suppress those of other classes, too.
    """
    boxes_xyxy = predictions.boxes_xyxy()
    class_scores, classes = predictions.classes.sigmoid().max(dim=2)
    objectness = predictions.objectness.sigmoid()
    found = []
    for one in zip(boxes_xyxy, objectness, class_scores, classes, strict=True):
        sure = one[1] * one[2] >= least_score
        boxes, objects, kinds, numbers = (values[sure] for values in one)
        groups = torch.zeros_like(numbers) if class_agnostic else numbers
        kept = batched_nms(boxes, objects * kinds, groups, most_overlap)
        found.append(Found(boxes[kept], objects[kept], kinds[kept], numbers[kept]))
    return found

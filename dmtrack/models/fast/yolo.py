"""The blocks of YOLOv5 and YOLOX for inference, and YOLOX as a whole."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from dmtrack.models.backbones.yolov5 import SPP
from dmtrack.models.fast.convolution import PreparedConv, side_by_side
from dmtrack.models.fast.rewriting import Rewriting, fast_layer, prepare_layers
from dmtrack.models.yolox.head import DecoupledHead

LARGE_MAPS = ("head.cls_convs.0", "head.reg_convs.0")
"""The head on the finest map, at stride 8."""

FULL_PRECISION = ("head.cls_preds", "head.reg_preds", "head.obj_preds")
"""The last layers, whose outputs are pixels and scores."""


fast_yolox = partial(prepare_layers, full_precision=FULL_PRECISION, large_maps=LARGE_MAPS)
"""(model, precision) -> a copy for inference; its blocks are exchanged by their type."""


class FastDecoupledHead(DecoupledHead):
    """The head with one convolution where both branches begin, and one for boxes and objectness.

    Args:
        head: folded.
        rewriting: makes fast convolutions.
        path: of the head.
    """

    def __init__(self, head: DecoupledHead, rewriting: Rewriting, path: str) -> None:
        nn.Module.__init__(self)
        self.strides = head.strides
        self.stems = rewriting.inside(head.stems, f"{path}.stems")
        self.first_convs, self.class_convs, self.box_convs = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.class_outputs, self.box_outputs = nn.ModuleList(), nn.ModuleList()
        for number in range(len(head.strides)):
            branches: Any = (head.cls_convs[number], head.reg_convs[number])
            name = f"{path}.cls_convs.{number}"
            first = side_by_side([first.conv for first, _ in branches])
            self.first_convs.append(rewriting.convolution(first, name, "swish"))
            for convolutions, (_, second) in zip((self.class_convs, self.box_convs), branches, strict=True):
                convolutions.append(rewriting.convolution(second.conv, name, "swish"))
            boxes = side_by_side([head.reg_preds[number], head.obj_preds[number]])
            # Pixels and scores are decided by small differences.
            self.box_outputs.append(PreparedConv(boxes, torch.float32))
            self.class_outputs.append(PreparedConv(head.cls_preds[number], torch.float32))  # type: ignore[arg-type]

    def at_level(self, number: int, features: Tensor) -> Tensor:
        """As `DecoupledHead.at_level`."""
        of_classes, of_boxes = self.first_convs[number](self.stems[number](features)).chunk(2, dim=1)
        boxes = self.box_outputs[number](self.box_convs[number](of_boxes))
        return torch.cat([boxes, self.class_outputs[number](self.class_convs[number](of_classes))], dim=1)


@fast_layer(DecoupledHead)
def _decoupled_head(head: DecoupledHead, rewriting: Rewriting, path: str) -> nn.Module:
    """Depthwise convolutions of the two branches have nothing in common."""
    branch: Any = head.cls_convs[0]
    if hasattr(branch[0], "dconv"):
        return rewriting.inside(head, path)
    return FastDecoupledHead(head, rewriting, path)


@fast_layer(SPP)
class FastSPP(nn.Module):
    """Pyramid pooling in which each window is the one before it, pooled by five cells once more."""

    def __init__(self, block: SPP, rewriting: Rewriting, path: str) -> None:
        super().__init__()
        first, last = (rewriting.layer(block.get_submodule(name), f"{path}.{name}") for name in block.names)
        self.first, self.last = first, last

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of the same shape."""
        maps = [self.first(inputs)]
        for _ in range(3):
            maps.append(max_pool2d(maps[-1], 5, 1, 2))
        outputs: Tensor = self.last(torch.cat(maps, dim=1))
        return outputs

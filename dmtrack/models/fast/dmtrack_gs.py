"""DMTrack-GS for inference: the same boxes as the published computation, in a fraction of its time."""

from __future__ import annotations

import math
from collections import abc

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.data.batches import Batch
from dmtrack.models.backbones.dla34 import DLA34
from dmtrack.models.fast.convolution import dynamic_conv
from dmtrack.models.fast.dla import pool_query
from dmtrack.models.fast.rewriting import Rewriting, fast_layer, prepare_layers
from dmtrack.models.fast.winograd import WinogradConv
from dmtrack.models.global_search.base import Features, GlobalSearchModel
from dmtrack.models.global_search.dmtrack_gs import DMTrackGS, Templates, clip_to_input
from dmtrack.models.global_search.head import KernelController, LevelKernels, LevelOutputs
from dmtrack.models.necks import FPN

FULL_PRECISION = ("template.", "controller.", "part_fusion.", "cond_modulator.", "bbox_head.fcos_")
"""What is generated from the template, and the last layers, whose outputs are pixels: too delicate for half precision,
and too small to gain from it."""

LARGE_MAPS = ("backbone.base.level3.", "neck.fpn_convs.0.", "bbox_head.cls_convs.", "bbox_head.reg_convs.")
"""Layers that work at stride 8."""

TARGETS_AT_ONCE = 2
"""More fill no matrix product better, and their intermediate maps leave the processor's caches."""


class InferenceOnly(GlobalSearchModel):
    """What inference copies do not have."""

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Not for this copy.

        Raises:
            TypeError: always.
        """
        raise TypeError("this is an inference copy; train the model that it was made from")


class FastDMTrackGS(InferenceOnly, DMTrackGS):
    """A copy of a `DMTrackGS` that only tracks.

    Differences from the original's computation, none of which changes a result by more than rounding: folded batch
    norms; Winograd convolutions where all levels of a tower share one pass; deformable convolutions by table look-up;
    both first kernels of a target in one product.

    Args:
        model: stays as it is; later changes of its weights do not reach the copy.
        precision: number format of the convolutions, 'fp32', 'bf16' or 'fp16'.

    Attributes:
        trunk_first: whether `extract` ends at the trunk and leaves the pyramid to those who need it.
    """

    def __init__(self, model: DMTrackGS, precision: str = "fp32") -> None:
        nn.Module.__init__(self)
        self.__dict__.update(vars(prepare_layers(model, precision, FULL_PRECISION, LARGE_MAPS)))
        self.trunk_first = type(self.backbone) is DLA34 and type(self.neck) is FPN

    def extract(self, images: Tensor) -> Features:
        """What search and templates both need of (images, 3, H, W) normalised images; H and W are multiples of 32.

        Where the backbone is the published one, these are the trunk's maps alone: a template needs a small part of the
        pyramid.
        """
        images = images.to(memory_format=torch.channels_last)
        if not self.trunk_first:
            return super().extract(images)
        return tuple(self.backbone.base(images)[-len(self.bbox_head.strides) :])

    def encode_templates(self, features: Features, boxes_xyxy: Tensor, image_index: Tensor) -> Templates:
        """As `DMTrackGS.encode_templates`."""
        if not self.trunk_first or features[0].device.type != "cpu":
            return super().encode_templates(self._pyramid(features), boxes_xyxy, image_index)
        boxes = clip_to_input(boxes_xyxy.float(), features[0], self.bbox_head.strides[0])
        fusion = self.part_fusion
        sizes = [self.template.roi_size] if fusion is None else [self.template.roi_size, fusion.correlation.grid]
        pooled = pool_query(self.backbone, self.neck, self.template, features, boxes, image_index, sizes)
        kernels = self.controller([convolution(pooled[0]) for convolution in self.template.fpn_modulator])
        return Templates(kernels, None if fusion is None else fusion.correlation.encode(pooled[1]))

    def _pyramid(self, features: Features) -> Features:
        """The complete feature pyramid from the result of `extract`."""
        if not self.trunk_first:
            return features
        return self.neck(self.backbone.dla_up(list(features)))

    def search(self, features: Features, templates: Templates, image_index: Tensor) -> list[LevelOutputs]:
        """As `DMTrackGS.search`."""
        features = self._pyramid(features)
        chunks = [
            self._search(features, templates.select(chosen), image_index[chosen])
            for chosen in torch.arange(len(image_index), device=image_index.device).split(TARGETS_AT_ONCE)
        ]
        return LevelOutputs.concatenate(chunks)

    def _search(self, features: Features, templates: Templates, image_index: Tensor) -> list[LevelOutputs]:
        cls_maps, reg_maps = [], []
        for level, kernels in zip(features, templates.kernels, strict=True):
            both = torch.cat([kernels.cls1, kernels.reg1], dim=1).to(level.dtype)
            cls_features, reg_features = F.relu_(dynamic_conv(level, both, image_index)).chunk(2, dim=1)
            if self.part_fusion is not None:
                assert templates.parts is not None
                cls_features, reg_features = self.part_fusion(
                    cls_features.float(), reg_features.float(), level.float(), templates.parts, image_index
                )
            cls_maps.append(cls_features)
            reg_maps.append(reg_features)
        head = self.bbox_head
        cls_maps = run_tower(head.cls_convs, cls_maps)
        reg_maps = run_tower(head.reg_convs, reg_maps)
        outputs = []
        for number, kernels in enumerate(templates.kernels):
            cls_features, reg_features = self.cond_modulator(cls_maps[number], reg_maps[number], kernels)
            outputs.append(head.predict(cls_features, reg_features, number))
        return outputs


@fast_layer(KernelController)
class PreparedController(nn.Module):
    """A `KernelController` in fp32 for few targets: its large matrices are read once, which is what takes the time."""

    def __init__(self, controller: KernelController, rewriting: Rewriting, path: str) -> None:
        super().__init__()
        self.controller = controller

    def forward(self, templates: abc.Sequence[Tensor]) -> list[LevelKernels]:
        """As `KernelController.forward`."""
        targets = len(templates[0])
        height, width = templates[0].shape[2:]
        # Of a map padded by one, so many cells are the map's own.
        share = (height * width) / ((height + 2) * (width + 2))
        inputs = torch.cat([share * level.mean(dim=(2, 3)) for level in templates])
        generated = []
        for name in ("cls1", "cls2", "reg1", "reg2"):
            layer = self.controller.get_submodule(f"controller_{name}")
            weight, bias = layer.get_parameter("weight").flatten(1), layer.get_parameter("bias")
            # Rows of the weight times few columns: BLAS does this order five times faster than the other.
            kernels = (weight @ inputs.t()).t() + bias
            side = math.isqrt(len(weight))
            generated.append(kernels.reshape(len(templates), targets, side, side))
        return [LevelKernels(*level) for level in zip(*generated, strict=True)]


def run_tower(tower: nn.Sequential, maps: abc.Sequence[Tensor]) -> list[Tensor]:
    """A tower of an `FCOSHead` on the maps of all levels, layer by layer."""
    maps = list(maps)
    for layer in tower:
        convolution = layer.get_submodule("conv")
        maps = convolution.levels(maps) if isinstance(convolution, WinogradConv) else [convolution(m) for m in maps]
        norm = layer.get_submodule("gn")
        maps = [F.relu_(norm(level)) for level in maps]
    return maps

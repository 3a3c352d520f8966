"""DMTrack-GS (Zhang et al., CVPR 2021, arXiv 2104.12041): the published global-search detector."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dmtrack.data.batches import Batch
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.models.backbones.dla34 import DEAD_PARAMETERS
from dmtrack.models.base import build_part, keep_statistics
from dmtrack.models.global_search.base import Detections, Features, GlobalSearchModel
from dmtrack.models.global_search.decode import TARGET_CLASS, ClassDetections, TestSettings, decode_all_classes
from dmtrack.models.global_search.head import (
    FCOSHead,
    KernelController,
    LevelKernels,
    LevelOutputs,
    Modulator,
    Premodulator,
    RoITemplate,
)
from dmtrack.models.global_search.losses import LOSS_NAMES, TrainSettings, average_over_pairs, target_losses
from dmtrack.models.global_search.parts import PartFusion, TemplateParts
from dmtrack.registry import BACKBONES, HEADS, MODELS, NECKS

dead_parameters = tuple(f"backbone.{prefix}" for prefix in DEAD_PARAMETERS)
"""Prefixes of parameters that published files hold although no output depends on them; they get no gradient."""


@dataclass
class Templates:
    """What the search needs of every target.

    Attributes:
        kernels: per level the kernels of all targets.
        parts: (targets, parts, embedding) of `PartCorrelation`, where the model has it.
    """

    kernels: list[LevelKernels]
    parts: Tensor | None = None

    def select(self, chosen: Tensor | slice) -> Templates:
        """Those of some of the targets."""
        parts = None if self.parts is None else self.parts[chosen]
        return Templates([LevelKernels(*(kernel[chosen] for kernel in level)) for level in self.kernels], parts)


@dataclass(frozen=True)
class PublishedPreprocessing(Preprocessing):
    """`model.preprocessing`; the published weights were trained with inclusive boxes."""

    inclusive_boxes: bool = True


@MODELS.register
class DMTrackGS(GlobalSearchModel):
    """Finds the target of a query box anywhere in a search image.

    Query and search image go through the same backbone and neck. A template of the query box generates kernels that
    modulate the search features before and after shared towers; an FCOS head predicts class, box and centerness.

    Args:
        backbone: images to maps at `bbox_head.strides`.
        neck: maps of the backbone to maps of equal channels.
        template: a `RoITemplate`.
        controller: a `KernelController`.
        bbox_head: an `FCOSHead`.
        template_parts: None as published; otherwise cosine correlations with a grid of template parts are mixed in.
        train_cfg: batch norm, assignment and losses.
        test_cfg: which boxes are kept.
        preprocessing: by default the published one, with inclusive boxes.
    """

    reference_equivalent = False
    """Computes as published, one target after the other; set it with `reference_path`."""

    def __init__(
        self,
        backbone: dict[str, Any] | nn.Module,
        neck: dict[str, Any] | nn.Module,
        template: dict[str, Any] | nn.Module,
        controller: dict[str, Any] | nn.Module,
        bbox_head: dict[str, Any] | nn.Module,
        template_parts: TemplateParts | None = None,
        train_cfg: TrainSettings | None = None,
        test_cfg: TestSettings | None = None,
        preprocessing: PublishedPreprocessing | None = None,
    ) -> None:
        super().__init__()
        self.train_cfg, self.test_cfg = train_cfg or TrainSettings(), test_cfg or TestSettings()
        self.preprocessing = preprocessing or PublishedPreprocessing()
        # The order of these lines is the order of the published files.
        self.backbone = build_part(backbone, BACKBONES)
        self.neck = build_part(neck, NECKS)
        self.bbox_head: FCOSHead = build_part(bbox_head, HEADS)
        self.template: RoITemplate = build_part(template, MODELS)
        self.controller: KernelController = build_part(controller, MODELS)
        self.cond_premodulator = Premodulator()
        self.cond_modulator = Modulator(self.bbox_head.feat_channels, self.bbox_head.mid_channels)
        self.part_fusion: PartFusion | None = None
        if template_parts is not None:
            self.part_fusion = PartFusion(self.controller.channels, template_parts.grid, template_parts.channels)
        if self.train_cfg.batch_norm == "sync":
            self.backbone = nn.SyncBatchNorm.convert_sync_batchnorm(self.backbone)

    def train(self, mode: bool = True) -> DMTrackGS:
        """As usual, except that frozen batch norms stay in evaluation mode."""
        super().train(mode)
        if self.train_cfg.batch_norm == "frozen":
            keep_statistics(self)
        return self

    def extract(self, images: Tensor) -> Features:
        """Feature pyramid of (images, 3, H, W) normalised images; H and W are multiples of 32."""
        return self.neck(self.backbone(images))

    def encode_templates(self, features: Features, boxes_xyxy: Tensor, image_index: Tensor) -> Templates:
        """Kernels of the targets in the query images.

        As published, boxes are clipped to [0, width - 1] x [0, height - 1] of the padded input.
        """
        boxes = clip_to_input(boxes_xyxy.float(), features[0], self.bbox_head.strides[0])
        kernels = self.controller(self.template(features, boxes, image_index))
        parts = None
        if self.part_fusion is not None:
            pooled = self.template.pool(features, boxes, image_index, self.part_fusion.correlation.grid)
            parts = self.part_fusion.correlation.encode(pooled)
        return Templates(kernels, parts)

    def search(self, features: Features, templates: Templates, image_index: Tensor) -> list[LevelOutputs]:
        """Raw maps of every target in its search image, per level."""
        if self.reference_equivalent and len(image_index) > 1:
            return self._search_one_by_one(features, templates, image_index)
        outputs = []
        for level, (level_features, kernels) in enumerate(zip(features, templates.kernels, strict=True)):
            cls_features, reg_features = self.cond_premodulator(level_features, kernels, image_index)
            if self.part_fusion is not None:
                assert templates.parts is not None
                cls_features, reg_features = self.part_fusion(
                    cls_features, reg_features, level_features, templates.parts, image_index
                )
            cls_features, reg_features = self.bbox_head.cls_convs(cls_features), self.bbox_head.reg_convs(reg_features)
            cls_features, reg_features = self.cond_modulator(cls_features, reg_features, kernels)
            outputs.append(self.bbox_head.predict(cls_features, reg_features, level))
        return outputs

    def _search_one_by_one(self, features: Features, templates: Templates, image_index: Tensor) -> list[LevelOutputs]:
        per_target = []
        for target, image in enumerate(image_index.tolist()):
            own = slice(target, target + 1)
            image_features = tuple(level[image : image + 1] for level in features)
            per_target.append(self.search(image_features, templates.select(own), image_index.new_zeros(1)))
        return LevelOutputs.concatenate(per_target)

    def decode(self, outputs: list[LevelOutputs], size_hw: tuple[int, int], scale_factor: float) -> list[Detections]:
        """Boxes of the target class, best first, one entry per target; zero rows where nothing was found.

        Args:
            outputs: of `search`.
            size_hw: of the resized image before padding.
            scale_factor: resized pixels per frame pixel.
        """
        found = []
        for both in self.decode_all_classes(outputs, size_hw, scale_factor):
            chosen = both.labels == TARGET_CLASS
            found.append(Detections(both.boxes_xyxy[chosen], both.scores[chosen]))
        return found

    def decode_all_classes(
        self, outputs: list[LevelOutputs], size_hw: tuple[int, int], scale_factor: float
    ) -> list[ClassDetections]:
        """`decode` before the choice of the target class."""
        return decode_all_classes(
            outputs, self.bbox_head.strides, size_hw, scale_factor, self.test_cfg, exhaustive=self.reference_equivalent
        )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Class, box and centerness losses: mean over each pair's instances, then over pairs.

        An instance's search sees its own box alone; all other objects are background.
        """
        averaged = average_over_pairs(self.instance_losses(batch), batch.query.clip_index)
        return dict(zip(LOSS_NAMES, averaged, strict=True))

    def instance_losses(self, batch: Batch) -> Tensor:
        """(instances, 3) losses in the order of `LOSS_NAMES`."""
        # Query before search: with live batch norm the order of the two updates matters.
        query_features = self.extract(batch.query.images)
        search_features = self.extract(batch.search.images)
        templates = self.encode_templates(query_features, batch.query.boxes_xyxy, batch.query.clip_index)
        outputs = self.search(search_features, templates, batch.query.clip_index)
        return target_losses(outputs, batch.search.boxes_xyxy[:, None], self.bbox_head.strides, self.train_cfg)


def clip_to_input(boxes_xyxy: Tensor, finest: Tensor, stride: int) -> Tensor:
    """Clips to [0, width - 1] x [0, height - 1] of the padded input, whose size follows from its finest map.

    Args:
        boxes_xyxy: (n, 4) in network-input pixels.
        finest: (images, channels, H, W), the finest feature map.
        stride: of that map.
    """
    height, width = finest.shape[2] * stride, finest.shape[3] * stride
    x1 = boxes_xyxy[:, 0].clamp(0, width - 1)
    y1 = boxes_xyxy[:, 1].clamp(0, height - 1)
    x2 = torch.maximum(boxes_xyxy[:, 2].clamp(0, width - 1), x1)
    y2 = torch.maximum(boxes_xyxy[:, 3].clamp(0, height - 1), y1)
    return torch.stack([x1, y1, x2, y2], dim=1)


REFERENCE_SWITCH = "reference_equivalent"
"""Attribute of every module that has a faster equivalent of the published computation."""


@contextlib.contextmanager
def reference_path(model: nn.Module) -> Iterator[Any]:
    """Inside the block the model computes as published, step by step; the earlier choice returns afterwards.

    Same parameters, same results up to rounding: the controller's padded convolutions, torchvision's deformable
    operator, one target after the other, suppression among all candidates, and the projections without any effect.
    The fast path is measured against it and checked by it.
    """
    switches = [module for module in model.modules() if hasattr(type(module), REFERENCE_SWITCH)]
    before = [getattr(module, REFERENCE_SWITCH) for module in switches]
    try:
        for module in switches:
            setattr(module, REFERENCE_SWITCH, True)
        yield model
    finally:
        for module, value in zip(switches, before, strict=True):
            setattr(module, REFERENCE_SWITCH, value)

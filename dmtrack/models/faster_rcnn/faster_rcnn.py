"""Faster R-CNN with ResNet-50 and a pyramid: the detector of MMTracking's SORT, DeepSORT and Tracktor.

The parts and the names of parameters are torchvision's. `flavour` says whose weights they are: MMDetection's network is
the same but for rounding (`parts.py`) and the norms' epsilon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN as Parts
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.image_list import ImageList

from dmtrack.association.detections import Detections
from dmtrack.boxes import Boxes, xywh_to_xyxy
from dmtrack.config import Count, CountOrZero, Share
from dmtrack.data.batches import Batch
from dmtrack.data.preprocessing import PreparedImage, Preprocessing, prepare_image
from dmtrack.errors import WeightsError
from dmtrack.models.base import TrainableModel, keep_statistics
from dmtrack.models.faster_rcnn.parts import PersonEmbedding, PyramidAnchors, PyramidPool, crops_of
from dmtrack.registry import MODELS


@dataclass(frozen=True)
class FasterRCNNPreprocessing(Preprocessing):
    """`preprocessing`; it travels in the weights' metadata.

    Attributes:
        scale: (long side, short side) in pixels that the resized image must fit in: (1088, 1088) in MMTracking, (1333,
            800) in torchvision.
        flavour: whose weights the network takes: `mmdetection` (MMTracking's) or `torchvision`.
    """

    scale: tuple[Count, Count] = (1088, 1088)
    flavour: Literal["mmdetection", "torchvision"] = "mmdetection"


@dataclass(frozen=True)
class FasterRCNNDetection:
    """`test_cfg`.

    Attributes:
        proposals: boxes of the first stage that the second looks at.
        least_score: boxes below this are left out.
        most_overlap: IoU with a better box of its class above which a box is left out.
        most_boxes: the best so many are told.
    """

    proposals: Count = 1000
    least_score: Share = 0.05
    most_overlap: Share = 0.5
    most_boxes: Count = 100


@MODELS.register
class FasterRCNN(TrainableModel):
    """Proposals, then a second look at each.

    Batch norms keep the statistics and factors that they begin with, as published.

    Args:
        classes: kinds of objects, without the background.
        embeddings: each box gets an embedding of what is in it, by a network for persons.
        frozen_stages: the stem and so many stages of the trunk behind it are not trained; 5 freezes the whole.
        test_cfg: which boxes are detected.
        preprocessing: how images become inputs, and whose weights these are.
    """

    published_policy = "Sort"

    def __init__(
        self,
        classes: Count = 1,
        embeddings: bool = False,
        frozen_stages: CountOrZero = 1,
        test_cfg: FasterRCNNDetection | None = None,
        preprocessing: FasterRCNNPreprocessing | None = None,
    ) -> None:
        super().__init__()
        self.classes, self.test_cfg = classes, test_cfg or FasterRCNNDetection()
        self.preprocessing = preprocessing or FasterRCNNPreprocessing()
        rounded = self.preprocessing.flavour == "torchvision"
        norm = partial(nn.BatchNorm2d, eps=0.0 if rounded else 1e-5)
        trunk = resnet_fpn_backbone(
            backbone_name="resnet50", weights=None, norm_layer=norm, trainable_layers=max(4 - frozen_stages, 0)
        )
        if not frozen_stages:
            trunk.body.requires_grad_(True)
        for module in trunk.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)
        test = self.test_cfg
        parts = Parts(
            trunk,
            classes + 1,
            rpn_anchor_generator=PyramidAnchors(rounded),
            rpn_pre_nms_top_n_test=test.proposals,
            rpn_post_nms_top_n_test=test.proposals,
            box_score_thresh=test.least_score,
            box_nms_thresh=test.most_overlap,
            box_detections_per_img=test.most_boxes,
        )
        self.backbone, self.rpn, self.roi_heads = parts.backbone, parts.rpn, parts.roi_heads
        self.roi_heads.box_roi_pool = PyramidPool(aligned=not rounded, samples=2 if rounded else 0)
        self.reid = PersonEmbedding().requires_grad_(False) if embeddings else None
        self._seen: tuple[Any, PreparedImage, dict[str, Tensor]] | None = None

    def train(self, mode: bool = True) -> FasterRCNN:
        """As usual, except that batch norms stay in evaluation mode."""
        super().train(mode)
        keep_statistics(self)
        return self

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of objectness and boxes of the proposals, and of classes and boxes of the second stage."""
        frame = batch.frames[0]
        sizes_hw = [(int(height), int(width)) for height, width in frame.sizes_hw.tolist()]
        targets = []
        for number in range(len(frame.images)):
            rows = frame.clip_index == number
            boxes_xyxy = frame.boxes_xyxy[rows]
            labels = torch.ones(len(boxes_xyxy), dtype=torch.int64, device=boxes_xyxy.device)
            if self.classes > 1 and frame.classes is not None:
                labels = frame.classes[rows] + 1  # the background is torchvision's class 0
            targets.append({"boxes": boxes_xyxy, "labels": labels})
        maps = self.backbone(frame.images)
        proposals, first = self.rpn(ImageList(frame.images, sizes_hw), maps, targets)
        _, second = self.roi_heads(maps, proposals, sizes_hw, targets)
        return {**first, **second}

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """What is in a frame, best first; the detector of a `MultiObjectTracker`.

        Args:
            image: HxWx3 uint8 RGB.
        """
        prepared, maps = self._maps(image)
        proposals, _ = self.rpn(ImageList(prepared.tensor, [prepared.size_hw]), maps)
        ((found,), _) = self.roi_heads(maps, proposals, [prepared.size_hw])
        return self._told(prepared, found["boxes"], found["scores"], found["labels"] - 1)

    @torch.inference_mode()
    def regress(self, image: NDArray[np.uint8], boxes_xywh: Boxes) -> Detections:
        """Where the things are whose boxes are roughly these, row by row, by the second stage (Tracktor, section 2.1).

        Args:
            image: HxWx3 uint8 RGB; what was computed of it for `detect` serves again.
            boxes_xywh: (n, 4) in its pixels.
        """
        prepared, maps = self._maps(image)
        given_xyxy = prepared.tensor.new_tensor(xywh_to_xyxy(boxes_xywh) * prepared.scale_factor).reshape(-1, 4)
        heads = self.roi_heads
        features = heads.box_head(heads.box_roi_pool(maps, [given_xyxy], [prepared.size_hw]))
        logits, offsets = heads.box_predictor(features)
        scores, labels = logits.softmax(dim=1)[:, 1:].max(dim=1)
        moved = heads.box_coder.decode(offsets, [given_xyxy])[torch.arange(len(labels)), labels + 1]
        height, width = prepared.size_hw
        moved = moved.clamp(min=0).minimum(moved.new_tensor([width, height, width, height]))
        return self._told(prepared, moved, scores, labels)

    def _maps(self, image: NDArray[np.uint8]) -> tuple[PreparedImage, dict[str, Tensor]]:
        """The input made of a frame, and the pyramid's maps; those of the last frame are kept."""
        if self._seen is None or self._seen[0] is not image:
            prepared = prepare_image(image, self.preprocessing)
            prepared = PreparedImage(prepared.tensor.to(self.device), prepared.size_hw, prepared.scale_factor)
            self._seen = image, prepared, self.backbone(prepared.tensor)
        return self._seen[1:]

    def _told(self, prepared: PreparedImage, boxes_xyxy: Tensor, scores: Tensor, classes: Tensor) -> Detections:
        embeddings = None
        if self.reid is not None:
            embeddings = self.reid(crops_of(prepared.tensor[0], boxes_xyxy)).float().cpu().numpy()
        return Detections(
            (boxes_xyxy.float() / prepared.scale_factor).cpu().numpy(),
            scores.float().cpu().numpy(),
            classes.cpu().numpy() if self.classes > 1 else None,
            embeddings,
        )

    def check_metadata(self, metadata: Mapping[str, Any], source: object) -> None:
        """Refuses weights of the other flavour, which have the same names and shapes.

        Raises:
            WeightsError: the flavour is another.
        """
        flavour = (metadata.get("normalisation") or {}).get("flavour", self.preprocessing.flavour)
        if flavour != self.preprocessing.flavour:
            raise WeightsError(
                f"{source} holds weights of {flavour}, but model.preprocessing.flavour is "
                f"{self.preprocessing.flavour!r}; set it to {flavour!r}"
            )

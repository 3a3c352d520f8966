"""YOLOX: a detector without anchors (Ge et al., 2021, arXiv 2107.08430), with ByteTrack's names of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.association.detections import Detections
from dmtrack.config import Count, Positive
from dmtrack.config.signatures import CountOrZero, Share
from dmtrack.data.batches import Batch
from dmtrack.data.letterbox import letterbox
from dmtrack.errors import ConfigError, WeightsError
from dmtrack.models.backbones.yolov5 import conv_norm_act
from dmtrack.models.base import TrainableModel, check_class_names, class_names_of
from dmtrack.models.yolox.encoding import BORDER, YOLOXEncoder, YOLOXPreprocessing
from dmtrack.models.yolox.head import DecoupledHead, Predictions, select_boxes
from dmtrack.models.yolox.losses import detection_losses
from dmtrack.models.yolox.pafpn import PAFPN, depthwise_conv
from dmtrack.registry import MODELS


@dataclass(frozen=True)
class YOLOXTraining:
    """`train_cfg`.

    Attributes:
        l1_from: epoch, counted from 0, from which on the L1 loss of the boxes joins in (the last ones, without mosaic);
            None for never.
        heights: range of the height of the network input in units of 32 pixels, drawn for every batch; the width
            keeps its proportion. None keeps the size.
    """

    l1_from: CountOrZero | None = None
    heights: tuple[Count, Count] | None = None


@dataclass(frozen=True)
class YOLOXDetection:
    """`test_cfg`.

    Attributes:
        least_score: boxes below this are left out; the association has limits of its own above it.
        most_overlap: IoU with a better box above which a box is left out.
        class_agnostic: boxes suppress those of other classes, too; published are both.
    """

    least_score: Share = 0.01
    most_overlap: Share = 0.7
    class_agnostic: bool = False


@MODELS.register
class YOLOX(TrainableModel):
    """CSPDarknet, path aggregation and a decoupled head.

    The published sizes are (depth, width): nano (0.33, 0.25, depthwise), tiny (0.33, 0.375), s (0.33, 0.5), m (0.67,
    0.75), l (1, 1), x (1.33, 1.25).

    Args:
        depth: factor on the number of bottlenecks.
        width: factor on the channels.
        depthwise: kernels above 1x1 see every channel for itself, as in nano.
        classes: kinds of objects: their names, or how many. Detections and training data number them from 0.
        train_cfg: losses and sizes.
        test_cfg: which boxes are detected.
        preprocessing: how images become inputs.
    """

    published_policy = "ByteTrack"

    def __init__(
        self,
        depth: Positive,
        width: Positive,
        depthwise: bool = False,
        classes: tuple[str, ...] | Count = 1,
        train_cfg: YOLOXTraining | None = None,
        test_cfg: YOLOXDetection | None = None,
        preprocessing: YOLOXPreprocessing | None = None,
    ) -> None:
        super().__init__()
        self.class_names = class_names_of(classes)
        self.classes = len(self.class_names)
        self.train_cfg, self.test_cfg = train_cfg or YOLOXTraining(), test_cfg or YOLOXDetection()
        self.preprocessing = preprocessing or YOLOXPreprocessing()
        heights, size_wh = self.train_cfg.heights, self.preprocessing.size_wh
        if any(side % self.preprocessing.divisor for side in size_wh):
            raise ConfigError(f"model.preprocessing.size_wh is {tuple(size_wh)}: expected multiples of 32")
        if heights is not None and heights[0] > heights[1]:
            raise ConfigError(f"model.train_cfg.heights is {tuple(heights)}: expected (smallest, largest)")
        self._encoder = YOLOXEncoder(self.preprocessing, self.classes)
        convolution = depthwise_conv if depthwise else conv_norm_act
        self.backbone = PAFPN(depth, width, convolution)
        shape = (self.backbone.out_channels, self.backbone.strides, int(256 * width))
        self.head = DecoupledHead(self.classes, *shape, convolution)
        self._with_l1 = False

    def predict(self, images: Tensor) -> Predictions:
        """(images, 3, H, W) of `image_tensor`, H and W multiples of 32 -> what the head says of every cell."""
        said: Predictions = self.head(self.backbone(images))
        return said

    def clip_encoder(self) -> YOLOXEncoder:
        """Makes batches of single images."""
        return self._encoder

    def start_epoch(self, epoch: int) -> None:
        """Lets the L1 loss join in."""
        self._with_l1 = self.train_cfg.l1_from is not None and epoch >= self.train_cfg.l1_from

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of boxes, objectness and classes, and in the last epochs the L1 loss of the boxes."""
        frame = batch.frames[0]
        images, boxes_xyxy = frame.images, frame.boxes_xyxy
        height, width = images.shape[2:]
        if self.train_cfg.heights is not None and self.training:
            low, high = self.train_cfg.heights
            drawn = int(torch.randint(low, high + 1, ()))
            size_hw = (32 * drawn, 32 * int(drawn * width / height))
            images = F.interpolate(images, size_hw, mode="bilinear", align_corners=False)
            boxes_xyxy = boxes_xyxy * boxes_xyxy.new_tensor([size_hw[1] / width, size_hw[0] / height] * 2)
            height, width = size_hw
        classes = torch.zeros_like(frame.clip_index)
        if self.classes > 1 and frame.classes is not None:
            classes = frame.classes
        said = self.predict(images)
        size_wh = (width, height)
        return detection_losses(said, boxes_xyxy, frame.clip_index, classes, size_wh, self._with_l1, frame.ignored)[0]

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """What is in a frame, best first; the detector of a `MultiObjectTracker`.

        Args:
            image: HxWx3 uint8 RGB.
        """
        laid = letterbox(image, self.preprocessing.size_wh, fill=BORDER, centred=False)
        inputs = self._encoder.image_tensor(laid.image)[None].to(self.device)
        test = self.test_cfg
        (found,) = select_boxes(self.predict(inputs), test.least_score, test.most_overlap, test.class_agnostic)
        return Detections(
            (found.boxes_xyxy / laid.ratio).cpu().numpy(),
            (found.objectness * found.class_scores).cpu().numpy(),
            found.classes.cpu().numpy() if self.classes > 1 else None,
        )

    def check_metadata(self, metadata: Mapping[str, Any], source: object) -> None:
        """Refuses weights that were trained on pixels of the other flavour, or whose classes have other names."""
        check_class_names(self.class_names, metadata, source)
        flavour = (metadata.get("normalisation") or {}).get("flavour", self.preprocessing.flavour)
        if flavour != self.preprocessing.flavour:
            raise WeightsError(
                f"{source} takes pixels as {flavour} does, but model.preprocessing.flavour is "
                f"{self.preprocessing.flavour!r}; set it to {flavour!r}"
            )

"""FairMOT (Zhang et al., IJCV 2021, arXiv 2004.01888): detection and re-identification from one map at stride 4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dmtrack.association.detections import Detections
from dmtrack.config.signatures import Count, Share
from dmtrack.data.batches import Batch
from dmtrack.data.letterbox import letterbox
from dmtrack.models.base import TrainableModel, build_part, check_class_names, class_names_of
from dmtrack.models.fairmot.decode import Maps, decode, to_image
from dmtrack.models.fairmot.encoding import FairMOTEncoder, LetterboxSettings, image_tensor
from dmtrack.models.fairmot.losses import FairMOTLoss, FairMOTTraining
from dmtrack.registry import BACKBONES, MODELS

HEATMAP_PRIOR = -2.19
"""First bias of the heatmap: a centre is expected in one of ten cells, so that training starts calmly."""


@dataclass(frozen=True)
class DetectionSettings:
    """`test_cfg`.

    Attributes:
        most: boxes per image.
        least_score: boxes below this are left out; the association has a limit of its own above it.
    """

    most: Count = 500
    least_score: Share = 0.1


@MODELS.register
class FairMOT(TrainableModel):
    """A heatmap of centres, box sizes, offsets and embeddings of every object, from one backbone.

    Args:
        backbone: images to one map at stride 4.
        classes: kinds of objects: their names, or how many. Detections and training data number them from 0.
        size_channels: 4 for distances of the centre to the sides of the box, 2 for width and height (earlier files).
        embedding_channels: of what tells identities apart: 128 as published, 64 for YOLOv5s.
        head_channels: of the hidden layer of each head.
        activation: of the hidden layers: relu as published, silu for YOLOv5s.
        train_cfg: losses.
        test_cfg: which boxes are detected.
        preprocessing: how images become inputs.
    """

    training_only = ("loss.",)
    published_policy = "JDE"

    def __init__(
        self,
        backbone: dict[str, Any] | nn.Module,
        classes: tuple[str, ...] | Count = 1,
        size_channels: Literal[2, 4] = 4,
        embedding_channels: Count = 128,
        head_channels: Count = 256,
        activation: Literal["relu", "silu"] = "relu",
        train_cfg: FairMOTTraining | None = None,
        test_cfg: DetectionSettings | None = None,
        preprocessing: LetterboxSettings | None = None,
    ) -> None:
        super().__init__()
        self.class_names = class_names_of(classes)
        self.train_cfg, self.test_cfg = train_cfg or FairMOTTraining(), test_cfg or DetectionSettings()
        self.preprocessing = preprocessing or LetterboxSettings()
        self.backbone: Any = build_part(backbone, BACKBONES, key="FairMOT: backbone")
        shared = (self.backbone.out_channels, head_channels, activation)
        self.hm = head(*shared, len(self.class_names), HEATMAP_PRIOR)
        self.wh = head(*shared, size_channels)
        self.reg = head(*shared, 2)
        self.id = head(*shared, embedding_channels)
        self.loss = FairMOTLoss(embedding_channels, self.train_cfg, len(self.class_names))

    def maps(self, images: Tensor) -> Maps:
        """(images, 3, H, W) RGB in [0, 1], H and W multiples of 32 -> maps at stride 4."""
        features = self.backbone(images)
        return Maps(self.hm(features), self.wh(features), self.reg(features), self.id(features))

    def clip_encoder(self) -> FairMOTEncoder:
        """Makes the targets of the maps."""
        return FairMOTEncoder(self.preprocessing, self.backbone.stride, self.class_names, self.train_cfg.most_objects)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Heatmap, size, offset and identity losses with their weights."""
        return self.loss(self.maps(batch.frames[0].images), batch.targets)

    def check_metadata(self, metadata: Mapping[str, Any], source: object) -> None:
        """Refuses weights whose classes have other names, or the same in another order."""
        check_class_names(self.class_names, metadata, source)

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """What is in a frame, best first, with embeddings; the detector of a `MultiObjectTracker`.

        Args:
            image: HxWx3 uint8 RGB.
        """
        laid = letterbox(image, self.preprocessing.size_wh)
        peaks = decode(self.maps(image_tensor(laid.image)[None].to(self.device)), self.test_cfg.most)
        width, height = (side // self.backbone.stride for side in self.preprocessing.size_wh)
        boxes_xyxy = to_image(peaks.boxes_xyxy[0], (width, height), (image.shape[1], image.shape[0]))
        found = peaks.scores[0] >= self.test_cfg.least_score
        return Detections(
            boxes_xyxy[found].cpu().numpy(),
            peaks.scores[0][found].cpu().numpy(),
            peaks.classes[0][found].cpu().numpy() if len(self.class_names) > 1 else None,
            peaks.embeddings[0][found].cpu().numpy(),
        )


def head(
    in_channels: int, hidden_channels: int, activation: str, out_channels: int, bias: float = 0.0
) -> nn.Sequential:
    """A 3x3 and a 1x1 convolution; `bias` is the first value of the outputs."""
    hidden, last = nn.Conv2d(in_channels, hidden_channels, 3, padding=1), nn.Conv2d(hidden_channels, out_channels, 1)
    assert hidden.bias is not None
    assert last.bias is not None
    nn.init.zeros_(hidden.bias)
    nn.init.constant_(last.bias, bias)
    return nn.Sequential(hidden, nn.ReLU(inplace=True) if activation == "relu" else nn.SiLU(inplace=True), last)

"""Parts of Faster R-CNN that torchvision lacks: anchors and cut-out features as MMDetection has them, and embeddings.

The embeddings of persons are those that MMTracking's DeepSORT and Tracktor compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import roi_align

CROP_HW = (256, 128)
"""Of a person, as the embedding takes it."""

LEVELS = ("0", "1", "2", "3")
"""torchvision's names of the pyramid's maps, from stride 4 to 32."""

_CANONICAL_SIZE, _CANONICAL_LEVEL = 224, 2
"""A box of that size is cut out of the map of that number (FPN, equation 1)."""


class PyramidAnchors(AnchorGenerator):
    """An anchor of 32 to 512 pixels per level, in three proportions.

    Args:
        rounded: corners are whole pixels, as in torchvision; in MMDetection they are not.
    """

    def __init__(self, rounded: bool) -> None:
        self.rounded = rounded
        super().__init__(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5)

    def generate_anchors(
        self,
        scales: list[int],
        aspect_ratios: list[float],
        dtype: torch.dtype = torch.float32,
        device: torch.device = torch.device("cpu"),  # noqa: B008 (the signature is torchvision's)
    ) -> Tensor:
        """(anchors, 4) corners around the origin."""
        if self.rounded:
            return super().generate_anchors(scales, aspect_ratios, dtype, device)
        root = torch.tensor(aspect_ratios, dtype=dtype, device=device).sqrt()
        size_wh = torch.stack([1 / root, root], dim=1) * float(scales[0])
        return torch.cat([-size_wh, size_wh], dim=1) / 2


class PyramidPool(nn.Module):
    """RoIAlign of 7x7 cells out of the map that suits a box's size (FPN, section 4.2).

    Args:
        aligned: cells are measured from the middle of the first pixel, as in MMDetection 2; in torchvision they are
            shifted by half a pixel, and no box is smaller than a cell of the map.
        samples: points per cell in each direction; 0 is as many as the box is large.
    """

    output_size = (7, 7)

    def __init__(self, aligned: bool, samples: int) -> None:
        super().__init__()
        self.aligned, self.samples = aligned, samples

    def forward(
        self, maps: Mapping[str, Tensor], boxes_xyxy: Sequence[Tensor], sizes_hw: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Features under boxes.

        Args:
            maps: (images, channels, height, width) by name of the level.
            boxes_xyxy: (n, 4) of every image, in pixels of the network input.
            sizes_hw: of the images; not needed.

        Returns:
            (all boxes, channels, 7, 7).
        """
        boxes = torch.cat(list(boxes_xyxy))
        numbers = [boxes.new_full((len(some), 1), number) for number, some in enumerate(boxes_xyxy)]
        numbered = torch.cat([torch.cat(numbers), boxes], dim=1)
        size = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).clamp(min=0).sqrt()
        level = torch.floor(_CANONICAL_LEVEL + torch.log2(size / _CANONICAL_SIZE + 1e-6)).clamp(0, len(LEVELS) - 1)
        first = maps[LEVELS[0]]
        features = first.new_zeros(len(boxes), first.shape[1], *self.output_size)
        for number, name in enumerate(LEVELS):
            rows = (level == number).nonzero()[:, 0]
            scale = 1 / (4 << number)
            chosen = numbered[rows].to(first.dtype)
            features[rows] = roi_align(maps[name], chosen, self.output_size, scale, self.samples, self.aligned)
        return features


class PersonEmbedding(nn.Module):
    """ResNet-50, a mean over all cells and two layers; parameters have MMTracking's names.

    What only training needs there, a norm behind the embedding and a classifier, is left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = resnet50()
        del self.backbone.avgpool, self.backbone.fc
        hidden = nn.ModuleDict({"fc": nn.Linear(2048, 1024), "bn": nn.BatchNorm1d(1024)})
        self.head = nn.ModuleDict({"fcs": nn.ModuleList([hidden]), "fc_out": nn.Linear(1024, 128)})

    def forward(self, crops: Tensor) -> Tensor:
        """(n, 3, 256, 128) -> (n, 128); not of length 1."""
        trunk = self.backbone
        features = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(crops))))
        for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
            features = stage(features)
        layer: Any = self.head.get_submodule("fcs.0")
        hidden = F.relu(layer["bn"](layer["fc"](features.mean(dim=(2, 3)))))
        embeddings: Tensor = self.head["fc_out"](hidden)
        return embeddings


def crops_of(image: Tensor, boxes_xyxy: Tensor) -> Tensor:
    """What lies under boxes, at the size of the network.

    Args:
        image: (3, H, W) network input of the detector.
        boxes_xyxy: (n, 4) in its pixels; whole ones are cut out, at least one each way.

    Returns:
        (n, 3, 256, 128).
    """
    height, width = image.shape[1:]
    crops = []
    for left, top, right, bottom in boxes_xyxy.int().tolist():
        x, y = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
        crop = image[None, :, y : max(min(bottom, height), y + 1), x : max(min(right, width), x + 1)]
        crops.append(F.interpolate(crop, CROP_HW, mode="bilinear", align_corners=False))
    return torch.cat(crops) if crops else image.new_zeros(0, 3, *CROP_HW)

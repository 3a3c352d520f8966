"""A detector without a network: it looks for the pixels of the template. Small enough to check by hand."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

from dmtrack.data.preprocessing import Preprocessing
from dmtrack.models.global_search.base import Detections, GlobalSearchModel
from dmtrack.registry import MODELS


@MODELS.register
class ColourSearch(GlobalSearchModel):
    """Best match of the template's pixels, at the template's size; score exp(-sharpness * mean squared difference)."""

    def __init__(
        self, scale: tuple[int, int] = (64, 48), sharpness: float = 1.0, inclusive: bool = False, floor: float = 0.0
    ) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(scale=tuple(scale), divisor=16, inclusive_boxes=inclusive)
        self.sharpness = nn.Parameter(torch.tensor(float(sharpness)))
        self.floor = floor
        self.received_boxes_xyxy: torch.Tensor | None = None

    def extract(self, images):
        return (images,)

    def encode_templates(self, features, boxes_xyxy, image_index):
        self.received_boxes_xyxy = boxes_xyxy
        extra = 1 if self.preprocessing.inclusive_boxes else 0
        patches = []
        for (x1, y1, x2, y2), image in zip(boxes_xyxy.round().int().tolist(), image_index.tolist(), strict=True):
            patches.append(features[0][image, :, y1 : y2 + extra, x1 : x2 + extra])
        return patches

    def search(self, features, templates, image_index):
        maps = []
        for patch, image in zip(templates, image_index.tolist(), strict=True):
            search = features[0][image : image + 1]
            squares = functional.conv2d(search**2, torch.ones_like(patch)[None])
            products = functional.conv2d(search, patch[None])
            difference = (squares - 2 * products + (patch**2).sum()) / patch.numel()
            maps.append((torch.exp(-self.sharpness * difference.clamp(min=0))[0, 0], patch.shape[1:]))
        return maps

    def decode(self, outputs, size_hw, scale_factor):
        less = 1.0 if self.preprocessing.inclusive_boxes else 0.0
        found = []
        for scores, (height, width) in outputs:
            top, index = scores.flatten().topk(min(5, scores.numel()))
            y, x = index // scores.shape[1], index % scores.shape[1]
            boxes = torch.stack([x, y, x + width - less, y + height - less], dim=1).float() / scale_factor
            keep = top > self.floor
            found.append(Detections(boxes[keep], top[keep]))
        return found

    def losses(self, batch):
        return {"loss": self.sharpness * 0}


def moving_square(frames: int, size_wh=(64, 48), side=8, gone: range = range(0)):
    """Frames with a red-and-blue square that moves 2 pixels right and 1 down per frame, and its boxes xywh."""
    images, boxes = [], []
    for index in range(frames):
        image = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
        x, y = 4 + 2 * index % (size_wh[0] - side - 4), 4 + index % (size_wh[1] - side - 4)
        if index not in gone:
            image[y : y + side, x : x + side] = (220, 30, 30)
            image[y : y + side // 2, x : x + side // 2] = (20, 40, 210)
        images.append(image)
        boxes.append((x, y, side, side))
    return images, np.array(boxes, dtype=np.float64)

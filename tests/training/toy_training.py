"""A model and a dataset that train in milliseconds, registered with `--import toy_training`."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.samples import Clip
from dmtrack.models.base import TrainableModel
from dmtrack.registry import DATASETS, MODELS


@MODELS.register
class ToyModel(TrainableModel):
    """Batch norm, dropout, a bias and a parameter that no loss depends on: everything that resuming may forget."""

    preprocessing = Preprocessing(divisor=8)

    def __init__(self, width: int = 8, seconds_per_batch: float = 0.0, noisy: bool = True) -> None:
        super().__init__()
        self.seconds_per_batch, self.noisy = seconds_per_batch, noisy
        self.trained, self.beside = True, 0.35  # a model's own attributes, whatever training calls its parts
        self.trunk = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.2)
        )
        self.head = nn.Linear(width, 4)
        self.unused = nn.Linear(2, 2)

    def losses(self, batch):
        if self.seconds_per_batch:
            time.sleep(self.seconds_per_batch)
        if not self.noisy:
            self.trunk.eval()
        features = self.trunk(batch.search.images).mean(dim=(2, 3))[batch.query.clip_index]
        error = self.head(features) - batch.search.boxes_xyxy / 16
        jitter = torch.randn_like(error) * 0.01 * self.noisy
        return {"loss_box": (error + jitter).square().mean(), "loss_size": error.abs().mean() * 0.1}


@DATASETS.register
class ToyPairs:
    """Noise with a box somewhere; a share of the boxes can be poisoned with NaN."""

    def __init__(self, poison_above: float = 1.0) -> None:
        self.poison_above = poison_above

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        width, height = image_size_wh or (16, 16)
        boxes = rng.uniform(0, 8, (1, 4))
        boxes[:, 2:] += boxes[:, :2] + 1
        if rng.random() > self.poison_above:
            boxes[:] = np.nan
        images = rng.integers(0, 255, (2, height, width, 3)).astype(np.uint8)
        return Clip.pair(images[0], images[1], boxes, boxes.copy())

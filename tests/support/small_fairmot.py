"""A small FairMOT, and painted scenes of rectangles that it can learn in seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from dmtrack.config import Config
from dmtrack.data.samples import Clip, Sample
from dmtrack.registry import BACKBONES, DATASETS

SIZE_WH = (128, 64)


@BACKBONES.register
class FourConvolutions(nn.Sequential):
    """A backbone that trains in seconds."""

    out_channels, stride = 16, 4

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for before, after, stride in ((3, 16, 2), (16, 16, 2), (16, 16, 1), (16, 16, 1)):
            layers += [nn.Conv2d(before, after, 5, stride, 2), nn.BatchNorm2d(after), nn.ReLU()]
        super().__init__(*layers)


SMALL: dict[str, Any] = {
    "type": "FairMOT",
    "backbone": {"type": "FourConvolutions"},
    "embedding_channels": 8,
    "head_channels": 16,
    "train_cfg": {"identities": 4},
    "preprocessing": {"size_wh": SIZE_WH},
}


@DATASETS.register
class PaintedScenes:
    """Upright red and lying blue rectangles on noise: classes 0 and 1 with two identities each."""

    identity_count = 4

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """An image with one to three of each."""
        image = rng.integers(0, 60, (SIZE_WH[1], SIZE_WH[0], 3), dtype=np.uint8)
        boxes, classes, identities = [], [], []
        for kind, (width, height) in enumerate(((14, 28), (28, 14))):
            for _ in range(int(rng.integers(1, 4))):
                left, top = rng.integers(0, (SIZE_WH[0] - width, SIZE_WH[1] - height))
                shade = int(rng.integers(2))
                image[top : top + height, left : left + width] = 30
                image[top : top + height, left : left + width, 2 * kind] = 160 + 80 * shade
                boxes.append((left, top, left + width, top + height))
                classes.append(kind)
                identities.append(2 * kind + shade)
        sample = Sample(image, np.array(boxes, np.float64), np.array(identities), classes=np.array(classes))
        return Clip((sample,), aligned=False)


def small_config(iterations: int = 4, **sections: Any) -> Config:
    """A config that trains it; sections replace the whole of a section."""
    sections = {
        "model": SMALL,
        "data": {"train": {"type": "PaintedScenes"}, "recipe": [], "stages": [{"until": 1.0, "samples_per_gpu": 1}]},
        "optimizer": {"type": "Adam", "lr": 0.002},
        "total_iterations": iterations,
        "log_config": {"interval": 1, "tensorboard": False},
        **sections,
    }
    return Config(sections, "test")

"""A SiamRPN++ that matches pixels, on moving squares: no training, and a network pass that tests can count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from dmtrack.data.sequences import Sequence
from dmtrack.models.siamrpn import Outputs, SiamesePreprocessing, SiamRPN
from dmtrack.tracking.siamrpn import SiamRPNTracker

NODE = {
    "backbone": {"type": "SiameseAlexNet", "width_mult": 0.0625},
    "head": {"type": "SiamRPNHead", "in_channels": [16], "weighted": False},
    "center_size": None,
    "preprocessing": SiamesePreprocessing(search_size=255, base_size=8),
}


class PixelMatching(SiamRPN):
    """The fg logit of a cell is how alike its pixels are to the template's centre; boxes are 64 px squares."""

    def __init__(self, flavour="pysot"):
        super().__init__(**NODE, flavour=flavour)
        self.passes = 0

    def encode_template(self, images):
        return (functional.avg_pool2d(images, 8)[:, :, 4:12, 4:12],)

    def search(self, templates, images):
        self.passes += 1
        patch, small = templates[0], functional.avg_pool2d(images, 8, padding=0)
        squares = functional.conv2d(small**2, torch.ones_like(patch))
        distance = (squares - 2 * functional.conv2d(small, patch) + (patch**2).sum()) / patch.numel()
        likeness = functional.pad(2.0 - distance / 500.0, (0, 1, 0, 1), value=-9.0)
        likeness = functional.interpolate(likeness, (25, 25))
        cls, reg = torch.zeros(1, 10, 25, 25), torch.zeros(1, 20, 25, 25)
        cls[0, 5:] = likeness[0, 0] - torch.tensor([3.0, 1.0, 0.0, 1.0, 3.0])[:, None, None]
        return Outputs(cls, reg)


def moving_square(name, frames=12, seed=0):
    """A textured square on noise that moves and grows a little."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(60, 120, (120, 160, 3)).astype(np.uint8)
    speed = rng.uniform(-3, 3, 2)
    sides = np.round(24 + np.arange(frames) * rng.uniform(0, 0.6)).astype(int)
    corners = np.round(np.array([60, 45]) + np.arange(frames)[:, None] * speed).astype(int)
    corners = np.clip(corners, 0, np.array([120, 80]))
    boxes = np.column_stack([corners, sides, sides]).astype(np.float64)

    def read_frame(index):
        frame = ground.copy()
        (x, y), side = corners[index], sides[index]
        frame[y : y + side, x : x + side] = (230, 40 + 20 * (index % 2), 30)
        return frame

    return Sequence(name, boxes, np.ones(frames, bool), read_frame, (160, 120))


@pytest.fixture
def sequences():
    return [moving_square(f"s{seed}", seed=seed) for seed in range(4)]


@pytest.fixture(params=["pysot", "mmtracking"])
def tracker(request):
    return SiamRPNTracker(PixelMatching(request.param).eval(), fast=False)

"""A small DMTrack-ReID and scenes of two look-alikes, for tests that train."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from dmtrack.config import build
from dmtrack.data.batches import Batch
from dmtrack.models.backbones.residual_trunk import ResidualTrunk
from dmtrack.models.global_search.candidates import CandidateHead
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.global_search.tiny_head import TinyHead
from dmtrack.models.necks import SingleMapFusion
from dmtrack.models.reid.dmtrack_reid import DMTrackReID
from dmtrack.models.reid.embedding_head import EmbeddingHead
from dmtrack.registry import MODELS

SIZE_HW = (96, 128)


def small_reid(kind: str = "roi", **settings: Any) -> DMTrackReID:
    """Random weights, and batch norms that have seen something."""
    torch.manual_seed(0)
    detector = DMTrackGSTiny(
        ResidualTrunk((8, 16, 16, 16, 16), (1, 1, 1, 1)),
        SingleMapFusion((16, 16, 16, 16), 16),
        TinyHead(16, 4, 16),
        CandidateHead((16, 16), (4, 8), channels=8, hidden=16),
        scale=(128, 96),
    )
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    embedding = EmbeddingHead((16, 16), (4, 8), kind, hidden=16, channels=8)  # type: ignore[arg-type]
    maps = ("backbone.0", "neck.0")
    node = {"type": "DMTrackReID", "detector": detector, "embedding": embedding, "maps": maps, **settings}
    model: DMTrackReID = build(node, MODELS)
    return model


def look_alikes(seed: int, pairs: int = 2) -> Batch:
    """Pairs of images with two squares of one size that change places: they differ in which half is bright."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.1 * torch.randn(2, pairs, 3, *SIZE_HW, generator=generator)
    boxes = torch.tensor([[[10.0, 20, 42, 52], [80, 40, 112, 72]], [[84, 36, 116, 68], [12, 30, 44, 62]]])
    boxes = boxes[:, None].repeat(1, pairs, 1, 1)
    boxes += torch.randint(-4, 5, (2, pairs, 2, 1), generator=generator)
    for side, side_boxes in zip(images, boxes, strict=True):
        for image, both in zip(side, side_boxes.int().tolist(), strict=True):
            for number, (left, top, right, bottom) in enumerate(both):
                middle = (top + bottom) // 2
                image[:, top:middle, left:right] += 2.0 if number == 0 else -1.0
                image[:, middle:bottom, left:right] += -1.0 if number == 0 else 2.0
    sizes = torch.tensor([SIZE_HW] * pairs)
    index = torch.arange(pairs).repeat_interleave(2)
    query, search = boxes.flatten(1, 2)
    return Batch.pair(images[0], images[1], query, search, index, sizes, sizes)


def no_instances() -> Batch:
    """A pair without any annotated object."""
    nothing, sizes = torch.zeros(0, 4), torch.tensor([SIZE_HW])
    images = torch.zeros(1, 3, *SIZE_HW)
    return Batch.pair(images, images, nothing, nothing, torch.zeros(0, dtype=torch.int64), sizes, sizes)

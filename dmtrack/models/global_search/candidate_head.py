"""A second look at the best candidates: template and candidate are cut out alike and compared cell by cell.

The dense search compares a template with places; it knows neither the size of what stands there nor its layout. Once
there is a box, both can be brought to one size, and look-alikes that differ in a detail become different. The same
happens in the second stage of a two-stage detector; here it decides which of a frame's candidates is the target, one
frame at a time and without any memory. Seen this closely, the borders of a candidate can be corrected as well.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import roi_align

from dmtrack.registry import HEADS

COSINE_SCALE = 8.0
"""Products of unit vectors are small; this brings them to the size of the other evidence."""

SHIFT_SCALE = 0.1
"""Shifts of a border are small shares of the box; this brings the layer's outputs to the size of one."""

MOST_SHIFT = 0.45
"""Share of its size by which a border can move; less than half, so that a box keeps its orientation."""

CELLWISE = 4
"""Layers of the comparison that keep its cells apart; deciding and finding the borders share them."""


class SecondLook(NamedTuple):
    """What a second look says of the candidates of every target.

    Attributes:
        logits: (T, count) float32, of showing the template's object.
        shifts: (T, count, 4) float32, by how much left, top, right and bottom border lie off, in widths and heights of
            the box; None where the head does not refine.
    """

    logits: Tensor
    shifts: Tensor | None


@HEADS.register
class CandidateHead(nn.Module):
    """Says of boxes how likely each shows the template's object, and where its borders are.

    Args:
        in_channels: channels of the maps that boxes are cut from.
        strides: of these maps, in input pixels.
        channels: of the vectors that are compared, and of the comparison.
        hidden: width of the last layers.
        roi_size: boxes are cut into roi_size x roi_size cells.
        context: the cut is this many times as wide and high as the box, so that its borders are seen.
        refine: boxes are corrected.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...] = (48, 64),
        strides: tuple[int, ...] = (4, 8),
        channels: int = 64,
        hidden: int = 128,
        roi_size: int = 7,
        context: float = 1.4,
        refine: bool = False,
    ) -> None:
        super().__init__()
        self.strides, self.roi_size, self.context = strides, roi_size, context
        self.embedding = nn.Conv2d(sum(in_channels), channels, 1)
        self.compare = nn.Sequential(
            nn.Conv2d(4 * channels + 2, channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3),
            nn.ReLU(inplace=True),
        )
        evidence = channels * (roi_size - 4) ** 2 + channels + 1 + 3
        self.decide = nn.Sequential(
            nn.Linear(evidence, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, 1),
        )
        self.borders: nn.Sequential | None = None
        self.shift: nn.Sequential | None = None
        if refine:
            self.borders = nn.Sequential(
                nn.Conv2d(channels, channels, 3),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels, 3),
                nn.ReLU(inplace=True),
            )
            last = nn.Linear(hidden, 4)
            # Boxes stay as they are until there is something to learn from.
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.shift = nn.Sequential(nn.Linear(evidence, hidden), nn.ReLU(inplace=True), last)

    def cut(self, maps: tuple[Tensor, ...], boxes_xyxy: Tensor, image_index: Tensor) -> Tensor:
        """What the boxes show.

        Args:
            maps: (images, in_channels, h, w), one per stride.
            boxes_xyxy: (n, 4) input pixels.
            image_index: (n,) int64, the image of each box.

        Returns:
            (n, channels, roi_size, roi_size).
        """
        centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
        reach = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2 * self.context
        rois = torch.cat([image_index[:, None].to(boxes_xyxy.dtype), centres - reach, centres + reach], dim=1).float()
        cuts = [self._cut_level(level, rois, stride) for level, stride in zip(maps, self.strides, strict=True)]
        return self.embedding(torch.cat(cuts, dim=1))

    def _cut_level(self, level: Tensor, rois: Tensor, stride: int) -> Tensor:
        # RoIAlign has no bfloat16 kernel on CPU.
        return roi_align(level.float(), rois, self.roi_size, 1.0 / stride, sampling_ratio=1, aligned=True)

    def appearance(self, cells: Tensor) -> Tensor:
        """(n, channels) unit vectors of cuts: one description of each box, its surroundings left out."""
        return F.normalize(cells[:, :, 1:-1, 1:-1].mean(dim=(2, 3)).float(), dim=1)

    def forward(self, templates: Tensor, candidates: Tensor, sizes_ratio: Tensor, scores: Tensor) -> SecondLook:
        """Compares candidates with the template of each target.

        Args:
            templates: (T, channels, roi_size, roi_size) of `cut`.
            candidates: (T, count, channels, roi_size, roi_size) of `cut`.
            sizes_ratio: (T, count, 2) width and height of the candidates over those of the template.
            scores: (T, count) of the dense search, in [0, 1].
        """
        targets, count = scores.shape
        template = templates[:, None].expand_as(candidates).flatten(0, 1)
        candidate = candidates.flatten(0, 1)
        template_unit, candidate_unit = F.normalize(template, dim=1), F.normalize(candidate, dim=1)
        # Where a cell of one is found anywhere in the other: objects turn and bend.
        cosines = candidate_unit.flatten(2).transpose(1, 2) @ template_unit.flatten(2)
        found = torch.stack([cosines.amax(2), cosines.amax(1)], dim=1).unflatten(2, (self.roi_size, self.roi_size))
        aligned = COSINE_SCALE * template_unit * candidate_unit
        evidence = torch.cat([candidate, template, aligned, (candidate - template).abs(), 4.0 * found], dim=1)
        cellwise = self.compare[:CELLWISE](evidence)
        compared = self.compare[CELLWISE:](cellwise).flatten(1)
        alike = COSINE_SCALE * self.appearance(candidate) * self.appearance(template)
        known = torch.cat(
            [
                torch.log(sizes_ratio.clamp(0.05, 20.0)),
                0.5 * torch.logit(scores.float().clamp(1e-4, 1 - 1e-4))[..., None],
            ],
            dim=2,
        ).flatten(0, 1)
        alike = torch.cat([alike, 0.5 * alike.sum(1, keepdim=True), known], dim=1).to(compared.dtype)
        logits = self.decide(torch.cat([compared, alike], dim=1)).view(targets, count).float()
        if self.borders is None or self.shift is None:
            return SecondLook(logits, None)
        bordering = self.borders(cellwise).flatten(1)
        shifts = SHIFT_SCALE * self.shift(torch.cat([bordering, alike], dim=1)).float()
        return SecondLook(logits, shifts.view(targets, count, 4))


def shifted(boxes_xyxy: Tensor, shifts: Tensor | None) -> Tensor:
    """Boxes (..., 4) with their borders shifted by shares of their width and height; unchanged without shifts."""
    if shifts is None:
        return boxes_xyxy
    size = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).clamp(min=0)
    return boxes_xyxy + shifts.clamp(-MOST_SHIFT, MOST_SHIFT) * torch.cat([size, size], dim=-1)

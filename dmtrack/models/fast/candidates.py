"""The second look at candidates for inference on CPUs: boxes are cut out of channels-last maps as they are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.global_search.candidate_head import CandidateHead


class FastCandidateHead(CandidateHead):
    """A prepared `CandidateHead` that cuts by table look-up, which spares two copies of every map.

    Args:
        head: prepared.
    """

    def __init__(self, head: CandidateHead) -> None:
        # Everything but the way of cutting comes from the head itself.
        nn.Module.__init__(self)
        self.__dict__.update(vars(head))

    def _cut_level(self, level: Tensor, rois: Tensor, stride: int) -> Tensor:
        if level.device.type != "cpu":
            return super()._cut_level(level, rois, stride)
        return sample_cells(level, rois, self.roi_size, stride)


def sample_cells(level: Tensor, rois: Tensor, size: int, stride: int) -> Tensor:
    """RoIAlign with one sample per cell (`aligned`), without gradients.

    Args:
        level: (images, channels, height, width), fastest where channels lie innermost.
        rois: (n, 5) float32, image and corners in input pixels.
        size: cells per side.
        stride: of the map, in input pixels.

    Returns:
        (n, channels, size, size) in the number format of the map, channels innermost.
    """
    images, channels, height, width = level.shape
    table = level.permute(0, 2, 3, 1).reshape(images * height * width, channels)
    places = (torch.arange(size, device=rois.device) + 0.5) / size
    corners = rois[:, 1:] / stride - 0.5
    points_x = corners[:, 0:1] + places * (corners[:, 2:3] - corners[:, 0:1])
    points_y = corners[:, 1:2] + places * (corners[:, 3:4] - corners[:, 1:2])
    rows, weights_y = _neighbours(points_y, height)
    columns, weights_x = _neighbours(points_x, width)
    # (n, y, x, 2 rows, 2 columns)
    cells = rows[:, :, None, :, None] * width + columns[:, None, :, None, :]
    cells = cells + (rois[:, 0].int() * (height * width)).view(-1, 1, 1, 1, 1)
    weights = weights_y[:, :, None, :, None] * weights_x[:, None, :, None, :]
    samples = F.embedding_bag(
        cells.reshape(-1, 4), table, mode="sum", per_sample_weights=weights.reshape(-1, 4).to(table.dtype)
    )
    return samples.view(len(rois), size, size, channels).permute(0, 3, 1, 2)


def _neighbours(points: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The two cells around each point and their weights: (..., 2) int32 and float32.

    Points up to a cell outside the map take the value of its border, those farther away are zero, as in RoIAlign.
    """
    inside = ((points >= -1) & (points <= length)).to(points.dtype)
    clamped = points.clamp(0, length - 1)
    first = clamped.floor()
    share = (clamped - first) * inside
    neighbours = torch.stack([first, (first + 1).clamp(max=length - 1)], dim=-1).int()
    return neighbours, torch.stack([inside - share, share], dim=-1)

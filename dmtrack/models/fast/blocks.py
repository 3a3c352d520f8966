"""For inference: residual blocks of this package's backbones, one entry per type, and boxes cut out of maps on CPUs."""

from __future__ import annotations

from collections import abc

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.backbones.dla import BasicBlock
from dmtrack.models.backbones.siamese_resnet import DilatedBottleneck
from dmtrack.models.fast.convolution import PreparedConv
from dmtrack.models.fast.rewriting import Rewriting, fast_layer
from dmtrack.models.global_search.candidates import BoxCutter


class FusedBlock(nn.Module):
    """Convolutions around a shortcut, with as few passes over the maps as possible.

    Args:
        convolutions: all but the last include their ReLU.
        shortcut: what the input passes where no residual is given; None adds the input itself.
    """

    def __init__(self, convolutions: list[nn.Module], shortcut: nn.Module | None = None) -> None:
        super().__init__()
        *first, self.last = convolutions
        self.first, self.shortcut = nn.Sequential(*first), shortcut
        if isinstance(self.last, PreparedConv):
            # It adds the residual before its ReLU, which is the block's.
            self.last.activation = "relu"

    def forward(self, inputs: Tensor, residual: Tensor | None = None) -> Tensor:
        """(images, in_channels, H, W) -> (images, out_channels, H', W')."""
        if residual is None:
            residual = inputs if self.shortcut is None else self.shortcut(inputs)
        inside: Tensor = self.first(inputs)
        if isinstance(self.last, PreparedConv):
            return self.last(inside, residual.to(inside.dtype))  # type: ignore[no-any-return]
        return F.relu_(self.last(inside).add_(residual))


@fast_layer(BasicBlock, DilatedBottleneck)
def _fused_block(layer: nn.Module, rewriting: Rewriting, path: str) -> nn.Module:
    """For blocks whose convolutions are called conv1, conv2, ... and their norms bn1, bn2, ..."""
    names = [name for name, _ in layer.named_children() if name.startswith("conv")]
    if not all(type(layer.get_submodule(name.replace("conv", "bn"))) is nn.Identity for name in names):
        return rewriting.inside(layer, path)
    convolutions = [
        rewriting.layer(layer.get_submodule(name), f"{path}.{name}")
        if name == names[-1]
        else rewriting.convolution(layer.get_submodule(name), f"{path}.{name}", activation="relu")  # type: ignore[arg-type]
        for name in names
    ]
    shortcut_name = "downsample" if isinstance(layer, DilatedBottleneck) else "shortcut"
    shortcut = getattr(layer, shortcut_name, None)
    if shortcut is not None:
        shortcut = rewriting.layer(shortcut, f"{path}.{shortcut_name}")
    return FusedBlock(convolutions, shortcut)


def sample_cells(maps: abc.Sequence[Tensor], rois: Tensor, size: int, strides: abc.Sequence[int]) -> list[Tensor]:
    """`roi_align_cells` by table look-up, without gradients, which spares two copies of every map.

    The arguments and the result are those of `roi_align_cells`, but that maps are fastest where channels lie innermost,
    that the results have the maps' number formats, and their channels innermost.
    """
    # Places in all maps at once, x and y alike: (maps, n, cells, 2). What takes time are calls, not numbers.
    scale = rois.new_tensor([1 / stride for stride in strides]).view(-1, 1, 1, 1)
    last = rois.new_tensor([[level.shape[3] - 1, level.shape[2] - 1] for level in maps])[:, None, None]
    shares = ((torch.arange(size, device=rois.device) + 0.5) / size)[:, None]
    corners = rois[:, None, 1:3] + shares * (rois[:, None, 3:5] - rois[:, None, 1:3])
    points = corners * scale - 0.5
    # Points up to a cell outside the map take the value of its border, those farther away are zero, as in RoIAlign.
    inside = ((points >= -1) & (points <= last + 1)).to(points.dtype)
    clamped = torch.minimum(points.clamp_min(0), last)
    first = clamped.floor()
    share = (clamped - first) * inside
    neighbours = torch.stack([first, torch.minimum(first + 1, last)], dim=-1).int()
    weights = torch.stack([inside - share, share], dim=-1)
    # (maps, n, y, x, 2 rows, 2 columns)
    products = weights[:, :, :, None, 1, :, None] * weights[:, :, None, :, 0, None, :]
    rows, columns = neighbours[:, :, :, None, 1, :, None], neighbours[:, :, None, :, 0, None, :]
    images = rois[:, 0].int().view(-1, 1, 1, 1, 1)
    cut = []
    for number, level in enumerate(maps):
        _, channels, height, width = level.shape
        table = level.permute(0, 2, 3, 1).reshape(-1, channels)
        cells = (rows[number] + images * height) * width + columns[number]
        samples = F.embedding_bag(
            cells.reshape(-1, 4),
            table,
            mode="sum",
            per_sample_weights=products[number].reshape(-1, 4).to(table.dtype),
        )
        cut.append(samples.view(len(rois), size, size, channels).permute(0, 3, 1, 2))
    return cut


@fast_layer(BoxCutter)
def _box_cutter(layer: BoxCutter, rewriting: Rewriting, path: str) -> nn.Module:
    if rewriting.on_cpu:
        layer.sample = sample_cells
    return layer

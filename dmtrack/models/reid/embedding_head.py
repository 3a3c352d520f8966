"""Unit vectors that say what a box shows, so that the same object is near itself and far from its look-alikes.

Known (the published figure): template and candidates are embedded from the backbone's features. Own design: everything
else. The `location` variant has the shape of FairMOT's re-identification branch; the `roi` variant keeps the layout of
the box, which tells look-alikes apart that differ in a detail.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import Count, Positive
from dmtrack.errors import ConfigError
from dmtrack.models.global_search.base import Features
from dmtrack.models.global_search.candidates import BoxCutter
from dmtrack.registry import HEADS


class TappedMaps:
    """Maps that parts of a model return, read along while it computes, so that nothing has to be computed twice.

    An embedding wants the backbone's own maps, a detector returns those of its neck. Naming the part and the level in
    the config works for every detector, in training and in its inference copy alike, and changes none of them.

    Args:
        model: whose parts are meant.
        names: `"backbone.0"` is the first map that `model.backbone` returns, `"neck.-1"` the last one of `model.neck`.

    Raises:
        ConfigError: a name without a level, or of a part that the model does not have.
    """

    def __init__(self, model: nn.Module, names: abc.Sequence[str]) -> None:
        self._parts: dict[str, nn.Module] = {}
        self._levels: list[tuple[str, int]] = []
        for name in names:
            path, _, level = name.rpartition(".")
            part = dict(model.named_modules()).get(path) if path else None
            if part is None or not level.removeprefix("-").isdigit():
                children = ", ".join(f"{child}.0" for child, _ in model.named_children())
                raise ConfigError(
                    f"model.maps: {name!r} names no map of {type(model).__name__}; expected a part and the number of "
                    f"one of its maps, e.g. {children}"
                )
            self._parts[path] = part
            self._levels.append((path, int(level)))

    @contextmanager
    def recording(self) -> Iterator[list[Features]]:
        """Inside the block, every call of the parts is recorded.

        Yields:
            A list that has, after the block, the named maps of every call in the order of their names.

        Raises:
            ConfigError: a part returns fewer maps.
        """
        returned: dict[str, list[Any]] = {path: [] for path in self._parts}
        calls: list[Features] = []
        hooks = [
            part.register_forward_hook(lambda part, inputs, output, to=returned[path]: to.append(output))
            for path, part in self._parts.items()
        ]
        try:
            yield calls
        finally:
            for hook in hooks:
                hook.remove()
        columns = [[_level(output, level) for output in returned[path]] for path, level in self._levels]
        calls += zip(*columns, strict=True)


def _level(output: Any, level: int) -> Tensor:
    maps = (output,) if isinstance(output, Tensor) else output
    if not -len(maps) <= level < len(maps):
        raise ConfigError(f"model.maps asks for map {level} of a part that returns {len(maps)}; count from 0")
    chosen: Tensor = maps[level]
    return chosen


Kind = Literal["location", "roi"]


@HEADS.register
class EmbeddingHead(nn.Module):
    """Embeds boxes from feature maps that are there already.

    Args:
        in_channels: channels of each map.
        strides: input pixels per cell of each map; multiples of each other.
        kind: `location` makes one dense map by 3x3 convolution, ReLU and 1x1 convolution (finer maps are averaged to
            the coarsest first), and reads it at the centre of a box; `roi` cuts roi_size x roi_size cells out of all
            maps and shrinks them by two 3x3 convolutions and a fully connected layer.
        hidden: channels in between.
        channels: length of the embeddings.
        roi_size: `roi` only, at least 5.
        context: `roi` only, the cut is this many times as wide and high as the box.

    Raises:
        ConfigError: an unknown kind, or numbers that do not fit each other.
    """

    def __init__(
        self,
        in_channels: tuple[Count, ...] = (128,),
        strides: tuple[Count, ...] = (8,),
        kind: Kind = "location",
        hidden: Count = 256,
        channels: Count = 128,
        roi_size: Count = 7,
        context: Positive = 1.4,
    ) -> None:
        super().__init__()
        if len(in_channels) != len(strides) or not strides:
            raise ConfigError(
                f"EmbeddingHead: {len(in_channels)} in_channels and {len(strides)} strides; give one of each per map"
            )
        self.kind, self.channels = kind, channels
        self.body: LocationBody | RoIBody
        if kind == "location":
            self.body = LocationBody(in_channels, strides, hidden, channels)
        elif kind == "roi":
            self.body = RoIBody(in_channels, strides, hidden, channels, roi_size, context)
        else:
            raise ConfigError(f"EmbeddingHead: kind is {kind!r}: expected 'location' or 'roi'")

    def forward(self, maps: abc.Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor) -> Tensor:
        """Embeddings of boxes, (n, channels) float32 unit vectors.

        Args:
            maps: (images, in_channels, h, w), one per stride.
            boxes_xyxy: (n, 4) input pixels.
            image_index: (n,) int64, the image of each box.
        """
        return F.normalize(self.body(maps, boxes_xyxy.float(), image_index).float(), dim=1)


class LocationBody(nn.Module):
    """One dense map, read bilinearly at the centres of boxes; see `EmbeddingHead`."""

    def __init__(self, in_channels: abc.Sequence[int], strides: abc.Sequence[int], hidden: int, channels: int) -> None:
        super().__init__()
        self.strides, self.stride = tuple(strides), max(strides)
        if any(self.stride % stride for stride in self.strides):
            raise ConfigError(f"EmbeddingHead: strides {self.strides} must divide the largest of them")
        self.around = nn.Conv2d(sum(in_channels), hidden, 3, padding=1)
        self.reduce = nn.Conv2d(hidden, channels, 1)

    def forward(self, maps: abc.Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor) -> Tensor:
        """(n, channels), not normalised."""
        dense = self.reduce(F.relu(self.around(self.joined(maps))))
        columns, rows, weights = neighbours(self.centres(boxes_xyxy), dense.shape[2:])
        corners = dense.permute(0, 2, 3, 1)[image_index[:, None], rows, columns]
        return (corners.float() * weights[..., None]).sum(1)

    def joined(self, maps: abc.Sequence[Tensor]) -> Tensor:
        """All maps as one of the coarsest stride."""
        folded = [
            level if stride == self.stride else F.avg_pool2d(level, self.stride // stride)
            for level, stride in zip(maps, self.strides, strict=True)
        ]
        return folded[0] if len(folded) == 1 else torch.cat(folded, dim=1)

    def centres(self, boxes_xyxy: Tensor) -> Tensor:
        """(n, 2) x and y in cells; 0 is the middle of the first one."""
        return (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / (2.0 * self.stride) - 0.5


class RoIBody(nn.Module):
    """Cells cut out of boxes, and a small network on them; see `EmbeddingHead`."""

    def __init__(
        self,
        in_channels: abc.Sequence[int],
        strides: abc.Sequence[int],
        hidden: int,
        channels: int,
        roi_size: int,
        context: float,
    ) -> None:
        super().__init__()
        if roi_size < 5:
            raise ConfigError(f"EmbeddingHead: roi_size is {roi_size}: expected at least 5")
        self.strides = tuple(strides)
        self.cutter = BoxCutter(strides, roi_size, context)
        self.shrink = nn.Sequential(
            nn.Conv2d(sum(in_channels), hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3),
            nn.ReLU(inplace=True),
        )
        self.reduce = nn.Linear(hidden * (roi_size - 4) ** 2, channels)

    def forward(self, maps: abc.Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor) -> Tensor:
        """(n, channels), not normalised."""
        cuts = self.cutter(maps, boxes_xyxy, image_index)
        return self.reduce(self.shrink(torch.cat(cuts, dim=1)).flatten(1))


def neighbours(points_xy: Tensor, size_hw: abc.Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """The four cells around each point, and their weights in a bilinear interpolation.

    Args:
        points_xy: (n, 2) in cells; points outside take the value of the border.
        size_hw: of the map.

    Returns:
        Columns and rows, (n, 4) int64 each, and weights (n, 4) float32 that sum to 1.
    """
    last = points_xy.new_tensor([size_hw[1] - 1, size_hw[0] - 1])
    clamped = torch.minimum(points_xy.clamp(min=0), last)
    first = clamped.floor()
    share = clamped - first
    # (n, 2, 2): before and behind the point, x and y
    cells = torch.stack([first, torch.minimum(first + 1, last)], dim=1).long()
    shares = torch.stack([1 - share, share], dim=1)
    left_right, top_bottom = [0, 1, 0, 1], [0, 0, 1, 1]
    return cells[:, left_right, 0], cells[:, top_bottom, 1], shares[:, left_right, 0] * shares[:, top_bottom, 1]

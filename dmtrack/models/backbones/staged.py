"""What the backbones of the Siamese trackers have in common: layers in a row, of which some return their map."""

from __future__ import annotations

from collections import abc
from itertools import pairwise

from torch import Tensor, nn

from dmtrack.errors import ConfigError


class StagedBackbone(nn.Module):
    """Its children run one after the other, in the order of their declaration.

    Args:
        pretrained: file that training takes the first weights from.
        out_stages: `layer2` is stage 2: 1-based numbers of the stages whose maps are returned, ascending.
        stages: how many stages there may be.

    Attributes:
        out_layers: names of the children whose maps are returned.

    Raises:
        ConfigError: a number that is no stage, or not ascending.
    """

    def __init__(self, pretrained: str | None, out_stages: abc.Sequence[int], stages: int) -> None:
        super().__init__()
        ascending = all(first < second for first, second in pairwise(out_stages))
        if not out_stages or not ascending or out_stages[0] < 1 or out_stages[-1] > stages:
            key = f"{type(self).__name__}.out_stages"
            raise ConfigError(f"{key} is {tuple(out_stages)}: expected ascending numbers from 1 to {stages}")
        self.pretrained, self.out_stages = pretrained, tuple(out_stages)
        self.out_layers = tuple(f"layer{stage}" for stage in self.out_stages)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(images, 3, H, W) -> one (images, channels, H', W') map per layer that is to return its own."""
        features, maps = images, []
        for name, layer in self.named_children():
            features = layer(features)
            if name in self.out_layers:
                maps.append(features)
        return tuple(maps)

"""The AlexNet of SiamFC and SiamRPN: no padding anywhere, stride 8."""

from __future__ import annotations

import re

from torch import nn

from dmtrack.config import Positive
from dmtrack.errors import ConfigError
from dmtrack.models.backbones.staged import StagedBackbone
from dmtrack.registry import BACKBONES

WIDTHS = (96, 256, 384, 384, 256)
KERNELS = (11, 5, 3, 3, 3)
FIRST_MODULES = (0, 4, 8, 11, 14)
"""Places of the convolutions in `features`; each is followed by its batch norm."""


@BACKBONES.register
class SiameseAlexNet(StagedBackbone):
    """Five convolutions without padding: 127 pixels become 6 cells, 287 become 26.

    Args:
        width_mult: factor on all channels.
        pretrained: file that training takes the first weights from.

    Raises:
        ConfigError: a factor that leaves no channels.
    """

    def __init__(self, width_mult: Positive = 1.0, pretrained: str | None = None) -> None:
        super().__init__(pretrained, out_stages=(1,), stages=1)
        self.out_layers = ("features",)
        widths = [int(width * width_mult) for width in WIDTHS]
        if min(widths) < 1:
            raise ConfigError(f"SiameseAlexNet.width_mult is {width_mult:g}: expected a number that leaves channels")
        self.out_channels = (widths[-1],)
        layers: list[nn.Module] = []
        for index, (inputs, outputs, kernel) in enumerate(zip([3, *widths], widths, KERNELS, strict=False)):
            layers += [nn.Conv2d(inputs, outputs, kernel, 2 if index == 0 else 1), nn.BatchNorm2d(outputs)]
            if index < 2:
                layers.append(nn.MaxPool2d(3, 2))
            if index < len(widths) - 1:
                layers.append(nn.ReLU(inplace=True))
        self.features = nn.Sequential(*layers)

    def name_of_pretrained(self, name: str) -> str:
        """Our name of a parameter in `alexnet-bn.pth`, which numbers layers and the modules within them."""
        match = re.fullmatch(r"layer([1-5])\.([01])\.(\w+)", name)
        if match is None:
            return name
        return f"features.{FIRST_MODULES[int(match[1]) - 1] + int(match[2])}.{match[3]}"

"""The AlexNet of SiamFC and SiamRPN: no padding anywhere, stride 8."""

from __future__ import annotations

from torch import Tensor, nn

from dmtrack.errors import ConfigError
from dmtrack.registry import BACKBONES

WIDTHS = (96, 256, 384, 384, 256)
KERNELS = (11, 5, 3, 3, 3)


@BACKBONES.register
class SiameseAlexNet(nn.Module):
    """Five convolutions without padding: 127 pixels become 6 cells, 287 become 26 (spec a.4).

    Args:
        width_mult: factor on all channels.

    Raises:
        ConfigError: a factor that leaves no channels.
    """

    def __init__(self, width_mult: float = 1.0) -> None:
        super().__init__()
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

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(images, 3, H, W) -> one (images, channels, H', W') map."""
        return (self.features(images),)

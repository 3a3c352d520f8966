"""HRNet (Wang et al., TPAMI 2020), whose branches are joined at stride 4 as FairMOT uses it. The network is timm's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import Count
from dmtrack.errors import ConfigError
from dmtrack.models.base import import_timm
from dmtrack.registry import BACKBONES

STAGES = ("stage2", "stage3", "stage4")
WIDTHS = (18, 30, 32, 40, 44, 48, 64)
"""The published widths of the finest branch; each coarser branch has twice the channels."""


@BACKBONES.register
class HRNet(nn.Module):
    """Four branches at strides 4 to 32 that exchange features all along; parameters have the published names.

    Args:
        width: channels of the finest branch: 18 or 32 in FairMOT.
        pretrained: where training takes the first weights from (`hrnetv2_w18_imagenet_pretrained.pth`).

    Raises:
        ConfigError: timm is not installed, or it has no HRNet of that width.
    """

    stride = 4

    def __init__(self, width: Count = 18, pretrained: str | None = None) -> None:
        super().__init__()
        self.pretrained = pretrained
        if width not in WIDTHS:
            raise ConfigError(f"HRNet: width is {width}; expected one of {', '.join(map(str, WIDTHS))}")
        published = import_timm("HRNet").create_model(f"hrnet_w{width}", pretrained=False)
        self.out_channels = width * (1 + 2 + 4 + 8)
        # The classifier and what leads to it stay behind.
        self.conv1, self.bn1, self.conv2, self.bn2 = published.conv1, published.bn1, published.conv2, published.bn2
        self.layer1 = published.layer1
        for name in ("transition1", "transition2", "transition3", *STAGES):
            self.add_module(name, published.get_submodule(name))

    def forward(self, images: Tensor) -> Tensor:
        """(images, 3, H, W), H and W multiples of 32 -> (images, 15 * width, H/4, W/4)."""
        stem = F.relu(self.bn1(self.conv1(images)))
        stem = self.layer1(F.relu(self.bn2(self.conv2(stem))))
        branches = [stem]
        for number, stage in enumerate(STAGES, start=1):
            transitions = self.get_submodule(f"transition{number}").children()
            # A transition hands a branch on, or starts a coarser one from the coarsest.
            inputs = [
                transition(branches[min(index, len(branches) - 1)]) for index, transition in enumerate(transitions)
            ]
            branches = self.get_submodule(stage)(inputs)
        size_hw = branches[0].shape[2:]
        enlarged = [F.interpolate(branch, size_hw, mode="bilinear", align_corners=False) for branch in branches[1:]]
        return torch.cat([branches[0], *enlarged], dim=1)

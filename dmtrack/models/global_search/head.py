"""The dynamic-convolution head of DMTrack-GS (Zhang et al., CVPR 2021, arXiv 2104.12041), step by step.

A query box b on the features q of its image becomes convolution kernels, and these look for the object in the features
x_l of a search image at the levels l = 0, 1, 2 with strides 8, 16, 32 (`*` is a convolution):

    1. template      z_l = M_l * RoIAlign(q, b)                                      `RoITemplate`
    2. controller    K_l = mean(G * z_l), for K in cls1, cls2, reg1, reg2            `KernelController`
    3. modulation    c_l = relu(cls1_l * x_l),        r_l = relu(reg1_l * x_l)       `Premodulator`
    4. towers        c_l = T_cls(c_l),                r_l = T_reg(r_l)               `FCOSHead.cls_convs`, `reg_convs`
    5. modulation    c_l = relu(cls2_l * (D_cls * c_l)),  r_l likewise               `Modulator`
    6. prediction    class = P_cls * c_l,  distances = relu(s_l (P_reg * r_l)),  centerness = P_ctr * r_l
                                                                                     `FCOSHead.predict`

M_l, G, T, D, P and s_l are learned; the four G, both T and D, and all P are shared by the levels. `DMTrackGS.search`
runs steps 3 to 6. Parameter names are those of the published files.
"""

from __future__ import annotations

import math
from collections import OrderedDict, abc
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import roi_align

from dmtrack.config import Count, CountOrZero, Within
from dmtrack.registry import HEADS, MODELS

NORM_GROUPS = 32


def initialise_normal(*convolutions: nn.Conv2d, std: float = 0.01) -> None:
    """Normal weights and zero bias, as the reference starts every convolution of its head."""
    for convolution in convolutions:
        nn.init.normal_(convolution.weight, std=std)
        if convolution.bias is not None:
            nn.init.zeros_(convolution.bias)


# Step 1: template. The query box cut out of the level that fits its size, once more for every level of the search.


def roi_levels(boxes_xyxy: Tensor, finest_scale: int, levels: int) -> Tensor:
    """Index of the level that a box's RoI features come from: floor(log2(sqrt(w h) / finest_scale)), clamped.

    Args:
        boxes_xyxy: (targets, 4) in network-input pixels.
        finest_scale: boxes of less than twice this side go to level 0, of less than four times to level 1, ...
        levels: how many levels there are.

    Returns:
        (targets,) int64.
    """
    side = ((boxes_xyxy[:, 2] - boxes_xyxy[:, 0]) * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1])).sqrt()
    return torch.floor(torch.log2(side / finest_scale + 1e-6)).clamp(0, levels - 1).long()


@MODELS.register
class RoITemplate(nn.Module):
    """RoI features of the target, passed through one 1x1 convolution M_l per feature level.

    Args:
        channels: of the feature maps.
        strides: of the levels, finest first.
        roi_size: cells per side of the RoI features.
        sampling_ratio: bilinear samples per cell and axis.
        finest_scale: see `roi_levels`.
    """

    def __init__(
        self,
        channels: Count = 256,
        strides: abc.Sequence[Count] = (8, 16, 32),
        roi_size: Count = 7,
        sampling_ratio: CountOrZero = 2,
        finest_scale: Count = 56,
    ) -> None:
        super().__init__()
        self.channels, self.strides = channels, tuple(strides)
        self.roi_size, self.sampling_ratio, self.finest_scale = roi_size, sampling_ratio, finest_scale
        convolutions = [nn.Conv2d(channels, channels, 1) for _ in self.strides]
        self.fpn_modulator = nn.ModuleList(convolutions)
        initialise_normal(*convolutions)

    def pool(self, features: abc.Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor, size: int = 0) -> Tensor:
        """RoIAlign (half-pixel aligned) of every box on the one level that fits its size.

        Args:
            features: per level (images, channels, H, W), of the query images.
            boxes_xyxy: (targets, 4) in network-input pixels.
            image_index: (targets,) int64, the query image of each target.
            size: cells per side; `roi_size` where none is given.

        Returns:
            (targets, channels, size, size).
        """
        # Half precision holds neither the coordinates of a frame nor the bilinear weights.
        boxes_xyxy = boxes_xyxy.float()
        rois = torch.cat([image_index[:, None].to(boxes_xyxy), boxes_xyxy], dim=1)
        # Every level is pooled and one chosen: cheap, and no tensor's shape depends on a value.
        pooled = torch.stack(
            [
                roi_align(level.float(), rois, size or self.roi_size, 1.0 / stride, self.sampling_ratio, aligned=True)
                for level, stride in zip(features, self.strides, strict=True)
            ]
        )
        levels = roi_levels(boxes_xyxy, self.finest_scale, len(features))
        return pooled[levels, torch.arange(len(boxes_xyxy), device=levels.device)]

    def forward(self, features: abc.Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor) -> list[Tensor]:
        """Templates of the targets, per level (targets, channels, roi_size, roi_size); arguments as in `pool`."""
        pooled = self.pool(features, boxes_xyxy, image_index)
        return [convolution(pooled) for convolution in self.fpn_modulator]


# Step 2: controller. The template becomes the kernels of the dynamic convolutions.


class LevelKernels(NamedTuple):
    """1x1 kernels of every target for one level; no bias is generated.

    Attributes:
        cls1: (targets, channels, channels), before the class tower.
        cls2: (targets, mid_channels, mid_channels), after it.
        reg1: like `cls1`, for the box branch.
        reg2: like `cls2`, for the box branch.
    """

    cls1: Tensor
    cls2: Tensor
    reg1: Tensor
    reg2: Tensor


@MODELS.register
class KernelController(nn.Module):
    """Generates the kernels of the dynamic convolutions; shared by all levels.

    The published layers G are 1x1 convolutions with a padding of one, averaged over all positions. The padded border
    holds the bias alone, so with a 7x7 template the result is (49 / 81) W mean(template) + b, which is computed here.

    Args:
        channels: of the templates and of the maps before the towers.
        mid_channels: of the maps after the second modulation.
    """

    reference_equivalent = False
    """Computes the padded convolution and its average as published."""

    def __init__(self, channels: Count = 256, mid_channels: Count = 32) -> None:
        super().__init__()
        self.channels, self.mid_channels = channels, mid_channels
        self.controller_cls1 = nn.Conv2d(channels, channels * channels, 1, padding=1)
        self.controller_cls2 = nn.Conv2d(channels, mid_channels * mid_channels, 1, padding=1)
        self.controller_reg1 = nn.Conv2d(channels, channels * channels, 1, padding=1)
        self.controller_reg2 = nn.Conv2d(channels, mid_channels * mid_channels, 1, padding=1)
        initialise_normal(self.controller_cls1, self.controller_cls2, self.controller_reg1, self.controller_reg2)

    def forward(self, templates: abc.Sequence[Tensor]) -> list[LevelKernels]:
        """Per level (targets, channels, size, size) -> per level kernels of every target."""
        targets, wide, narrow = len(templates[0]), self.channels, self.mid_channels
        # One product for all levels: the large weight matrices are read once.
        stacked = torch.cat(list(templates))
        shape, as_published = (len(templates), targets), self.reference_equivalent
        cls1, cls2, reg1, reg2 = (
            padded_convolution_mean(stacked, layer.weight, layer.bias, as_published).reshape(*shape, side, side)
            for layer, side in (
                (self.controller_cls1, wide),
                (self.controller_cls2, narrow),
                (self.controller_reg1, wide),
                (self.controller_reg2, narrow),
            )
        )
        return [LevelKernels(*level) for level in zip(cls1, cls2, reg1, reg2, strict=True)]


def padded_convolution_mean(inputs: Tensor, weight: Tensor, bias: Tensor | None, as_published: bool = False) -> Tensor:
    """Mean over all positions of a 1x1 convolution with padding 1: (n, in, h, w) -> (n, out).

    As published, one template after the other is convolved, because all at once would need gigabytes; the closed form
    needs no intermediate map.
    """
    if as_published:
        return torch.cat([F.conv2d(one, weight, bias, padding=1).mean(dim=(2, 3)) for one in inputs.split(1)])
    height, width = inputs.shape[2:]
    share = (height * width) / ((height + 2) * (width + 2))
    return F.linear(inputs.mean(dim=(2, 3)) * share, weight.flatten(1), bias)


# Steps 3 and 5: modulation. 1x1 convolutions of the search features with kernels that every target has for itself.


def dynamic_conv1x1(features: Tensor, kernels: Tensor, image_index: Tensor | None = None) -> Tensor:
    """Convolves the image of every target with that target's kernels, to (targets, outputs, height, width).

    Args:
        features: (images, channels, height, width).
        kernels: (targets, outputs, channels).
        image_index: (targets,) int64, the image of each target; None where every target has an image of its own.
    """
    targets, outputs, channels = kernels.shape
    images, _, height, width = features.shape
    if image_index is not None and images == 1 and targets > 0:
        # All targets lie in one image: one ordinary convolution gives the responses of all of them.
        responses = F.conv2d(features, kernels.reshape(targets * outputs, channels, 1, 1))
        return responses.reshape(targets, outputs, height, width)
    own_features = features if image_index is None else features.index_select(0, image_index)
    return (kernels @ own_features.flatten(2)).reshape(targets, outputs, height, width)


class Premodulator(nn.Module):
    """Turns an image's features into the class and box features of every target; has no parameters of its own."""

    def forward(self, features: Tensor, kernels: LevelKernels, image_index: Tensor) -> tuple[Tensor, Tensor]:
        """Features of every target at one level.

        Args:
            features: (images, channels, H, W) of the search images.
            kernels: of every target for this level.
            image_index: (targets,) int64, the search image of each target.

        Returns:
            Class and box features, each (targets, channels, H, W).
        """
        cls_features = F.relu(dynamic_conv1x1(features, kernels.cls1, image_index))
        return cls_features, F.relu(dynamic_conv1x1(features, kernels.reg1, image_index))


class Modulator(nn.Module):
    """Thins the towers' features and applies each target's second pair of kernels; shared by all levels."""

    def __init__(self, channels: int = 256, mid_channels: int = 32) -> None:
        super().__init__()
        self.downsampler_cls = nn.Conv2d(channels, mid_channels, 1)
        self.downsampler_reg = nn.Conv2d(channels, mid_channels, 1)
        initialise_normal(self.downsampler_cls, self.downsampler_reg)

    def forward(self, cls_features: Tensor, reg_features: Tensor, kernels: LevelKernels) -> tuple[Tensor, Tensor]:
        """(targets, channels, H, W) twice -> (targets, mid_channels, H, W) twice."""
        cls_features = dynamic_conv1x1(self.downsampler_cls(cls_features), kernels.cls2)
        reg_features = dynamic_conv1x1(self.downsampler_reg(reg_features), kernels.reg2)
        return F.relu(cls_features), F.relu(reg_features)


# Steps 4 and 6: the branches of FCOS (Tian et al., ICCV 2019), wide towers before and thin predictions after step 5.


class LevelOutputs(NamedTuple):
    """Raw predictions at one level for every target.

    Attributes:
        cls_logits: (targets, classes, H, W).
        distances: (targets, 4, H, W) to left, top, right, bottom in network-input pixels, at least 0.
        centerness_logits: (targets, 1, H, W).
    """

    cls_logits: Tensor
    distances: Tensor
    centerness_logits: Tensor

    @staticmethod
    def concatenate(searches: abc.Sequence[abc.Sequence[LevelOutputs]]) -> list[LevelOutputs]:
        """Per level the predictions for the targets of several searches, one after the other."""
        if len(searches) == 1:
            return list(searches[0])
        return [
            LevelOutputs(*(torch.cat(maps) for maps in zip(*level, strict=True)))
            for level in zip(*searches, strict=True)
        ]


@HEADS.register
class FCOSHead(nn.Module):
    """Class, box and centerness of every location; all weights but the scales are shared by the levels.

    Args:
        num_classes: channels of the class map; class 1 is the target, class 0 a dummy that is never positive.
        in_channels: channels of the maps that the towers see.
        feat_channels: channels inside the towers.
        stacked_convs: 3x3 convolutions per tower.
        mid_channels: channels of the maps that the predictions see (after the second modulation).
        strides: of the levels, finest first.
        prior_probability: of the target at every location before training.
    """

    def __init__(
        self,
        num_classes: Count = 2,
        in_channels: Count = 256,
        feat_channels: Count = 256,
        stacked_convs: Count = 4,
        mid_channels: Count = 32,
        strides: abc.Sequence[Count] = (8, 16, 32),
        prior_probability: Annotated[float, Within(0, 1, above_low=True, below_high=True)] = 0.01,
    ) -> None:
        super().__init__()
        self.num_classes, self.feat_channels, self.mid_channels = num_classes, feat_channels, mid_channels
        self.strides = tuple(strides)
        self.cls_convs = _tower(in_channels, feat_channels, stacked_convs)
        self.reg_convs = _tower(in_channels, feat_channels, stacked_convs)
        self.fcos_cls = nn.Conv2d(mid_channels, num_classes, 3, padding=1)
        self.fcos_reg = nn.Conv2d(mid_channels, 4, 3, padding=1)
        self.fcos_centerness = nn.Conv2d(mid_channels, 1, 3, padding=1)
        self.scales = nn.ModuleList(nn.ParameterDict({"scale": torch.tensor(1.0)}) for _ in self.strides)
        initialise_normal(*(module for module in self.modules() if isinstance(module, nn.Conv2d)))
        assert self.fcos_cls.bias is not None
        nn.init.constant_(self.fcos_cls.bias, -math.log((1 - prior_probability) / prior_probability))

    def predict(self, cls_features: Tensor, reg_features: Tensor, level: int) -> LevelOutputs:
        """Predictions from the modulated maps (targets, mid_channels, H, W) of a level.

        Unlike in FCOS, distances are a ReLU (not an exponential) and are not multiplied by the stride. Centerness comes
        from the box branch.
        """
        distances = F.relu(self.fcos_reg(reg_features) * self.scales[level].get_parameter("scale"))
        return LevelOutputs(self.fcos_cls(cls_features), distances, self.fcos_centerness(reg_features))


def _tower(in_channels: int, channels: int, depth: int) -> nn.Sequential:
    layers = []
    for index in range(depth):
        convolution = nn.Conv2d(in_channels if index == 0 else channels, channels, 3, padding=1, bias=False)
        norm = nn.GroupNorm(math.gcd(NORM_GROUPS, channels), channels)
        layers.append(nn.Sequential(OrderedDict(conv=convolution, gn=norm, activation=nn.ReLU(inplace=True))))
    return nn.Sequential(*layers)

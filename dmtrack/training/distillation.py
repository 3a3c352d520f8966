"""Distillation: a model learns its task and, besides, to see what a larger frozen network sees.

The teacher gets the images that the backbone of the model (the student) gets: one batch of frames, or template and
search images. The maps of a layer of both come to one size and to the channels of one side by an adapter that learns
with the model, and are compared. Sources: Hinton et al., 2015; Romero et al., FitNets, ICLR
2015; of FairMOT from DINOv2: NissaFaber/Knowledge-Distillation-dinov2-FairMOT, whose teacher had random weights, saw
images with height and width swapped, and by default left nothing of FairMOT's own losses.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import build, find_weights, load_config
from dmtrack.config.top_level import Distillation
from dmtrack.data.batches import Batch
from dmtrack.errors import ConfigError
from dmtrack.models.base import AssistedModel, TrainableModel, build_part, import_timm
from dmtrack.registry import MODELS, TEACHERS, did_you_mean
from dmtrack.weights import load_weights, read_weights
from dmtrack.weights.loading import fill_trunk

TRIAL_SIDE = 128
"""Pixels of the black image that tells how many channels a map has."""


class Teacher:
    """A frozen network; no module, so that it is in no optimiser, no average and no file.

    Args:
        network: in whatever state it comes; it does not change any more.
        mean_rgb: that its images are normalised with, on the 0..255 scale.
        std_rgb: likewise.
        note: what the log says of it.

    Attributes:
        see: normalised images to maps; subclasses set it.
    """

    see: Callable[[Tensor], Tensor]

    def __init__(self, network: nn.Module, mean_rgb: Sequence[float], std_rgb: Sequence[float], note: str) -> None:
        self.network = network.eval().requires_grad_(False)
        self.mean_rgb, self.std_rgb, self.note = mean_rgb, std_rgb, note

    @torch.no_grad()
    def maps(self, images: Tensor) -> Tensor:
        """(images, 3, H, W) RGB on the 0..255 scale -> (images, channels, rows, columns)."""
        mean, std = (images.new_tensor(one).view(3, 1, 1) for one in (self.mean_rgb, self.std_rgb))
        # In the layout of its images: a trunk of depthwise convolutions takes twice as long in the other one.
        last = images.is_contiguous(memory_format=torch.channels_last)
        self.network.to(images.device).to(memory_format=torch.channels_last if last else torch.contiguous_format)
        return self.see((images - mean) / std)


@TEACHERS.register
class TimmTeacher(Teacher):
    """Any network of timm that gives the maps of its stages; of a vision transformer those of its patches.

    It sees the model's images at the nearest smaller size that it can divide; the position embeddings of a transformer
    are interpolated to that.

    Args:
        network: its name in timm, such as "vit_base_patch14_dinov2".
        weights: its file; None leaves the numbers random, which teaches nothing and is for trials.
        stage: whose map: of a transformer its block, of others the stage; the last by default.

    Raises:
        ConfigError: timm is not installed, has no such network, or none with maps or with that stage.
        WeightsError: the file is not there or of another network.
    """

    def __init__(self, network: str, weights: str | None, stage: int = -1) -> None:
        timm = import_timm("TimmTeacher")
        if not timm.is_model(network):
            raise ConfigError(f"timm has no network {network!r}{did_you_mean(network, timm.list_models())}")
        made = timm.create_model(network, pretrained=False, num_classes=0)
        stages = len(made.feature_info) if hasattr(made, "forward_intermediates") else 0
        if not -stages <= stage < stages:
            raise ConfigError(f"distillation.teacher: {network} has maps of {stages} stages, not of stage {stage}")
        if weights is not None:
            fill_trunk(made, read_weights(weights))
        own = made.pretrained_cfg
        mean_rgb, std_rgb = ([255 * value for value in own[name]] for name in ("mean", "std"))
        note = f"teacher: {network} with {weights}"
        if weights is None:
            note = f"warning: the teacher {network} has random weights, which teach nothing; name its file in weights"
        super().__init__(made, mean_rgb, std_rgb, note)
        self.stage, self.see = stage % stages, self._stage_map
        self._divisor = max(int(info["reduction"]) for info in made.feature_info)
        self._sized: tuple[tuple[int, int], Any] = ((0, 0), made)

    def _stage_map(self, images: Tensor) -> Tensor:
        height, width = (max(side - side % self._divisor, self._divisor) for side in images.shape[2:])
        if (height, width) != tuple(images.shape[2:]):
            images = resized(images, (height, width))
        if self._sized[0] != (height, width):
            # A copy of the network as it came: position embeddings that are interpolated again and again wash out.
            copied: Any = copy.deepcopy(self.network)
            if hasattr(copied, "set_input_size"):
                copied.set_input_size(img_size=(height, width))
            self._sized = ((height, width), copied)
        sized = self._sized[1].to(images.device)
        maps: list[Tensor] = sized.forward_intermediates(
            images, indices=[self.stage], norm=True, output_fmt="NCHW", intermediates_only=True
        )
        return maps[0]


@TEACHERS.register
class ConfigTeacher(Teacher):
    """The backbone of another model of dmtrack.

    Args:
        config: of that model.
        weights: its file, or the name of weights that ship.
        layer: whose map: the backbone or a part of it.

    Raises:
        ConfigError: the config cannot be used, or its model has no such layer.
        WeightsError: the file is not there or of another model.
    """

    def __init__(self, config: str, weights: str, layer: str = "backbone") -> None:
        network = build_part(load_config(config)["model"], MODELS, TrainableModel, f"{config}: model")
        load_weights(network, find_weights(weights))
        super().__init__(network, *normalisation(network), f"teacher: {Path(config).stem} with {weights}")
        self.see = partial(backbone_map, network, layer)


class DistilledModel(AssistedModel):
    """A model in training with a teacher beside it.

    Args:
        student: the model.
        settings: teacher, adapter and weights.

    Attributes:
        trained: the student.
        beside: the adapter.

    Raises:
        ConfigError: the student or the teacher cannot take part.
        WeightsError: the teacher's file is not there or does not fit.
    """

    def __init__(self, student: TrainableModel, settings: Distillation) -> None:
        super().__init__()
        self.trained, self.settings = student, settings
        self.teacher: Teacher = build(settings.teacher, TEACHERS)
        self.mean_rgb, self.std_rgb = normalisation(student)
        black = torch.zeros(1, 3, TRIAL_SIDE, TRIAL_SIDE)
        with torch.no_grad():
            own = backbone_map(student.eval(), settings.layer, black).shape[1]
        student.train()
        theirs = self.teacher.maps(black).shape[1]
        before, after = (own, theirs) if settings.adapt_to == "teacher" else (theirs, own)
        self.beside = make_adapter(before, after, settings.adapter)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of the student times 1 - alpha, and `loss_distillation` times alpha."""
        alpha = self.settings.alpha
        with watched(self.trained, self.settings.layer) as seen:
            losses = self.trained.losses(batch)
        each = []
        for images, maps in seen:
            mean, std = (images.new_tensor(one).view(3, 1, 1) for one in (self.mean_rgb, self.std_rgb))
            each.append(distillation_loss(maps, self.teacher.maps(images * std + mean), self.beside, self.settings))
        loss = torch.stack(each).mean()
        return {name: (1 - alpha) * value for name, value in losses.items()} | {"loss_distillation": alpha * loss}


def distillation_loss(own: Tensor, theirs: Tensor, adapter: nn.Module, settings: Distillation) -> Tensor:
    """How far two maps of any size differ, without weight.

    Args:
        own: (images, channels, H, W) of the student.
        theirs: (images, other channels, H', W') of the teacher.
        adapter: turns the channels of one side into those of the other.
        settings: which side, and which measure.
    """
    if settings.adapt_to == "teacher":
        own = resized(adapter(own), theirs.shape[2:])
    else:
        theirs = adapter(resized(theirs, own.shape[2:]))
    own, theirs = (maps.to(torch.promote_types(maps.dtype, torch.float32)) for maps in (own, theirs))
    if settings.loss == "mse":
        return F.mse_loss(own, theirs)
    return 1 - F.cosine_similarity(own.flatten(1), theirs.flatten(1)).mean()


def make_adapter(in_channels: int, out_channels: int, kind: str) -> nn.Module:
    """`Distillation.adapter`."""
    if kind == "linear":
        return nn.Conv2d(in_channels, out_channels, 1)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def resized(maps: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Maps (or images) of another height and width, corner on corner of the image, whatever their strides."""
    return F.interpolate(maps, tuple(size_hw), mode="bilinear", align_corners=False)


def normalisation(model: TrainableModel) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and standard deviation of a model's images on the 0..255 scale.

    Raises:
        ConfigError: its preprocessing does not tell.
    """
    try:
        return model.preprocessing.mean_rgb, model.preprocessing.std_rgb
    except AttributeError as error:
        raise ConfigError(
            f"distillation: the preprocessing of {type(model).__name__} does not tell how its images are normalised, "
            "so student and teacher cannot see the same; it needs mean_rgb and std_rgb, as that of FairMOT has them"
        ) from error


@contextmanager
def watched(model: TrainableModel, layer: str) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Inside, (images that the backbone gets, map that a layer of it gives) are collected, call by call.

    Raises:
        ConfigError: there is no such layer, or what it gives is not one map; or the model has no backbone.
    """
    parts, backbone = dict(model.named_modules()), model.pretrained_backbone()
    if backbone is None:
        raise ConfigError(f"distillation: {type(model).__name__} has no part called backbone to be compared")
    if layer not in parts:
        raise ConfigError(f"distillation: {type(model).__name__} has no layer {layer!r}{did_you_mean(layer, parts)}")
    images: list[Tensor] = []
    seen: list[tuple[Tensor, Tensor]] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor) or output.ndim != 4:
            inside = [name for name in parts if name.startswith(f"{layer}.")]
            raise ConfigError(
                f"distillation: layer {layer!r} of {type(model).__name__} gives a {type(output).__name__}, not one "
                f"map; name a part of it that does, such as {inside[-1]!r}"
            )
        seen.append((images[-1], output))

    # Only for the moment: a copy of the model (its average) would copy the hooks and what they refer to.
    handles = (
        backbone.register_forward_pre_hook(lambda module, inputs: images.append(inputs[0])),
        parts[layer].register_forward_hook(keep),
    )
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def backbone_map(model: TrainableModel, layer: str, images: Tensor) -> Tensor:
    """What a layer of a model's backbone gives of normalised images.

    Raises:
        ConfigError: the model has no backbone, or none with that layer.
    """
    with watched(model, layer) as seen:
        backbone = model.pretrained_backbone()
        assert backbone is not None
        backbone(images)
    if not seen:
        raise ConfigError(f"distillation: layer {layer!r} of {type(model).__name__} is no part of its backbone")
    return seen[-1][1]

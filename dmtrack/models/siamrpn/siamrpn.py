"""SiamRPN++ (Li et al., CVPR 2019, arXiv 1812.11703) and its smaller relatives, in both published flavours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from dmtrack.config import Count
from dmtrack.data.batches import Batch
from dmtrack.errors import ConfigError, WeightsError
from dmtrack.models.base import TrainableModel, build_part
from dmtrack.models.siamrpn.crops import SiamesePairEncoder
from dmtrack.models.siamrpn.flavours import FlavourName, SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs, SiamRPNHead
from dmtrack.models.siamrpn.losses import SiamRPNTraining, siamrpn_losses
from dmtrack.registry import BACKBONES, HEADS, MODELS, NECKS

CENTRE_CROP_BELOW = 20
"""Maps of fewer columns are templates that still show their border, which is cut away (section 3.2)."""


@MODELS.register
class SiamRPN(TrainableModel):
    """A template of the target is correlated with a search image around its last place; anchors say where it is.

    Args:
        backbone: images to maps at stride 8, such as `SiameseResNet50`.
        head: a `SiamRPNHead`.
        neck: maps of the backbone to those of the head, such as `ChannelMapper`; None where they are the same.
        flavour: whose conventions the weights were trained with: 'pysot' or 'mmtracking'.
        center_size: cells of the template that are kept, counted from its centre; None keeps all, which a backbone
            without padding wants.
        preprocessing: sizes and anchors, where they are not those of the published ResNet-50.
        train_cfg: how anchors are sampled, and which part of the backbone is trained from when on.

    Attributes:
        epoch: 0-based, of the training; `start_epoch` sets it.

    Raises:
        ConfigError: an unknown flavour, a part of the backbone that is not there, or numbers of channels or anchors
            that do not go together.
    """

    def __init__(
        self,
        backbone: dict[str, Any] | nn.Module,
        head: dict[str, Any] | nn.Module,
        neck: dict[str, Any] | nn.Module | None = None,
        flavour: FlavourName = "mmtracking",
        center_size: Count | None = 7,
        preprocessing: SiamesePreprocessing | None = None,
        train_cfg: SiamRPNTraining | None = None,
    ) -> None:
        super().__init__()
        self.epoch = 0
        self.train_cfg = train_cfg or SiamRPNTraining()
        self.preprocessing = replace(preprocessing or SiamesePreprocessing(), flavour=flavour)
        self.center_size = center_size
        # The order of these lines is the order of the published files.
        self.backbone: nn.Module = build_part(backbone, BACKBONES)
        self.neck: nn.Module | None = None if neck is None else build_part(neck, NECKS)
        self.head: SiamRPNHead = build_part(head, HEADS)
        self._check_parts()
        trained = trained_modules(self.backbone, self.train_cfg.backbone_layers)
        for name, parameter in self.backbone.named_parameters():
            parameter.requires_grad_(name.rpartition(".")[0] in trained)
        self._trained_modules = frozenset(trained)

    def extract(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps after the neck of (images, 3, H, W) BGR images with values 0 to 255."""
        frozen = self.training and self.epoch < self.train_cfg.backbone_from_epoch
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            features: tuple[Tensor, ...] = self.backbone(images)
        return features if self.neck is None else self.neck(features)

    def encode_template(self, images: Tensor) -> tuple[Tensor, ...]:
        """Templates of exemplar images: maps after the neck, of which the central cells are kept."""
        return tuple(self.cut_centre(level) for level in self.extract(images))

    def cut_centre(self, level: Tensor) -> Tensor:
        """The central `center_size` x `center_size` cells; the same offset serves rows and columns."""
        width = level.shape[3]
        if self.center_size is None or width >= CENTRE_CROP_BELOW or width <= self.center_size:
            return level
        first = (width - self.center_size) // 2
        cells = slice(first, first + self.center_size)
        return level[:, :, cells, cells]

    def search(self, templates: Sequence[Tensor], images: Tensor) -> Outputs:
        """Raw outputs for search images, one per template."""
        outputs: Outputs = self.head(templates, self.extract(images))
        return outputs

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """`loss_cls` and `loss_bbox`, normalised as the flavour does.

        Raises:
            ConfigError: the score map has another size than `preprocessing` says.
        """
        outputs = self.search(self.encode_template(batch.query.images), batch.search.images)
        cells = outputs.cls.shape[1] // 2 * outputs.cls.shape[2] * outputs.cls.shape[3]
        if cells != batch.targets["labels"].shape[1]:
            raise ConfigError(
                f"search images of {batch.search.images.shape[-1]} pixels give a map of "
                f"{outputs.cls.shape[2]}x{outputs.cls.shape[3]} cells, but model.preprocessing says "
                f"{self.clip_encoder().preprocessing.score_size()}; set its base_size to what the network gives"
            )
        return siamrpn_losses(outputs, batch.targets, self.preprocessing)

    def clip_encoder(self) -> SiamesePairEncoder:
        """What makes training batches of augmented pairs."""
        return SiamesePairEncoder(self.preprocessing, self.train_cfg)

    def start_epoch(self, epoch: int) -> None:
        """Lets the backbone join the training when its epoch comes (0-based); call it before every epoch."""
        self.epoch = epoch
        self.train(self.training)

    def train(self, mode: bool = True) -> SiamRPN:
        """Training mode; what is frozen keeps its running statistics, too."""
        super().train(mode)
        if mode:
            for name, module in self.backbone.named_modules():
                joined = self.epoch >= self.train_cfg.backbone_from_epoch
                module.training = joined and name in self._trained_modules
        return self

    def check_metadata(self, metadata: Mapping[str, Any], source: object) -> None:
        """Refuses weights of the other flavour, or of other anchors or sizes; what they do not say is not checked."""
        stored = metadata.get("normalisation")
        if not isinstance(stored, Mapping):
            return
        for key, own in vars(self.preprocessing).items():
            theirs = stored.get(key, own)
            if (list(theirs) if isinstance(theirs, (list, tuple)) else theirs) != (
                list(own) if isinstance(own, tuple) else own
            ):
                raise WeightsError(
                    f"{source} was made for {key}={theirs!r}, but the config has {key}={own!r}; "
                    "give the config that belongs to these weights"
                )

    def _check_parts(self) -> None:
        if self.head.anchors != self.preprocessing.anchors_per_cell:
            raise ConfigError(
                f"model.head.anchors is {self.head.anchors}, but ratios and scales make "
                f"{self.preprocessing.anchors_per_cell} anchors per cell; give the same number"
            )
        last = self.backbone if self.neck is None else self.neck
        channels = tuple(getattr(last, "out_channels", self.head.in_channels))
        if channels != self.head.in_channels:
            raise ConfigError(
                f"model.head.in_channels is {self.head.in_channels}, but {type(last).__name__} gives {channels}; "
                "give the same numbers"
            )


def trained_modules(backbone: nn.Module, layers: tuple[str, ...] | None) -> set[str]:
    """Names of the backbone's modules that lie in the given parts of it; all where `layers` is None.

    Raises:
        ConfigError: it has no such part.
    """
    names = [name for name, _ in backbone.named_modules()]
    if layers is None:
        return set(names)
    for layer in layers:
        if not layer or layer not in names:
            known = ", ".join(name for name in names if name and "." not in name)
            raise ConfigError(
                f"model.train_cfg.backbone_layers: {type(backbone).__name__} has no part {layer!r}; it has {known}"
            )
    return {name for name in names if any(f"{name}.".startswith(f"{layer}.") for layer in layers)}

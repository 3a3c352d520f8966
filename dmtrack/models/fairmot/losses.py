"""FairMOT's losses: a focal loss of the heatmap, L1 of sizes and offsets, cross-entropy of identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

from dmtrack.config import Amount, check_fields
from dmtrack.config.signatures import CountOrZero
from dmtrack.models.fairmot.decode import Maps, at_cells
from dmtrack.models.reid.losses import IdentityClassifier, UncertaintyWeighting

LOSS_NAMES = ("loss_heatmap", "loss_size", "loss_offset", "loss_identity")


@dataclass(frozen=True)
class FairMOTTraining:
    """`train_cfg`.

    Attributes:
        identities: how many the training sets have together, of the class that has most; 0 trains the detector alone.
        identity_loss: cross-entropy, or the focal loss that the published code also offers (Lin et al., ICCV 2017).
        weighting: `uncertainty` learns the weights of detection and identity (Kendall et al., CVPR 2018); `fixed` adds
            the identity loss with weight 0.1.
        heatmap_weight: of the heatmap in the detection loss.
        size_weight: of the sizes in the detection loss; 0.5 as published for YOLOv5s.
        offset_weight: of the offsets in the detection loss.
        most_objects: per image; further ones are not taught.
    """

    identities: CountOrZero = 0
    identity_loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    weighting: Literal["uncertainty", "fixed"] = "uncertainty"
    heatmap_weight: Amount = 1.0
    size_weight: Amount = 0.1
    offset_weight: Amount = 1.0
    most_objects: CountOrZero = 500

    def __post_init__(self) -> None:
        check_fields(self, "model.train_cfg")


class FairMOTLoss(nn.Module):
    """The losses and what they learn: the identity classifier and the weights of the two tasks.

    Args:
        channels: of the embeddings.
        settings: weights and kinds.
        classes: kinds of objects, within each of which identities are told apart.
    """

    def __init__(self, channels: int, settings: FairMOTTraining, classes: int = 1) -> None:
        super().__init__()
        self.settings = settings
        self.classifier = IdentityClassifier(channels, settings.identities, classes) if settings.identities else None
        self.uncertainty = UncertaintyWeighting() if settings.weighting == "uncertainty" else None

    def forward(self, maps: Maps, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weighted losses by name; their sum is minimised.

        Args:
            maps: of the network.
            targets: the fields of `MapTargets`, stacked over the images.
        """
        settings = self.settings
        losses = self.parts(maps, targets)
        weights = (settings.heatmap_weight, settings.size_weight, settings.offset_weight)
        detection = {name: weight * losses[name] for name, weight in zip(LOSS_NAMES[:3], weights, strict=True)}
        if self.classifier is None:
            return detection
        identification = {"loss_identity": losses["loss_identity"]}
        if self.uncertainty is None:
            return detection | {"loss_identity": 0.1 * losses["loss_identity"]}
        if (targets["identities"][targets["valid"]] >= 0).any():
            return self.uncertainty(detection, identification)
        # Zero, but attached to all parameters, as training in several processes needs it; a batch that shows nobody
        # known tells nothing about how hard identification is, so its weight stays.
        nothing = torch.exp(-self.uncertainty.identification) * losses["loss_identity"]
        return self.uncertainty(detection, {}) | {"loss_identity": nothing}

    def parts(self, maps: Maps, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The four losses without weights, by the names of `LOSS_NAMES`; finite for images without objects."""
        valid, cells = targets["valid"], targets["cells"]
        identity = maps.embeddings.sum() * 0.0
        if self.classifier is not None:
            embeddings = F.normalize(at_cells(maps.embeddings, cells)[valid], dim=1)
            named = targets["identities"][valid], targets["classes"][valid]
            identity = self._identity_loss(self.classifier, embeddings, *named)
        sizes = targets["sizes"]
        if maps.sizes.shape[1] == 2:
            sizes = sizes[..., :2] + sizes[..., 2:]
        values = (
            heatmap_focal_loss(maps.heatmap_logits, targets["heatmap"]),
            masked_l1(at_cells(maps.sizes, cells), sizes, valid),
            masked_l1(at_cells(maps.offsets, cells), targets["offsets"], valid),
            identity,
        )
        return dict(zip(LOSS_NAMES, values, strict=True))

    def _identity_loss(
        self, classifier: IdentityClassifier, embeddings: Tensor, identities: Tensor, classes: Tensor
    ) -> Tensor:
        if self.settings.identity_loss == "cross_entropy":
            return classifier(embeddings, identities, classes)
        logits, known = classifier.logits(embeddings, identities, classes)
        truth = F.one_hot(known, logits.shape[1]).to(logits)
        return sigmoid_focal_loss(logits, truth, reduction="sum") / max(len(known), 1)


def heatmap_focal_loss(logits: Tensor, heatmap: Tensor) -> Tensor:
    """Penalty-reduced focal loss of centres (Law and Deng, CornerNet, ECCV 2018, eq. 1).

    Args:
        logits: (images, classes, H, W).
        heatmap: likewise, in [0, 1]; 1 exactly at centres.

    Returns:
        The sum over cells, divided by the number of centres where there are any.
    """
    probability = logits.to(heatmap.dtype).sigmoid().clamp(1e-4, 1 - 1e-4)
    centres = heatmap.eq(1)
    at_centres = (1 - probability) ** 2 * probability.log()
    elsewhere = (1 - heatmap) ** 4 * probability**2 * (1 - probability).log()
    return -torch.where(centres, at_centres, elsewhere).sum() / centres.sum().clamp(min=1)


def masked_l1(values: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Sum of the absolute errors of valid rows over their number of elements.

    Args:
        values: (images, rows, channels).
        targets: likewise.
        valid: (images, rows) bool.
    """
    error = (values - targets).abs() * valid[..., None]
    return error.sum() / (valid.sum() * values.shape[2] + 1e-4)

"""The losses of both flavours: normalised per pair (MMTracking) or over the batch (PySOT; spec a.9)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs
from dmtrack.models.siamrpn.targets import BACKGROUND, POSITIVE

BOX_LOSS_WEIGHT = 1.2


def flat_rows(outputs: Tensor, preprocessing: SiamesePreprocessing) -> Tensor:
    """(pairs, kinds x anchors per cell, H, W) -> (pairs, all anchors, kinds) in the flavour's order."""
    maps = outputs.unflatten(1, (-1, preprocessing.anchors_per_cell))
    # (pairs, kinds, anchors, rows, columns)
    order = (0, 2, 3, 4, 1) if preprocessing.conventions.anchor_major else (0, 3, 4, 2, 1)
    return maps.permute(*order).flatten(1, 3)


def siamrpn_losses(
    outputs: Outputs, targets: dict[str, Tensor], preprocessing: SiamesePreprocessing
) -> dict[str, Tensor]:
    """`loss_cls` and `loss_bbox`; finite where a batch has no positive pair.

    Args:
        outputs: raw maps of a batch.
        targets: of `stack_targets`, on the device of the outputs.
        preprocessing: of the model; its flavour decides the normalisation.
    """
    logits = flat_rows(outputs.cls.float(), preprocessing)
    deltas = flat_rows(outputs.reg.float(), preprocessing)
    labels = targets["labels"]
    pairs = len(labels)
    # Unused anchors count for nothing, but must be some class.
    entropy = F.cross_entropy(logits.flatten(0, 1), labels.clamp(min=0).flatten(), reduction="none").view(pairs, -1)
    distances = (deltas - targets["deltas"]).abs().sum(2)
    loss_bbox = (distances * targets["box_weights"]).sum() / pairs
    if preprocessing.flavour == "pysot":
        loss_cls = 0.5 * (_mean_over(entropy, labels == POSITIVE) + _mean_over(entropy, labels == BACKGROUND))
    else:
        loss_cls = (entropy * targets["label_weights"]).sum() / pairs
    return {"loss_cls": loss_cls, "loss_bbox": BOX_LOSS_WEIGHT * loss_bbox}


def _mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values, 0 where there are none."""
    return torch.where(chosen, values, 0.0).sum() / chosen.sum().clamp(min=1)

"""Which anchors of a training pair are the target, which are background, what the boxes should be, and the losses.

Both flavours: losses are normalised per pair (MMTracking) or over the batch (PySOT).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dmtrack.config import Count, CountOrZero, Share
from dmtrack.data.transforms.base import Draws
from dmtrack.models.siamrpn.decoding import anchors_cxcywh, flat_rows
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs

POSITIVE, BACKGROUND, IGNORED = 1, 0, -1
NEGATIVE_WINDOW = 3
"""Cells around the target in every direction from which a negative pair takes its background."""

_EPSILON = 1e-6


@dataclass(frozen=True)
class SiamRPNTraining:
    """`model.train_cfg`: assignment and sampling of anchors, and what is trained from when on.

    Attributes:
        positive_iou: least overlap of positive anchors.
        negative_iou: background overlaps less than this; what lies between is ignored.
        positives: anchors per positive pair at most.
        total: positive and background anchors per positive pair at most.
        negatives_of_negative_pair: background anchors of a negative pair at most.
        truncate_by_index: MMTracking draws total - positives background anchors, and keeps the first 3/4 of `total` by
            index, which favours the top of the map; False keeps the ones drawn first.
        search_size: side of the search images in training, in pixels; None for that of the preprocessing.
        backbone_layers: names of the parts of the backbone that are trained; the rest keeps its weights and its batch
            norm statistics. None means all of it.
        backbone_from_epoch: 0-based epoch from which on they are; the whole backbone is frozen before.
    """

    positive_iou: Share = 0.6
    negative_iou: Share = 0.3
    positives: Count = 16
    total: Count = 64
    negatives_of_negative_pair: Count = 16
    truncate_by_index: bool = True
    search_size: Count | None = None
    backbone_layers: tuple[str, ...] | None = None
    backbone_from_epoch: CountOrZero = 0


@dataclass(frozen=True)
class AnchorTargets:
    """Targets of one pair, in the flat order of the flavour.

    Attributes:
        labels: (anchors,) int64: 1 target, 0 background, -1 not used.
        deltas: (anchors, 4) float32 dx, dy, dw, dh from anchor to box; 0 for negative pairs.
        label_weights: (anchors,) float32; targets and background each sum to 1/2.
        box_weights: (anchors,) float32, 1 / targets at targets.
    """

    labels: NDArray[np.int64]
    deltas: NDArray[np.float32]
    label_weights: NDArray[np.float32]
    box_weights: NDArray[np.float32]


def training_anchors_xyxy(preprocessing: SiamesePreprocessing, score_size: int | None = None) -> NDArray[np.float32]:
    """(anchors, 4) corners in pixels of the search image."""
    anchors = anchors_cxcywh(preprocessing, score_size or preprocessing.score_size())
    centres = anchors[:, :2] + preprocessing.search_size // 2
    half = anchors[:, 2:] * np.float32(0.5)
    return np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)


def anchor_iou(anchors_xyxy: NDArray[np.float32], box_xyxy: ArrayLike) -> NDArray[np.float32]:
    """(anchors,) overlap with one box, float32 as in the originals."""
    box = np.asarray(box_xyxy, dtype=np.float32)
    low, high = np.maximum(anchors_xyxy[:, :2], box[:2]), np.minimum(anchors_xyxy[:, 2:], box[2:])
    sides = np.maximum(high - low, np.float32(0))
    intersection = sides[:, 0] * sides[:, 1]
    areas = (anchors_xyxy[:, 2] - anchors_xyxy[:, 0]) * (anchors_xyxy[:, 3] - anchors_xyxy[:, 1])
    union = areas + (box[2] - box[0]) * (box[3] - box[1]) - intersection
    return np.asarray(intersection / np.maximum(union, np.float32(_EPSILON)))


def box_deltas(anchors_xyxy: NDArray[np.float32], box_xyxy: ArrayLike) -> NDArray[np.float32]:
    """(anchors, 4) dx, dy, dw, dh that turn each anchor into the box."""
    box = np.asarray(box_xyxy, dtype=np.float32)
    centre, size = (box[:2] + box[2:]) * np.float32(0.5), box[2:] - box[:2]
    centres = (anchors_xyxy[:, :2] + anchors_xyxy[:, 2:]) * np.float32(0.5)
    sizes = anchors_xyxy[:, 2:] - anchors_xyxy[:, :2]
    return np.concatenate([(centre - centres) / sizes, np.log(size / sizes)], axis=1).astype(np.float32)


Group = Literal["positive", "ignored", "background"]


def anchor_groups(
    preprocessing: SiamesePreprocessing, box_xyxy: ArrayLike, settings: SiamRPNTraining | None = None
) -> dict[Group, NDArray[np.int64]]:
    """Flat indices of the anchors by their overlap with the target of a positive pair, ascending.

    PySOT wants more than the upper limit, MMTracking at least it.
    """
    settings = settings or SiamRPNTraining()
    overlaps = anchor_iou(training_anchors_xyxy(preprocessing), box_xyxy)
    if preprocessing.flavour == "pysot":
        positive = overlaps > settings.positive_iou
    else:
        positive = overlaps >= settings.positive_iou
    background = overlaps < settings.negative_iou
    return {
        "positive": np.flatnonzero(positive),
        "ignored": np.flatnonzero(~positive & ~background),
        "background": np.flatnonzero(background),
    }


def negative_pair_anchors(preprocessing: SiamesePreprocessing, box_xyxy: ArrayLike) -> NDArray[np.int64]:
    """Flat indices of the anchors in the 7x7 cells around the search image's object of a negative pair, ascending."""
    score_size = preprocessing.score_size()
    box = np.asarray(box_xyxy, dtype=np.float64)
    inside = np.zeros((score_size, score_size), dtype=bool)
    cells = []
    for low, high in ((box[1], box[3]), (box[0], box[2])):
        offset = ((low + high) / 2 - preprocessing.search_size // 2) / preprocessing.stride
        cell = score_size // 2 + math.ceil(offset + 0.5)
        cells.append(slice(max(cell - NEGATIVE_WINDOW, 0), max(min(cell + NEGATIVE_WINDOW + 1, score_size), 0)))
    inside[cells[0], cells[1]] = True
    anchors = preprocessing.anchors_per_cell
    if preprocessing.conventions.anchor_major:
        return np.flatnonzero(np.tile(inside.ravel(), anchors))
    return np.flatnonzero(np.repeat(inside.ravel(), anchors))


def assign(
    preprocessing: SiamesePreprocessing,
    box_xyxy: ArrayLike,
    positive_pair: bool,
    rng: Draws,
    settings: SiamRPNTraining | None = None,
) -> AnchorTargets:
    """Targets of one pair, with anchors sampled by chance.

    Args:
        preprocessing: of the model.
        box_xyxy: of the object in the search image, in its pixels.
        positive_pair: whether it is the template's object.
        rng: source of chance. PySOT's draws are repeated by its `RandomState`: one shuffle for the target's anchors,
            one for the background's, each only where there are too many.
        settings: of assignment and sampling.
    """
    settings = settings or SiamRPNTraining()
    anchors = training_anchors_xyxy(preprocessing)
    labels = np.full(len(anchors), IGNORED, dtype=np.int64)
    deltas = np.zeros((len(anchors), 4), dtype=np.float32)
    if positive_pair:
        groups = anchor_groups(preprocessing, box_xyxy, settings)
        positives = _drawn(groups["positive"], settings.positives, rng)
        background = _background(groups["background"], len(positives), preprocessing, rng, settings)
        deltas = box_deltas(anchors, box_xyxy)
        labels[positives] = POSITIVE
    else:
        candidates = negative_pair_anchors(preprocessing, box_xyxy)
        background = _drawn(candidates, settings.negatives_of_negative_pair, rng)
    labels[background] = BACKGROUND
    return AnchorTargets(labels, deltas, *_weights(labels))


def _background(
    candidates: NDArray[np.int64],
    positives: int,
    preprocessing: SiamesePreprocessing,
    rng: Draws,
    settings: SiamRPNTraining,
) -> NDArray[np.int64]:
    wanted = settings.total - settings.positives
    if preprocessing.flavour == "pysot":
        return _drawn(candidates, wanted, rng)
    drawn = _drawn(candidates, settings.total - positives, rng)
    return (np.sort(drawn) if settings.truncate_by_index else drawn)[:wanted]


def _drawn(candidates: NDArray[np.int64], count: int, rng: Draws) -> NDArray[np.int64]:
    """All candidates, or so many of them by chance."""
    if len(candidates) <= count:
        return candidates
    return candidates[rng.permutation(len(candidates))[:count]]


def _weights(labels: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weights = np.zeros(len(labels), dtype=np.float32)
    boxes = np.zeros(len(labels), dtype=np.float32)
    positive, background = labels == POSITIVE, labels == BACKGROUND
    weights[positive] = 0.5 / max(int(positive.sum()), 1)
    weights[background] = 0.5 / max(int(background.sum()), 1)
    boxes[positive] = 1.0 / max(int(positive.sum()), 1)
    return weights, boxes


def stack_targets(targets: list[AnchorTargets]) -> dict[str, torch.Tensor]:
    """Targets of a batch as tensors (pairs, anchors, ...), by the names of `AnchorTargets`."""
    names = ("labels", "deltas", "label_weights", "box_weights")
    return {name: torch.from_numpy(np.stack([getattr(target, name) for target in targets])) for name in names}


BOX_LOSS_WEIGHT = 1.2


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
        chosen = torch.stack([labels == POSITIVE, labels == BACKGROUND])
        sums = torch.where(chosen, entropy, 0.0).flatten(1).sum(1)
        # The mean over each group, 0 where it is empty.
        loss_cls = 0.5 * (sums / chosen.flatten(1).sum(1).clamp(min=1)).sum()
    else:
        loss_cls = (entropy * targets["label_weights"]).sum() / pairs
    return {"loss_cls": loss_cls, "loss_bbox": BOX_LOSS_WEIGHT * loss_bbox}

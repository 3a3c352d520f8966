"""Which anchors of a training pair are the target, which are background, and what the boxes should be (spec a.9)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dmtrack.data.transforms.draws import Draws, permutation
from dmtrack.models.siamrpn.anchors import anchors_cxcywh
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing

POSITIVE, BACKGROUND, IGNORED = 1, 0, -1
NEGATIVE_WINDOW = 3
"""Cells around the target in every direction from which a negative pair takes its background."""

_EPSILON = 1e-6


@dataclass(frozen=True)
class AssignmentSettings:
    """Assignment and sampling of anchors.

    Attributes:
        positive_iou: least overlap of positive anchors.
        negative_iou: background overlaps less than this; what lies between is ignored.
        positives: anchors per positive pair at most.
        total: positive and background anchors per positive pair at most.
        negatives_of_negative_pair: background anchors of a negative pair at most.
        truncate_by_index: MMTracking draws total - positives background anchors, and keeps the first 3/4 of `total` by
            index, which favours the top of the map; False keeps the ones drawn first.
    """

    positive_iou: float = 0.6
    negative_iou: float = 0.3
    positives: int = 16
    total: int = 64
    negatives_of_negative_pair: int = 16
    truncate_by_index: bool = True


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
    preprocessing: SiamesePreprocessing, box_xyxy: ArrayLike, settings: AssignmentSettings | None = None
) -> dict[Group, NDArray[np.int64]]:
    """Flat indices of the anchors by their overlap with the target of a positive pair, ascending.

    PySOT wants more than the upper limit, MMTracking at least it.
    """
    settings = settings or AssignmentSettings()
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
    settings: AssignmentSettings | None = None,
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
    settings = settings or AssignmentSettings()
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
    settings: AssignmentSettings,
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
    return candidates[permutation(rng, len(candidates))[:count]]


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

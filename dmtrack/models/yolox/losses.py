"""What YOLOX learns: SimOTA chooses the cells that answer for each box, and the losses of what these say."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dmtrack.models.global_search.losses import paired_iou
from dmtrack.models.yolox.head import Predictions

CENTRE_RADIUS = 2.5
"""Cells whose middle is so many strides from the middle of a box, on either axis, may answer for it."""

MOST_CELLS = 10
"""Per box."""

OUTSIDE = 1e5
"""Cost of a cell that is near the middle of a box or in the box, but not both."""

BOX_WEIGHT = 5.0


@dataclass(frozen=True)
class Assignment:
    """Which cells of an image answer for which box.

    Attributes:
        cells: (answers,) int64, ascending; every cell at most once.
        objects: (answers,) int64, the box of each.
        overlaps: (answers,) IoU of the cell's box with that box.
    """

    cells: Tensor
    objects: Tensor
    overlaps: Tensor


@torch.no_grad()
def assign(
    predictions: Predictions, image: int, boxes_xyxy: Tensor, classes: Tensor, size_wh: tuple[int, int]
) -> Assignment:
    """SimOTA (YOLOX section 2.1, "SimOTA"): every box takes the cells that cost least, as many as fit it well.

    As in ByteTrack, the middle of a box that leaves the image is moved to the image's border.

    Args:
        predictions: of the head.
        image: its number in them.
        boxes_xyxy: (objects, 4) true boxes in pixels of the network input, not clipped.
        classes: (objects,) int64.
        size_wh: of the network input.
    """
    middles = (predictions.corners_xy + 0.5) * predictions.strides[:, None]
    centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    centres = torch.minimum(centres.clamp(min=0), centres.new_tensor(size_wh))
    inside = _inside(predictions, boxes_xyxy)
    radius = CENTRE_RADIUS * predictions.strides
    near = ((middles - centres[:, None]).abs() < radius[:, None]).all(2)
    candidates = (inside | near).any(0).nonzero()[:, 0]

    overlaps = paired_iou(boxes_xyxy[:, None], predictions.boxes_xyxy(image, candidates)[None])
    objectness, kinds = predictions.objectness[image, candidates], predictions.classes[image, candidates]
    scores = (objectness[:, None].sigmoid() * kinds.sigmoid()).sqrt()
    wanted = F.one_hot(classes, scores.shape[1]).to(scores)
    each = (len(boxes_xyxy), *scores.shape)
    entropy = F.binary_cross_entropy(scores.expand(each), wanted[:, None].expand(each), reduction="none").sum(2)
    cost = entropy - 3.0 * (overlaps + 1e-8).log() + OUTSIDE * ~(inside & near)[:, candidates]

    most = min(MOST_CELLS, len(candidates))
    counts = overlaps.topk(most, dim=1).values.sum(1).int().clamp(min=1)
    cheapest = cost.topk(most, dim=1, largest=False).indices
    taken = torch.zeros_like(cost, dtype=torch.bool)
    taken.scatter_(1, cheapest, torch.arange(most, device=cost.device) < counts[:, None])
    # A cell that several boxes want answers for the one that it costs least.
    answers = taken.any(0).nonzero()[:, 0]
    wanting = torch.where(taken.sum(0) > 1, torch.ones_like(taken), taken)[:, answers]
    objects = cost[:, answers].masked_fill(~wanting, torch.inf).argmin(0)
    return Assignment(candidates[answers], objects, overlaps[objects, answers])


def _inside(predictions: Predictions, boxes_xyxy: Tensor) -> Tensor:
    """(objects, cells) bool, whose middle lies in which box."""
    middles = (predictions.corners_xy + 0.5) * predictions.strides[:, None]
    return (middles > boxes_xyxy[:, None, :2]).all(2) & (middles < boxes_xyxy[:, None, 2:]).all(2)


def detection_losses(
    predictions: Predictions,
    boxes_xyxy: Tensor,
    image_index: Tensor,
    classes: Tensor,
    size_wh: tuple[int, int],
    with_l1: bool,
    ignored: Tensor | None = None,
) -> tuple[dict[str, Tensor], int]:
    """The losses of some images, each over the number of cells that answer for a box.

    Args:
        predictions: of the head.
        boxes_xyxy: (objects, 4) true boxes of all images in pixels of the network input, not clipped.
        image_index: (objects,) int64, the image of each.
        classes: (objects,) int64.
        size_wh: of the network input.
        with_l1: adds the L1 loss of the raw boxes, as in the last epochs.
        ignored: (objects,) bool, boxes that no cell answers for; whether cells in them see an object, no loss asks.

    Returns:
        Losses by name, and how many cells answer.
    """
    dtype = predictions.boxes.dtype
    boxes_xyxy = boxes_xyxy.to(dtype)
    counted = torch.ones_like(image_index, dtype=torch.bool) if ignored is None else ~ignored
    images, cells, objects, overlaps = [], [], [], []
    for place in range(len(predictions.boxes)):
        own = ((image_index == place) & counted).nonzero()[:, 0]
        if len(own):
            chosen = assign(predictions, place, boxes_xyxy[own], classes[own], size_wh)
            images.append(torch.full_like(chosen.cells, place))
            cells.append(chosen.cells)
            objects.append(own[chosen.objects])
            overlaps.append(chosen.overlaps)
    # An empty part lets batches without a box go through the same lines.
    nothing = image_index[:0]
    image, cell, number = (torch.cat([nothing, *parts]) for parts in (images, cells, objects))
    overlap = torch.cat([boxes_xyxy.new_zeros(0), *overlaps])
    count = len(cell)

    said_xyxy, wanted_xyxy = predictions.boxes_xyxy(image, cell), boxes_xyxy[number]
    answering = torch.zeros_like(predictions.objectness)
    answering[image, cell] = 1.0
    kinds = F.one_hot(classes[number], predictions.classes.shape[2]).to(dtype) * overlap[:, None]
    asked = torch.ones_like(answering)
    for place in image_index[~counted].unique():
        regions_xyxy = boxes_xyxy[(image_index == place) & ~counted]
        asked[place] = torch.maximum(answering[place], (~_inside(predictions, regions_xyxy).any(0)).to(dtype))
    sums = {
        "loss_iou": BOX_WEIGHT * (1 - paired_iou(said_xyxy, wanted_xyxy) ** 2).sum(),
        "loss_objectness": F.binary_cross_entropy_with_logits(
            predictions.objectness, answering, asked, reduction="sum"
        ),
        "loss_class": F.binary_cross_entropy_with_logits(predictions.classes[image, cell], kinds, reduction="sum"),
    }
    if with_l1:
        strides = predictions.strides[cell, None]
        centres = (wanted_xyxy[:, :2] + wanted_xyxy[:, 2:]) / 2 / strides - predictions.corners_xy[cell]
        sizes = ((wanted_xyxy[:, 2:] - wanted_xyxy[:, :2]) / strides + 1e-8).log()
        raw = predictions.boxes[image, cell]
        sums["loss_l1"] = (raw - torch.cat([centres, sizes], dim=1)).abs().sum()
    return {name: loss / max(count, 1) for name, loss in sums.items()}, count

"""Who is who among the embedded boxes of a training batch: annotated objects, and what a detector takes for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_iou

from dmtrack.data.batches import Batch
from dmtrack.models.global_search.base import Features, GlobalSearchModel, concatenate

NOTHING = -1
"""Number of what is no annotated object: a false candidate, which only serves as a negative."""


@dataclass
class Instances:
    """n boxes of a batch.

    Attributes:
        boxes_xyxy: (n, 4) input pixels.
        images: (n,) int64; all query images come before all search images.
        scenes: (n,) int64, the pair that an image belongs to.
        things: (n,) int64; boxes of the same number show the same object, `NOTHING` is none.
        identities: (n,) int64, the object's number in the data set, -1 where it is unknown.
    """

    boxes_xyxy: Tensor
    images: Tensor
    scenes: Tensor
    things: Tensor
    identities: Tensor

    def __len__(self) -> int:
        return len(self.things)


@dataclass
class Relations:
    """What is known of every two boxes; (n, n) bool each.

    Attributes:
        positive: two views of one object.
        negative: row is an object, column something else.
        near: in the same scene. Negatives there are the ones that a tracker meets.
    """

    positive: Tensor
    negative: Tensor
    near: Tensor


def things_of(identities: Tensor) -> Tensor:
    """Numbers that are equal where identities are known and equal; every unknown one is an object of its own.

    Args:
        identities: (n,) int64, -1 where unknown.
    """
    alone = -1 - torch.arange(len(identities), device=identities.device)
    return torch.unique(torch.where(identities >= 0, identities, alone), return_inverse=True)[1]


def relate(instances: Instances, same_place_iou: float = 0.5) -> Relations:
    """Positives and negatives of a batch.

    Objects whose boxes coincide in an image (a rider and the bicycle, a bag and who carries it) are neither.

    Args:
        instances: of the batch.
        same_place_iou: boxes of one image that overlap more are at the same place.
    """
    things = instances.things
    is_thing = things != NOTHING
    same = (things[:, None] == things) & is_thing[:, None]
    itself = torch.eye(len(things), dtype=torch.bool, device=things.device)
    coincide = (instances.images[:, None] == instances.images) & (
        box_iou(instances.boxes_xyxy, instances.boxes_xyxy) > same_place_iou
    )
    # Wherever the two objects are seen, not only in the image where their boxes coincide.
    belongs = same.float()
    blurred = (belongs @ (coincide & is_thing[:, None] & is_thing).float() @ belongs.t()) > 0
    return Relations(
        positive=same & ~itself,
        negative=is_thing[:, None] & ~same & ~blurred,
        near=instances.scenes[:, None] == instances.scenes,
    )


SHOWS_IT = 0.6
"""From this IoU on a candidate shows the annotated object."""

SHOWS_SOMETHING_ELSE = 0.3
"""Up to this IoU with every annotated object it shows none of them; those between teach nothing."""


@torch.no_grad()
def detected_candidates(
    detector: GlobalSearchModel,
    query_features: Features,
    search_features: Features,
    batch: Batch,
    things: Tensor,
    count: int,
) -> Instances:
    """The best detections of one random target per pair, as instances of the search images.

    Those that show an annotated object are one more view of it, false ones are negatives for everything.

    Args:
        detector: in evaluation mode.
        query_features: of `detector.extract`.
        search_features: likewise.
        batch: that the features come from.
        things: (instances,) int64 numbers of the batch's instances.
        count: detections per target, best first.
    """
    targets = one_per_pair(batch.query.clip_index)
    pairs = batch.query.clip_index[targets]
    templates = detector.encode_templates(query_features, batch.query.boxes_xyxy[targets], pairs)
    outputs: Any = detector.search(search_features, templates, pairs)
    height, width = batch.search.images.shape[-2:]
    parts = [
        _labelled(detections.boxes_xyxy[:count].float(), int(pair), batch, things)
        for detections, pair in zip(detector.decode(outputs, (height, width), 1.0), pairs, strict=True)
    ]
    return concatenate(*parts)


def one_per_pair(pair_index: Tensor) -> Tensor:
    """Numbers of one instance of every pair that has any, drawn at random."""
    order = torch.randperm(len(pair_index), device=pair_index.device)
    chosen = [order[pair_index[order] == pair][:1] for pair in pair_index.unique()]
    return torch.cat(chosen) if chosen else order


def _labelled(boxes_xyxy: Tensor, pair: int, batch: Batch, things: Tensor) -> Instances:
    """Candidates of one search image; those that half show an object are left out."""
    own = (batch.query.clip_index == pair).nonzero()[:, 0]
    iou, nearest = box_iou(boxes_xyxy, batch.search.boxes_xyxy[own]).max(dim=1)
    shows = iou >= SHOWS_IT
    clear = shows | (iou <= SHOWS_SOMETHING_ELSE)
    rows = own[nearest]
    unknown = torch.full_like(rows, -1)
    known = unknown if batch.query.identities is None else batch.query.identities[rows]
    return Instances(
        boxes_xyxy=boxes_xyxy[clear],
        images=torch.full_like(rows, len(batch.query.images) + pair)[clear],
        scenes=torch.full_like(rows, pair)[clear],
        things=torch.where(shows, things[rows], NOTHING)[clear],
        identities=torch.where(shows, known, unknown)[clear],
    )

"""What a detector takes for its targets: the negatives that its embedding has to tell apart. Own design."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_iou

from dmtrack.data.batches import PairBatch
from dmtrack.models.global_search.base import Features, GlobalSearchModel
from dmtrack.models.reid.instances import NOTHING, Instances

SHOWS_IT = 0.6
"""From this IoU on a candidate shows the annotated object."""

SHOWS_SOMETHING_ELSE = 0.3
"""Up to this IoU with every annotated object it shows none of them; those between teach nothing."""


@torch.no_grad()
def detected_candidates(
    detector: GlobalSearchModel,
    query_features: Features,
    search_features: Features,
    batch: PairBatch,
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
    targets = one_per_pair(batch.pair_index)
    pairs = batch.pair_index[targets]
    templates = detector.encode_templates(query_features, batch.query_boxes_xyxy[targets], pairs)
    outputs: Any = detector.search(search_features, templates, pairs)
    height, width = batch.search_images.shape[-2:]
    parts = [
        _labelled(detections.boxes_xyxy[:count].float(), int(pair), batch, things)
        for detections, pair in zip(detector.decode(outputs, (height, width), 1.0), pairs, strict=True)
    ]
    return Instances.concatenate(*parts)


def one_per_pair(pair_index: Tensor) -> Tensor:
    """Numbers of one instance of every pair that has any, drawn at random."""
    order = torch.randperm(len(pair_index), device=pair_index.device)
    chosen = [order[pair_index[order] == pair][:1] for pair in pair_index.unique()]
    return torch.cat(chosen) if chosen else order


def _labelled(boxes_xyxy: Tensor, pair: int, batch: PairBatch, things: Tensor) -> Instances:
    """Candidates of one search image; those that half show an object are left out."""
    own = (batch.pair_index == pair).nonzero()[:, 0]
    iou, nearest = box_iou(boxes_xyxy, batch.search_boxes_xyxy[own]).max(dim=1)
    shows = iou >= SHOWS_IT
    clear = shows | (iou <= SHOWS_SOMETHING_ELSE)
    rows = own[nearest]
    unknown = torch.full_like(rows, -1)
    known = unknown if batch.identities is None else batch.identities[rows]
    return Instances(
        boxes_xyxy=boxes_xyxy[clear],
        images=torch.full_like(rows, len(batch.query_images) + pair)[clear],
        scenes=torch.full_like(rows, pair)[clear],
        things=torch.where(shows, things[rows], NOTHING)[clear],
        identities=torch.where(shows, known, unknown)[clear],
    )

"""Who is who among the embedded boxes of a training batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_iou

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
        identities: (n,) int64, the object's number in the data set, -1 where nobody knows.
    """

    boxes_xyxy: Tensor
    images: Tensor
    scenes: Tensor
    things: Tensor
    identities: Tensor

    def __len__(self) -> int:
        return len(self.things)

    @staticmethod
    def concatenate(*several: Instances) -> Instances:
        """All boxes of several."""
        columns = zip(*(vars(one).values() for one in several), strict=True)
        return Instances(*(torch.cat(column) for column in columns))


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

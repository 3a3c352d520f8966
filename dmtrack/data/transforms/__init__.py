"""Joint augmentation of a query and a search image; every step is `step(pair, rng) -> pair` (spec section 5.3)."""

from dmtrack.data.transforms.box_rules import BoundBoxes, InclusiveBoxes, LimitInstances
from dmtrack.data.transforms.crop import RandomCrop
from dmtrack.data.transforms.expand import RandomExpand
from dmtrack.data.transforms.flip import RandomFlip
from dmtrack.data.transforms.photometric import PhotometricDistort, RandomBlur, RandomGray
from dmtrack.data.transforms.rescale import Rescale, ShrinkToFit

__all__ = [
    "BoundBoxes",
    "InclusiveBoxes",
    "LimitInstances",
    "PhotometricDistort",
    "RandomBlur",
    "RandomCrop",
    "RandomExpand",
    "RandomFlip",
    "RandomGray",
    "Rescale",
    "ShrinkToFit",
]

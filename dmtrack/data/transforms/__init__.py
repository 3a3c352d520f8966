"""Joint augmentation of the images of a clip; every step is `step(clip, rng) -> clip`."""

from dmtrack.data.transforms.affine import LetterboxTo, RandomAffine, SaturationValueJitter
from dmtrack.data.transforms.box_rules import BoundBoxes, InclusiveBoxes, LimitInstances
from dmtrack.data.transforms.degrading import Degrade
from dmtrack.data.transforms.geometry import RandomCrop, RandomExpand, RandomFlip, Rescale, ShrinkToFit
from dmtrack.data.transforms.photometric import PhotometricDistort, RandomBlur, RandomGray
from dmtrack.data.transforms.restyling import Restyle

__all__ = [
    "BoundBoxes",
    "Degrade",
    "InclusiveBoxes",
    "LetterboxTo",
    "LimitInstances",
    "PhotometricDistort",
    "RandomAffine",
    "RandomBlur",
    "RandomCrop",
    "RandomExpand",
    "RandomFlip",
    "RandomGray",
    "Rescale",
    "Restyle",
    "SaturationValueJitter",
    "ShrinkToFit",
]

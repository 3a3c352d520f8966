"""Training pairs for Siamese trackers: crops around the target, and their augmentation."""

from dmtrack.data.siamese.augmentation import BlurSearch, CropAround, ShiftColour, ShiftScaleCrop

__all__ = ["BlurSearch", "CropAround", "ShiftColour", "ShiftScaleCrop"]

"""Training pairs for Siamese trackers: crops around the target, their augmentation, and which frames make a pair."""

from dmtrack.data.siamese.augmentation import BlurSearch, CropAround, ShiftColour, ShiftScaleCrop
from dmtrack.data.siamese.pairing import FramePair, pair_frames, pair_valid_frames

__all__ = [
    "BlurSearch",
    "CropAround",
    "FramePair",
    "ShiftColour",
    "ShiftScaleCrop",
    "pair_frames",
    "pair_valid_frames",
]

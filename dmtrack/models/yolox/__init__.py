"""YOLOX (Ge et al., 2021, arXiv 2107.08430) as ByteTrack trains it; importing the package registers the model."""

from dmtrack.models.yolox import yolox as yolox

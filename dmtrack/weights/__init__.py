"""Weights: safetensors with metadata of our own, and safe reading of everybody else's checkpoints."""

from dmtrack.config import find_weights
from dmtrack.weights.importing import average_state_dicts
from dmtrack.weights.loading import KeyReport, load_into, load_weights
from dmtrack.weights.reading import WeightsFile, read_weights
from dmtrack.weights.saving import save_weights

__all__ = [
    "KeyReport",
    "WeightsFile",
    "average_state_dicts",
    "find_weights",
    "load_into",
    "load_weights",
    "read_weights",
    "save_weights",
]

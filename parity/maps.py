"""Random head outputs, as the files about post-processing and targets use them."""

from __future__ import annotations

import numpy as np
import torch

from dmtrack.models.global_search.head import LevelOutputs
from parity.formulas import normal
from parity.golden import GoldenFile


def random_outputs(golden: GoldenFile) -> list[LevelOutputs]:
    """Class, distance and centerness maps of one target for every level that the file names."""
    random = np.random.RandomState(int(golden.given("seed")))
    levels = []
    for level, (height, width) in enumerate(golden.given("sizes").tolist()):
        cls_logits = 2 * normal(random, 1, 2, height, width) - 3
        distances = np.float32(30 * 2**level) * np.abs(normal(random, 1, 4, height, width))
        centerness = normal(random, 1, 1, height, width)
        levels.append(LevelOutputs(*(torch.from_numpy(array) for array in (cls_logits, distances, centerness))))
    return levels

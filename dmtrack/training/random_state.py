"""Random numbers that depend on the seed, the batch and the process, and on nothing that happened before.

A generator whose state is carried along would have to be saved, and would still be disturbed by whatever draws from it
in between (a validation, a data loader that starts). Seeding anew for every batch makes a resumed run draw the same
numbers as the uninterrupted one by construction.
"""

from __future__ import annotations

import random

import numpy as np
import torch

MODEL_INITIALISATION = -1
"""Stands for the batch while the weights are drawn."""


def seed_batch(seed: int, batch: int, rank: int = 0) -> None:
    """Seeds torch (every device), NumPy's global generator and `random`.

    Args:
        seed: of the run, at least 0.
        batch: 0-based number of the process's batch in the run, or `MODEL_INITIALISATION`.
        rank: number of this process.
    """
    words = np.random.SeedSequence([seed, batch + 1, rank]).generate_state(3, np.uint32)
    torch.manual_seed((int(words[0]) << 32) | int(words[1]))
    np.random.seed(int(words[2]))
    random.seed(int(words[2]))
